import Foundation
import SandboxTestSupport
import Testing

/// DESIGN 7 as a test: who may depend on whom, what the privileged programs consist of, how large a file may be.
struct LayoutTests {
    private let manifest: Manifest

    init() throws { manifest = try Manifest() }

    private static let c: Set = ["CSandbox", "CInitPlan", "CInit", "CSeccomp"]
    private static let values: Set = ["Backoff", "SandboxModel", "SandboxWire", "LaunchPlan"]
    private static let linux: Set = ["LinuxSystem", "SeccompFilter"]
    private static let daemon: Set = [
        "ShellSyntax", "SandboxMetrics", "SandboxPolicy", "SandboxEngine", "SandboxServer",
    ]
    private static let products: Set = [
        "sandboxd", "sandbox-launcher", "sandbox-docker", "sandbox-init", "sandboxctl", "sandboxctl-verbs",
        "SandboxExec", "SandboxClient", "example-agent", "sandbox-probe", "sandbox-bench",
    ]

    /// What tests consist of beside test targets.
    private static let testSupport: Set = [
        "SandboxTestSupport", "Fuzzing", "CEscape", "EscapeAttempts", "escape-probe",
    ]

    /// A target's layer: a smaller number is further down.
    private func layer(_ name: String) -> Int? {
        [Self.c, Self.values, Self.linux, Self.daemon, Self.products].firstIndex { $0.contains(name) }
    }

    @Test func `the manifest has the targets of the design and no other`() {
        let named = Self.c.union(Self.values).union(Self.linux).union(Self.daemon).union(Self.products)
        let tests = manifest.targets.values.filter { $0.kind == ".testTarget" || Self.testSupport.contains($0.name) }
        #expect(Set(manifest.targets.keys).subtracting(tests.map(\.name)) == named)
    }

    @Test func `arrows go down only`() throws {
        for target in manifest.targets.values {
            guard let own = layer(target.name) else { continue }
            for other in target.targets {
                let below = try #require(layer(other), "\(target.name) depends on \(other), which has no layer")
                #expect(below <= own, "\(target.name) must not depend on \(other)")
                #expect(!closesCircle(from: other, to: target.name), "\(target.name) and \(other) depend on each other")
            }
        }
    }

    private func closesCircle(from start: String, to end: String) -> Bool {
        manifest.closure(of: start).contains(end)
    }

    @Test func `every import is declared, and no declared one is missing from the manifest`() throws {
        let own = Set(manifest.targets.keys)
        for file in try SourceFile.all([".swift"]) {
            guard let target = manifest.targets[file.target] else { continue }
            for name in file.imports where own.contains(name) && name != file.target {
                #expect(
                    target.targets.contains(name), "\(file.path) imports \(name), which its target does not declare")
            }
            for name in file.imports
            where name.hasPrefix("NIO") || ["ArgumentParser", "CoreMetrics", "Logging", "Yams"].contains(name) {
                #expect(
                    target.products.contains(name), "\(file.path) imports \(name), which its target does not declare")
            }
        }
    }

    @Test func `the launcher's closure is C, LaunchPlan, LinuxSystem and SeccompFilter, and no package`() throws {
        let closure = manifest.closure(of: "sandbox-launcher")
        let allowed = Self.linux.union(["sandbox-launcher", "LaunchPlan", "CSandbox", "CInitPlan", "CSeccomp"])
        #expect(closure == allowed)
        #expect(manifest.products(ofClosure: "sandbox-launcher").isEmpty)
        for file in try SourceFile.all([".swift"]) where closure.contains(file.target) {
            #expect(file.imports.subtracting(allowed).subtracting(["Glibc"]).isEmpty, "\(file.path)")
        }
    }

    @Test func `the launcher as built links no Foundation, Dispatch or concurrency runtime`() throws {
        let needed = try Self.run(["/usr/bin/readelf", "-d", BuiltProducts.path("sandbox-launcher")])
        #expect(needed.contains("libc.so"))
        for library in ["Foundation", "dispatch", "Concurrency", "StringProcessing", "NIO"] {
            #expect(!needed.contains(library), "\(library)")
        }
    }

    /// It parses what an engine says: nothing that holds policies or requests parses that, and nothing of theirs is in it.
    @Test func `what speaks with an engine knows LaunchPlan, LinuxSystem and an HTTP client alone`() throws {
        let closure = manifest.closure(of: "sandbox-docker")
        #expect(closure == ["sandbox-docker", "Backoff", "LaunchPlan", "LinuxSystem", "CSandbox"])
        #expect(manifest.products(ofClosure: "sandbox-docker") == ["NIOCore", "NIOPosix", "NIOHTTP1"])
        let allowed: Set = [
            "Backoff", "Glibc", "Dispatch", "FoundationEssentials", "LaunchPlan", "LinuxSystem", "NIOCore", "NIOPosix",
            "NIOHTTP1",
        ]
        for file in try SourceFile.all([".swift"]) {
            if file.target == "sandbox-docker" { #expect(file.imports.isSubset(of: allowed), "\(file.path)") }
            guard !file.target.hasSuffix("Tests") else { continue }
            #expect(!file.imports.contains("NIOHTTP1") || file.target == "sandbox-docker", "\(file.path)")
        }
    }

    @Test(arguments: ["sandbox-init", "sandbox-probe"])
    func `what runs inside is C and Embedded Swift, static, without libc`(_ name: String) throws {
        #expect(manifest.closure(of: name) == [name, "CInit", "CInitPlan"])
        for file in try SourceFile.all([".swift"]) where file.target == name {
            #expect(file.imports.isSubset(of: ["CInit", "CInitPlan"]), "\(file.path)")
        }
        let program = BuiltProducts.path(name)
        let headers = try Self.run(["/usr/bin/readelf", "-hdl", program])
        #expect(headers.contains("There is no dynamic section"))
        #expect(!headers.contains("INTERP"))
        let symbols = try Self.run(["/usr/bin/nm", program])
        #expect(symbols.contains(" T _start"))
        #expect(!symbols.contains("__libc_start_main"))
        #expect(!symbols.split(separator: "\n").contains { $0.contains(" U ") })
    }

    @Test func `the client depends on no package, and on the model and the wire alone`() throws {
        let closure = manifest.closure(of: "SandboxClient")
        #expect(closure.isSubset(of: ["SandboxClient", "Backoff", "SandboxModel", "SandboxWire", "CSandbox"]))
        #expect(manifest.products(ofClosure: "SandboxClient").isEmpty)
        let allowed = closure.union(["Glibc", "Synchronization"])
        for file in try SourceFile.all([".swift"]) where closure.contains(file.target) {
            #expect(file.imports.isSubset(of: allowed), "\(file.path)")
        }
    }

    /// It is started for every command: what it depends on, each start pays for.
    @Test func `sandboxctl depends on no package, and on nothing that knows policies`() {
        let closure = manifest.closure(of: "sandboxctl")
        #expect(closure == manifest.closure(of: "SandboxClient").union(["sandboxctl", "SandboxExec"]))
        #expect(manifest.products(ofClosure: "sandboxctl").isEmpty)
    }

    /// What it does is slow to load and quick to allocate, and none of it was written against hostile input. (Yams is, at
    /// start-up, over root's own files.)
    @Test func `no Foundation in the client, in sandboxctl, and between frame and launch`() throws {
        let targets = manifest.closure(of: "sandboxctl-verbs").union(manifest.closure(of: "sandboxd"))
        for file in try SourceFile.all([".swift"]) where targets.contains(file.target) {
            #expect(!file.imports.contains { $0.hasPrefix("Foundation") }, "\(file.path)")
        }
    }

    @Test func `no unsafe flags in the client's closure, or no package could depend on it`() {
        for name in manifest.closure(of: "SandboxClient") {
            let call = manifest.text.components(separatedBy: "name: \"\(name)\"").last ?? ""
            let end = call.range(of: "\n        .")?.lowerBound ?? call.endIndex
            #expect(!call[..<end].contains("unsafeFlags") && !call[..<end].contains("bare"), "\(name)")
        }
    }

    @Test func `files have at most 400 lines`() throws {
        for file in try SourceFile.all([".swift", ".c", ".h"]) {
            #expect(file.lines.count <= 401, "\(file.path) has \(file.lines.count) lines")
        }
    }

    @Test func `functions have at most 60 lines`() throws {
        for file in try SourceFile.all([".swift"]) {
            for (line, length) in longFunctions(in: file) { Issue.record("\(file.path):\(line) has \(length) lines") }
        }
    }

    /// A function ends at the first line that closes it at its own indentation; the formatter sees to that.
    private func longFunctions(in file: SourceFile) -> [(line: Int, length: Int)] {
        file.lines.enumerated().compactMap { index, line in
            guard line.contains("func ") || line.contains(" init("), line.hasSuffix("{") else { return nil }
            let indentation = line.prefix { $0 == " " }
            guard let end = file.lines[(index + 1)...].firstIndex(of: indentation + "}") else { return nil }
            return end - index - 1 > 60 ? (index + 1, end - index - 1) : nil
        }
    }

    @Test func `the top level is as the design says`() throws {
        let entries = try Self.run(["/usr/bin/git", "-C", Manifest.root, "ls-files"])
            .split(separator: "\n").map { $0.split(separator: "/")[0] }
        let allowed: Set<Substring> = [
            "Package.swift", "Sources", "Tests", "policies", "systemd", "README.md", "Makefile", "LICENSE",
        ]
        #expect(Set(entries).filter { !$0.hasPrefix(".") }.isSubset(of: allowed))
    }

    private static func run(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: arguments[0])
        process.arguments = Array(arguments.dropFirst())
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
