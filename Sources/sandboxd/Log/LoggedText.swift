import Logging
import SandboxEngine

/// Texts as records carry them: bounded, and without characters that could end a record, drive a terminal, or turn what stands
/// around them: control and format characters (C0, C1, bidirectional overrides, line separators) are shown by number. Some of
/// these texts come from callers.
enum LoggedText {
    /// Bytes of one value, and of a whole line with all of them.
    static let maximumValue = 1024
    static let maximumLine = 4000

    static func escaped(_ text: String, atMost maximum: Int = maximumValue) -> String {
        // Nearly always: nothing to look up.
        if text.utf8.count <= maximum, text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return text }
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            let piece =
                isHarmful(scalar) ? Array("\\u{\(String(scalar.value, radix: 16))}".utf8) : Array(String(scalar).utf8)
            guard bytes.count + piece.count <= maximum - 3 else {
                return String(decoding: bytes, as: UTF8.self) + "..."
            }
            bytes += piece
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
        default: false
        }
    }

    /// `message key=value ...`. A value in which something could be taken for a further key is quoted.
    static func line(_ message: Logger.Message, _ metadata: [(key: String, value: String)]) -> String {
        var line = escaped("\(message)")
        for (key, value) in metadata { line += " \(key)=\(quoted(value))" }
        return escaped(line, atMost: maximumLine)
    }

    private static func quoted(_ value: String) -> String {
        let text = escaped(value)
        guard text.isEmpty || text.utf8.contains(where: { $0 == 0x20 || $0 == 0x22 || $0 == 0x3d || $0 == 0x5c }) else {
            return text
        }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted.unicodeScalars.append("\\") }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }

    /// All that a record says beside its message, by key.
    static func metadata(_ event: LogEvent, over common: Logger.Metadata) -> [(key: String, value: String)] {
        let all = event.metadata.map { common.merging($0) { $1 } } ?? common
        return all.map { ($0.key, "\($0.value)") }.sorted { $0.key < $1.key }
    }
}
