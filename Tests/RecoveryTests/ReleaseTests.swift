import Foundation
import SandboxTestSupport
import Testing

/// What is installed has no points at which anything could be made to go wrong.
struct ReleaseTests {
    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path()
    /// Of the code and of the names that go with it: a variable, types, the words of a step that fails.
    private static let words = ["SANDBOX_FAULTS", "FaultPoint", "FaultPage", "what a test lets fail"]

    @Test func `the manifest defines the condition for debug builds alone, and no source defines it`() throws {
        let manifest = try String(contentsOfFile: Self.root + "Package.swift", encoding: .utf8)
        let lines = manifest.split(separator: "\n").filter { $0.contains("SANDBOX_FAULTS") }
        #expect(
            lines == [#"let faults: [SwiftSetting] = [.define("SANDBOX_FAULTS", .when(configuration: .debug))]"#[...]])
        let makefile = try String(contentsOfFile: Self.root + "Makefile", encoding: .utf8)
        #expect(!makefile.contains("SANDBOX_FAULTS"))
    }

    @Test func `every mention of a fault in the programs' sources is within that condition`() throws {
        let files = try FileManager.default.subpathsOfDirectory(atPath: Self.root + "Sources")
        var mentions = 0
        for file in files where file.hasSuffix(".swift") {
            var depth: [Bool] = []
            let text = try String(contentsOfFile: "\(Self.root)Sources/\(file)", encoding: .utf8)
            for line in text.split(separator: "\n").map({ $0.drop { $0 == " " } }) {
                if line.hasPrefix("#if ") { depth.append(line == "#if SANDBOX_FAULTS") }
                if line.hasPrefix("#else") { depth[depth.count - 1] = false }
                if line.hasPrefix("#endif") { depth.removeLast() }
                guard line.contains("Fault."), !line.contains("Default.") else { continue }
                mentions += 1
                #expect(depth.contains(true), "\(file): \(line)")
            }
        }
        #expect(mentions > 20)
    }

    @Test func `the search finds it where it is`() {
        for name in ["sandboxd", "sandbox-launcher"] {
            for word in Self.words {
                #expect(Programs.contains(word, BuiltProducts.testPath(name)), "\(name): \(word)")
            }
        }
    }

    @Test(.enabled(if: Programs.areReleased, "no release programs are built"))
    func `a release program has none of it`() {
        for name in Programs.names {
            for word in Self.words {
                #expect(!Programs.contains(word, "\(Programs.releaseDirectory)/\(name)"), "\(name): \(word)")
            }
        }
    }
}
