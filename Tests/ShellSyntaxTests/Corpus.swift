import Foundation
import ShellSyntax

/// The commands in `Corpus`, which README.md there describes.
struct CorpusRecord: Sendable, CustomStringConvertible {
    var text: String
    var isRun = false
    var isPosix = false
    /// Why bash and the parser disagree.
    var difference: String?
    var place: String

    var description: String { "\(place): \(text)" }

    static let all: [CorpusRecord] = ["agents", "quoting", "errors"].flatMap { name in
        let url = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus/\(name).txt")
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return [CorpusRecord]() }
        return read(text, from: name)
    }

    private static func read(_ text: String, from name: String) -> [CorpusRecord] {
        var records: [CorpusRecord] = []
        var lines: [Substring] = []
        func end() {
            if !records.isEmpty { records[records.count - 1].text = lines.joined(separator: "\n") }
            lines = []
        }
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().enumerated() {
            guard line.hasPrefix("#%") else {
                lines.append(line)
                continue
            }
            end()
            var record = CorpusRecord(text: "", place: "\(name).txt:\(number + 1)")
            var flags = line.dropFirst(2)
            if let range = flags.range(of: "differs: ") {
                record.difference = String(flags[range.upperBound...])
                flags = flags[..<range.lowerBound]
            }
            for flag in flags.split(separator: " ") {
                switch flag {
                case "run": record.isRun = true
                case "posix": record.isPosix = true
                default: fatalError("\(record.place): unknown flag \(flag)")
                }
            }
            records.append(record)
        }
        end()
        return records
    }
}

/// A real shell, to compare with.
enum RealShell: String, CaseIterable, Sendable {
    case bash = "/bin/bash"
    case dash = "/bin/dash"

    var dialect: ShellDialect { self == .bash ? .bash : .posix }
    var exists: Bool { FileManager.default.isExecutableFile(atPath: rawValue) }

    /// Whether `-n` finds nothing wrong. What bash says about `[[` it says with exit status 0.
    func accepts(_ text: String) throws -> Bool {
        let (status, errors) = try Self.run([rawValue, "-n", "-c", text], in: "/", environment: ["PATH": "/nowhere"])
        return status == 0 && !errors.contains("conditional") && !errors.contains("expected `)'")
    }

    static func run(
        _ argv: [String], in directory: String, environment: [String: String]
    ) throws -> (status: Int32, errors: String) {
        let process = Process()
        process.executableURL = URL(filePath: argv[0])
        process.arguments = Array(argv.dropFirst())
        process.environment = environment
        process.currentDirectoryURL = URL(filePath: directory)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        // A file and no pipe: what a command leaves running in the background would keep a pipe open.
        let log = FileManager.default.temporaryDirectory.appending(path: "shell-\(UUID().uuidString)")
        try Data().write(to: log)
        defer { try? FileManager.default.removeItem(at: log) }
        let handle = try FileHandle(forWritingTo: log)
        process.standardError = handle
        try process.run()
        process.waitUntilExit()
        try handle.close()
        return (process.terminationStatus, String(decoding: try Data(contentsOf: log), as: UTF8.self))
    }
}
