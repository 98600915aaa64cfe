import Glibc
import LinuxSystem
import Logging
import SandboxEngine
import SandboxTestSupport
import Testing

@testable import sandboxd

/// Whatever a caller's text is, it stays a value of the record that it is in.
@Suite struct LogForgingTests {
    static let texts = [
        "plain", "", " ", "two words", "a=b", "a\"b", "a\\", "line\nbreak", "line\r\nbreak", "\nMESSAGE=forged",
        "\nPRIORITY=0",
        "x\nSANDBOXD_UID=0\n", "\n\n", "MESSAGE\n\u{8}\0\0\0\0\0\0\0forged!!\nMESSAGE=forged", "\0",
        "\u{1B}[31mred\u{1B}[0m",
        "\u{1B}]0;title\u{7}", "\u{9B}2J", "\u{202E}gnp.exe", "\u{2066}a\u{2069}", "\u{200B}\u{FEFF}", "\u{2028}next",
        "\u{2029}next",
        "\u{85}next", "reason=exited uid=0", "\" reason=exited uid=0 x=\"", "日本語", "\u{E0041}", "\u{7F}", "e\u{301}",
        String(repeating: "x", count: 100_000), String(repeating: "\n", count: 5000),
        String(repeating: "\u{202E}", count: 5000),
        String(decoding: [0xff, 0xfe, 0x0a, 0xc0, 0x80, 0x41], as: UTF8.self),
        "sandboxd: info: run ended reason=exited", "<0>emergency",
    ]

    private func isHarmless(_ text: String) -> Bool {
        !text.unicodeScalars.contains { scalar in
            [.control, .format, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
        }
    }

    @Test(arguments: texts)
    func inTheJournal(_ text: String) throws {
        let directory = TemporaryDirectory()
        let journal = try FakeJournal(path: "\(directory.path)/journal")
        let sink = try JournalSink(path: journal.path)
        let log = Logger(label: "test") { _ in JournalLog(level: .info, sink: sink) }
        log.note(.runEnded, ["run": "1", "policy": "\(text)", "reason": "denied"])
        log.error("\(text)", metadata: ["uid": "\(text)"])
        let records = try journal.all()
        try #require(records.count == 2)
        for record in records {
            for name in ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"] { #expect(record.count(of: name) == 1) }
            #expect(record.fields.allSatisfy { isHarmless(String(decoding: $0.value, as: UTF8.self)) })
            #expect(record.fields.allSatisfy { $0.value.count <= LoggedText.maximumLine })
        }
        let run = records[0]
        #expect(run["PRIORITY"] == "6" && run["MESSAGE_ID"] == LogRecord.runEnded.identifier)
        #expect(run["SANDBOXD_RUN"] == "1" && run["SANDBOXD_REASON"] == "denied" && run["SANDBOXD_UID"] == nil)
        #expect(run.fields.count == 7 && run.count(of: "SANDBOXD_POLICY") == 1)
        #expect(run["MESSAGE"]?.hasPrefix("run ended policy=") == true)
        #expect(records[1]["PRIORITY"] == "3" && records[1].fields.count == 4)
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }), text.utf8.count < 1000 {
            #expect(run["SANDBOXD_POLICY"] == text, "what is harmless stays as it is")
        }
    }

    @Test(arguments: texts)
    func inLines(_ text: String) throws {
        let directory = TemporaryDirectory()
        try directory.write("log", "")
        let file = open("\(directory.path)/log", O_WRONLY | O_APPEND | O_CLOEXEC)
        defer { close(file) }
        let sink = LineSink(descriptor: file)
        let log = Logger(label: "test") { _ in LineLog(level: .info, sink: sink) }
        log.note(.runEnded, ["policy": "\(text)", "reason": "denied"])
        log.error("\(text)")
        let written = try directory.read("log")
        let lines = written.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 3 && lines[2].isEmpty, "two records are two lines")
        #expect(lines.allSatisfy { isHarmless(String($0)) && $0.utf8.count < 4096 })
        #expect(lines[0].hasPrefix("sandboxd: info: run ended policy="))
        let fields = Self.fields(String(lines[0]))
        #expect(fields.map(\.key) == ["policy", "reason"] && fields.last?.value == "denied", "\(fields)")
        #expect(lines[1].hasPrefix("sandboxd: error: "))
    }

    /// As a reader takes a line apart: `key=value`, a value in quotes has everything to the next quote without a backslash.
    private static func fields(_ line: String) -> [(key: String, value: String)] {
        var rest = Array(line.unicodeScalars)[...]
        var fields: [(key: String, value: String)] = []
        var word = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            guard scalar == "=" else {
                if scalar == " " { word = .init() } else { word.append(scalar) }
                continue
            }
            var value = String.UnicodeScalarView()
            if rest.first == "\"" {
                rest.removeFirst()
                while let next = rest.popFirst(), next != "\"" {
                    value.append(next == "\\" ? rest.popFirst() ?? next : next)
                }
            } else {
                while let next = rest.first, next != " " {
                    value.append(next)
                    rest.removeFirst()
                }
            }
            fields.append((String(word), String(value)))
            word = .init()
        }
        return fields
    }

    @Test func aValueWithALineEndHasItsLengthInFront() throws {
        var entry = JournalEntry()
        entry.add("MESSAGE", "a\nPRIORITY=0\nb")
        entry.add("PRIORITY", "6")
        let record = try FakeJournal.parse(entry.bytes)
        #expect(record["MESSAGE"] == "a\nPRIORITY=0\nb" && record["PRIORITY"] == "6" && record.fields.count == 2)
        #expect(
            Array(entry.bytes.prefix(17)) == Array("MESSAGE\n".utf8) + [14, 0, 0, 0, 0, 0, 0, 0, UInt8(ascii: "a")])
    }

    @Test func aKeyIsAFieldOfOursOrNone() {
        for (key, name) in [
            ("run", "SANDBOXD_RUN"), ("wall_ms", "SANDBOXD_WALL_MS"), ("a-b.c", "SANDBOXD_A_B_C"),
            ("MESSAGE", "SANDBOXD_MESSAGE"),
            ("a=b", nil), ("a\nb", nil), ("", nil), ("é", nil), (String(repeating: "x", count: 60), nil),
        ] { #expect(JournalEntry.fieldName(key) == name) }
        let many = (0..<100).map { (key: "k\($0)", value: "v") }
        #expect(JournalEntry(.info, "m", many).bytes.split(separator: 0x0a).count == 3 + JournalEntry.maximumFields)
    }

    /// It goes into one datagram, however much is in it.
    @Test func theLargestRecordFits() throws {
        let directory = TemporaryDirectory()
        let journal = try FakeJournal(path: "\(directory.path)/journal")
        let sink = try JournalSink(path: journal.path)
        let value = String(repeating: "\u{202E}", count: 10_000)
        sink.write(.info, "\(value)", (0..<100).map { (key: "key\($0)", value: value) })
        let record = try #require(try journal.next())
        #expect(record.fields.count == 3 + JournalEntry.maximumFields)
        #expect(record.fields.reduce(0) { $0 + $1.value.count } < 64 << 10)
    }

    @Test func eachRecordHasAnIdOfItsOwn() {
        let identifiers = LogRecord.allCases.map(\.identifier)
        #expect(Set(identifiers).count == identifiers.count)
        #expect(identifiers.allSatisfy { $0.count == 32 && $0.allSatisfy(\.isHexDigit) && $0 == $0.lowercased() })
        for record in LogRecord.allCases { #expect(LogRecord(Logger.Message("\(record.rawValue)")) == record) }
    }
}
