import FoundationEssentials
import SandboxModel

/// Values as JSON, one line each.
enum JSONLine {
    static func bytes(_ value: some Encodable) throws(ServiceError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
        } catch {
            throw ServiceError(.invalidRequest, "failed to encode: \(error)")
        }
    }
}

/// A line of `exec --json`.
struct EventLine: Encodable {
    var event: String
    var id: String?
    /// Output that is UTF-8.
    var data: String?
    /// Output that is not.
    var base64: String?
    var result: RunResult?
    var error: ServiceError?
}

/// What `--report` writes when there is no result.
struct ErrorReport: Encodable {
    var error: ServiceError
}

/// Cuts a stream of bytes into lines of `exec --json`, without tearing a character that lies across two chunks.
struct EventText {
    let name: String
    private var pending: [UInt8] = []

    init(name: String) { self.name = name }

    /// The line for a chunk; `nil` when all of it waits for the rest of a character.
    mutating func line(for chunk: [UInt8]) -> EventLine? {
        let bytes = pending + chunk
        let whole = bytes.count - Self.unfinished(bytes)
        pending = Array(bytes[whole...])
        return Self.line(name, bytes[..<whole])
    }

    /// The line for what never became a character.
    mutating func lastLine() -> EventLine? {
        defer { pending = [] }
        return Self.line(name, pending[...])
    }

    private static func line(_ name: String, _ bytes: ArraySlice<UInt8>) -> EventLine? {
        guard !bytes.isEmpty else { return nil }
        if let text = String(validating: bytes, as: UTF8.self) { return EventLine(event: name, data: text) }
        return EventLine(event: name, base64: Data(bytes).base64EncodedString())
    }

    /// Bytes at the end that begin a character of UTF-8 and do not finish it.
    private static func unfinished(_ bytes: [UInt8]) -> Int {
        for (index, byte) in bytes.reversed().prefix(3).enumerated() where byte & 0xC0 != 0x80 {
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > index + 1 ? index + 1 : 0
        }
        return 0
    }
}
