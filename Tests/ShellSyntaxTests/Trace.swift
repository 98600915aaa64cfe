import Foundation
import ShellSyntax

/// Runs a program text in a real shell in which every program is a recorder, and tells what was started.
///
/// `PATH` leads only to recorders: one for each word of the text, and in bash for each other name through
/// `command_not_found_handle`. Nothing real can be started but by an absolute path, and the corpus runs none.
struct Recorder {
    private let root: URL
    private let stubs: URL
    private let trace: URL
    private let work: URL
    private let program: URL

    init() throws {
        root = FileManager.default.temporaryDirectory.appending(path: "shell-trace-\(UUID().uuidString)")
        stubs = root.appending(path: "stubs")
        trace = root.appending(path: "trace")
        work = root.appending(path: "work")
        program = root.appending(path: "recorder")
        for folder in [stubs, trace, work] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        // Succeeds twice for each name, so that `until` and `while` see both.
        try """
        #!/bin/bash
        printf '%s\\0' "${0##*/}" "$@" > "$TRACE/$BASHPID.$SRANDOM"
        mark="$TRACE/../again.${0##*/}"
        [[ -e $mark.2 ]] && exit 1
        [[ -e $mark ]] && : > "$mark.2"
        : > "$mark"
        exit 0
        """.write(to: program, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path())
        try """
        command_not_found_handle() { printf '%s\\0' "$@" > "$TRACE/$BASHPID.$SRANDOM"; }
        """.write(to: root.appending(path: "environment"), atomically: true, encoding: .utf8)
    }

    func remove() { try? FileManager.default.removeItem(at: root) }

    /// The argument lists of the programs that were started, in no order.
    func run(_ text: String, with shell: RealShell) throws -> [[String]] {
        for name in Self.names(in: text) {
            let link = stubs.appending(path: name).path()
            if !FileManager.default.fileExists(atPath: link) {
                try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: program.path())
            }
        }
        let directory = work.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let environment = [
            "PATH": stubs.path(), "HOME": "/home/recorded", "TRACE": trace.path(), "LC_ALL": "C.UTF-8",
            "BASH_ENV": root.appending(path: "environment").path(),
        ]
        _ = try RealShell.run(
            ["/usr/bin/timeout", "-k", "1", "10", shell.rawValue, "-c", text], in: directory.path(),
            environment: environment)
        return try collect()
    }

    private static func names(in text: String) -> Set<String> {
        var names: Set<String> = ["rm", "show"]
        for word in text.split(whereSeparator: { !($0.isASCII && ($0.isLetter || $0.isNumber) || "_-.".contains($0)) })
        where word.first.map({ $0.isLetter }) ?? false && word.count < 60 {
            names.insert(String(word))
        }
        return names
    }

    private func collect() throws -> [[String]] {
        var commands: [[String]] = []
        for file in try FileManager.default.contentsOfDirectory(at: trace, includingPropertiesForKeys: nil) {
            let bytes = try Data(contentsOf: file)
            let words = bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast()
            commands.append(words.map { String(decoding: $0, as: UTF8.self) })
            try FileManager.default.removeItem(at: file)
        }
        for file in try FileManager.default.contentsOfDirectory(atPath: root.path()) where file.hasPrefix("again.") {
            try FileManager.default.removeItem(at: root.appending(path: file))
        }
        return commands
    }
}

/// Whether what was started was predicted.
enum Comparer {
    /// The simple commands that may run, with those that builtins run of their literal arguments.
    static func predictions(_ text: String, _ dialect: ShellDialect) throws -> [[ShellValue]] {
        var predicted: [[ShellValue]] = []
        for invocation in try ShellParser.parse(text, dialect: dialect).invocations() where !invocation.words.isEmpty {
            predicted.append(invocation.words)
            var words = invocation.words[...]
            while let name = words.first?.literal, ["command", "exec"].contains(name) {
                words = words.dropFirst().drop { $0.literal?.hasPrefix("-") ?? false }
                predicted.append(Array(words))
            }
            let texts: [ShellValue]
            switch words.first?.literal {
            case "eval": texts = Array(words.dropFirst())
            case "trap": texts = Array(words.dropFirst().prefix(1))
            default: continue
            }
            let literals = texts.compactMap(\.literal)
            if literals.count == texts.count {
                predicted += try predictions(literals.joined(separator: " "), dialect)
            } else {
                predicted.append([ShellValue(segments: [.unknown(ShellValue.Unknown(splits: true))])])
            }
        }
        return predicted
    }

    /// The commands of a trace that no prediction fits.
    static func missed(_ trace: [[String]], in predicted: [[ShellValue]]) -> [[String]] {
        trace.filter { argv in !predicted.contains { fits($0[...], argv[...]) } }
    }

    static func fits(_ values: ArraySlice<ShellValue>, _ argv: ArraySlice<String>) -> Bool {
        guard let value = values.first else { return argv.isEmpty }
        let rest = values.dropFirst()
        if !value.mayBeSeveral {
            guard let word = argv.first, fits(value.segments[...], Array(word.utf8)[...]) else { return false }
            return fits(rest, argv.dropFirst())
        }
        for count in 0...argv.count {
            let taken = argv.prefix(count)
            if covers(value, Array(taken)), fits(rest, argv.dropFirst(count)) { return true }
        }
        return false
    }

    /// Whether a value that is split or globbed can become these words: what is known must begin and end them.
    private static func covers(_ value: ShellValue, _ words: [String]) -> Bool {
        if words.count == 1 { return fits(value.segments[...], Array(words[0].utf8)[...]) }
        var first = ""
        var last = ""
        if case .text(let text)? = value.segments.first { first = text }
        if case .text(let text)? = value.segments.last { last = text }
        // With nullglob, what matches no file is nothing.
        if words.isEmpty, value.hasGlob { return true }
        guard !words.isEmpty else { return first.isEmpty && last.isEmpty }
        return words[0].hasPrefix(first) && words[words.count - 1].hasSuffix(last)
    }

    private static func fits(_ segments: ArraySlice<ShellValue.Segment>, _ text: ArraySlice<UInt8>) -> Bool {
        guard let segment = segments.first else { return text.isEmpty }
        let rest = segments.dropFirst()
        switch segment {
        case .text(let piece):
            return text.starts(with: piece.utf8) && fits(rest, text.dropFirst(piece.utf8.count))
        case .glob, .unknown, .home:
            return (0...text.count).contains { fits(rest, text.dropFirst($0)) }
        }
    }
}
