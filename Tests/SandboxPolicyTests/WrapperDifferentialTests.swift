import Foundation
import SandboxPolicy
import Testing

/// The programs themselves, run with many spellings of their options, against what the filter finds in these.
///
/// Every line ends in the names of three programs that print their own name. Which of them is run is what a program made of
/// its options; the filter must have found that one, or be in doubt.
@Suite("Wrappers as they are", .timeLimit(.minutes(1)))
struct WrapperDifferentialTests {
    struct Program: Sendable, CustomTestStringConvertible {
        let name: String
        var options: [Option]
        /// Without which it runs nothing.
        var fixed: [String] = []
        var operands: [String] = []

        var testDescription: String { name }

        var isInstalled: Bool {
            ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].contains {
                FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
            }
        }
    }

    struct Option: Sendable {
        enum Argument { case none, required, optional }
        var letter: Character?
        var name: String?
        var argument = Argument.none
        /// Which the program accepts, and does no harm with.
        var value = ""
    }

    private static func flag(_ letter: Character?, _ name: String? = nil) -> Option {
        Option(letter: letter, name: name)
    }
    private static func takes(_ letter: Character?, _ name: String? = nil, _ value: String) -> Option {
        Option(letter: letter, name: name, argument: .required, value: value)
    }
    private static func may(_ letter: Character?, _ name: String? = nil, _ value: String) -> Option {
        Option(letter: letter, name: name, argument: .optional, value: value)
    }

    static let programs = [
        Program(
            name: "env",
            options: [
                flag("v", "debug"), takes("u", "unset", "m3"), takes("C", "chdir", "."),
                may(nil, "default-signal", "INT"),
                may(nil, "block-signal", "INT"), may(nil, "ignore-signal", "INT"), takes("S", "split-string", "A=b"),
                takes("S", "split-string", "m2"),
            ]),
        Program(name: "nice", options: [takes("n", "adjustment", "1"), flag("1"), takes("n", "adjustment", "0")]),
        Program(name: "nohup", options: []),
        Program(name: "setsid", options: [flag("w", "wait")]),
        Program(
            name: "timeout",
            options: [
                takes("k", "kill-after", "5"), takes("s", "signal", "9"), flag("v", "verbose"), flag(nil, "foreground"),
                flag(nil, "preserve-status"),
            ], operands: ["20"]),
        Program(
            name: "stdbuf",
            options: [takes("i", "input", "0"), takes("o", "output", "L"), takes("e", "error", "0")]),
        Program(
            name: "time",
            options: [
                flag("p", "portability"), flag("v", "verbose"), takes("f", "format", "m3"),
                takes("o", "output-file", "m2"),
                flag("a", "append"), flag("q", "quiet"),
            ]),
        Program(
            name: "ionice",
            options: [takes("c", "class", "2"), takes("n", "classdata", "7"), flag("t", "ignore")]),
        Program(
            name: "chrt",
            options: [flag("o", "other"), flag("v", "verbose"), flag("R", "reset-on-fork"), flag("a", "all-tasks")],
            fixed: ["-o"], operands: ["0"]),
        Program(name: "taskset", options: [flag("a", "all-tasks")], operands: ["0xffffffff"]),
        Program(
            name: "xargs",
            options: [
                flag("0", "null"), takes("a", "arg-file", "list"), takes("d", "delimiter", ","), takes("E", nil, "m3"),
                may("e", "eof", "m3"), takes("I", nil, "R"), may("i", "replace", "R"), takes("L", nil, "1"),
                may("l", "max-lines", "1"), takes("n", "max-args", "9"), takes("P", "max-procs", "1"),
                takes("s", "max-chars", "999"), flag("t", "verbose"), flag("r", "no-run-if-empty"), flag("x", "exit"),
                takes(nil, "process-slot-var", "m2"),
            ]),
        Program(
            name: "flock",
            options: [
                flag("s", "shared"), flag("x", "exclusive"), flag("n", "nb"), flag("n", "nonblocking"),
                takes("w", "timeout", "5"), takes("w", "wait", "5"), takes("E", "conflict-exit-code", "7"),
                flag("o", "close"), flag(nil, "verbose"), flag("e"),
            ], operands: ["lock"]),
        Program(
            name: "prlimit",
            options: [
                may("n", "nofile", "64"), may("c", "core", "0"), may("t", "cpu", "60"), takes("o", "output", "SOFT"),
                flag(nil, "raw"), flag(nil, "noheadings"), flag(nil, "verbose"),
            ]),
        Program(
            name: "setpriv",
            options: [
                flag(nil, "nnp"), flag(nil, "no-new-privs"), takes(nil, "pdeathsig", "keep"),
                takes(nil, "inh-caps", "-chown"),
            ]),
        Program(
            name: "strace",
            options: [
                flag("f", "follow-forks"), flag("q"), may(nil, "quiet", "all"), takes("o", "output", "m2"),
                takes("s", "string-limit", "9"), takes("e", "trace", "none"), takes("E", "env", "m3=1"),
                may(nil, "relative-timestamps", "s"), flag("c", "summary-only"), flag("T"), flag("t"),
                takes("P", "trace-path", "m1"), may(nil, "strings-in-hex", "all"), flag("y"),
            ]),
        Program(
            name: "setarch",
            options: [
                flag("R", "addr-no-randomize"), flag("L", "addr-compat-layout"), flag("v", "verbose"), flag("3", "3gb"),
                flag(nil, "4gb"), flag(nil, "uname-2.6"), flag("S", "whole-seconds"),
            ]),
        Program(name: "choom", options: [takes("n", "adjust", "900")], fixed: ["-n", "900"]),
        Program(
            name: "unshare",
            options: [
                flag("r", "map-root-user"), may(nil, "user", "m3"), flag("U"), flag("u"),
                may(nil, "kill-child", "KILL"),
                flag("f", "fork"), takes("w", "wd", "."), takes(nil, "setgroups", "deny"),
            ]),
    ]

    @Test("the filter knows which command is run, or doubts it", arguments: programs.filter(\.isInstalled))
    func options(program: Program) throws {
        var lines = Lines(seed: UInt64(program.name.utf8.reduce(7) { $0 &* 31 &+ Int($1) }))
        // nohup takes no options: the line is the same each time.
        try compare((0..<20).map { _ in lines.next(program) }, leastRun: 4)
    }

    @Test("the text of env -S is cut as env does it")
    func split() throws {
        var lines = Lines(seed: 5)
        try compare((0..<100).map { _ in lines.nextSplit() }, leastRun: 12)
    }

    private func compare(_ lines: [[String]], leastRun: Int) throws {
        let names = ["m1", "m2", "m3"]
        let strict = try names.map { try policy("commands: { deny: [\($0)] }\n") }
        let open = try names.map { try policy("commands: { undecided: allow, deny: [\($0)] }\n") }
        var run = 0
        var certain = 0
        for (line, executed) in zip(lines, try Harness(names).run(lines)) {
            for (index, name) in names.enumerated() where executed.contains(name[...]) {
                run += 1
                if case .denied = open[index].judge(argv: line) { certain += 1 }
                if case .denied = strict[index].judge(argv: line) { continue }
                Issue.record("\(line) ran \(name), and the filter is sure that it does not")
            }
        }
        #expect(run >= leastRun, "only \(run) of \(lines.count) lines ran a program")
        #expect(certain * 10 >= run * 8, "the filter knew only \(certain) of \(run)")
    }
}

/// Makes command lines.
private struct Lines {
    typealias Tests = WrapperDifferentialTests
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    private mutating func below(_ limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % limit
    }

    mutating func next(_ program: Tests.Program) -> [String] {
        var words = [program.name]
        if program.name == "setarch", below(2) == 0 { words.append("linux64") }
        words += program.fixed
        for _ in 0..<below(4) where !program.options.isEmpty {
            words += spell(program.options[below(program.options.count)], program)
        }
        if below(4) == 0 { words.append("--") }
        words += program.operands
        // Behind the operand they are the command's, or no options any more.
        if below(8) == 0, let option = program.options.first { words += spell(option, program) }
        return words + ["m1", "m2", "m3"]
    }

    private mutating func spell(_ option: Tests.Option, _ program: Tests.Program) -> [String] {
        if let letter = option.letter, option.name == nil || below(2) == 0 {
            var cluster = "-"
            let flags = program.options.filter { $0.argument == .none && $0.letter != nil }
            if below(3) == 0, !flags.isEmpty { cluster.append(flags[below(flags.count)].letter ?? letter) }
            cluster.append(letter)
            switch option.argument {
            case .none: return [cluster]
            case .required: return below(2) == 0 ? [cluster + option.value] : [cluster, option.value]
            case .optional: return [[cluster + option.value], [cluster], [cluster, "m3"]][below(3)]
            }
        }
        let name = option.name ?? ""
        let short = "--" + name.prefix(below(2) == 0 ? name.count : 1 + below(name.count))
        switch option.argument {
        case .none: return [short]
        case .required: return below(2) == 0 ? ["\(short)=\(option.value)"] : [short, option.value]
        case .optional: return [["\(short)=\(option.value)"], [short], [short, "m3"]][below(3)]
        }
    }

    private static let pieces = [
        " ", " ", " ", "m1", "m2", "m3", "\\_", "\\c", "#", "'", "'", "\"", "\"", "\\t", "A=b ", "-i ", "-u A ", "-- ",
        "\\\\", "\\#", "${HOME}", "${NOT_SET_HERE}", "\\'", "\t", "-S ", "\\q", "$A",
    ]

    mutating func nextSplit() -> [String] {
        var text = ""
        for _ in 0...below(6) { text += Self.pieces[below(Self.pieces.count)] }
        return ["env"] + [["-S", text], ["-S" + text], ["--spl=" + text], ["-vS", text]][below(4)] + ["m1", "m2"]
    }
}

/// Runs lines, with programs in the search path that print their names.
private struct Harness {
    private let directory = FileManager.default.temporaryDirectory.appending(path: "wrappers-\(UUID().uuidString)")

    init(_ names: [String]) throws {
        try FileManager.default.createDirectory(at: directory.appending(path: "bin"), withIntermediateDirectories: true)
        try FileManager.default.createDirectory(
            at: directory.appending(path: "work"), withIntermediateDirectories: true)
        try Data("a\n".utf8).write(to: directory.appending(path: "work/list"))
        for name in names {
            let path = directory.appending(path: "bin/\(name)").path
            try Data("#!/bin/sh\necho \(name)\n".utf8).write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
    }

    /// For each line, the names that were printed: one shell runs all of them.
    func run(_ lines: [[String]]) throws -> [Set<Substring>] {
        defer { try? FileManager.default.removeItem(at: directory) }  // No test reads it again.
        // A file for each line: what a program leaves running must not seem to be of the next one.
        let script = lines.enumerated().map { number, line in
            let words = line.map { "'" + $0.replacing("'", with: "'\\''") + "'" }.joined(separator: " ")
            return "echo a | \(words) >../output.\(number) 2>/dev/null\n"
        }
        try Data((script + ["exit 0\n"]).joined().utf8).write(to: directory.appending(path: "script"))
        try start(["/bin/sh", directory.appending(path: "script").path])
        return try lines.indices.map { number in
            let output = try String(contentsOf: directory.appending(path: "output.\(number)"), encoding: .utf8)
            return Set(output.split(separator: "\n"))
        }
    }

    /// For 40 seconds at most.
    private func start(_ argv: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/timeout")
        process.arguments = ["-s", "KILL", "40"] + argv
        let path = directory.appending(path: "bin").path + ":/usr/bin:/bin:/usr/sbin:/sbin"
        process.environment = ["PATH": path, "HOME": "m3", "LC_ALL": "C"]
        process.currentDirectoryURL = directory.appending(path: "work")
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationReason == .exit && process.terminationStatus == 0)
    }
}
