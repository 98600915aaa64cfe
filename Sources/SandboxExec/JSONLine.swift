package import SandboxModel
import SandboxWire

/// Values as JSON, one line each.
package enum JSONLine {
    package static func bytes(_ value: some Encodable) throws(ServiceError) -> [UInt8] {
        do throws(WireError) {
            return try ControlCoding.json(value) + [UInt8(ascii: "\n")]
        } catch {
            throw ServiceError(.invalidRequest, "\(error)")
        }
    }

    /// Bytes that are no text (RFC 4648, 4).
    static func base64(_ bytes: ArraySlice<UInt8>) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: 3) {
            let group = bytes[start...].prefix(3)
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << (8 * (3 - UInt32(group.count)))
            for place in 0..<4 {
                let digit = digits[Int(bits >> (18 - 6 * UInt32(place)) & 63)]
                text.append(place <= group.count ? digit : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
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
    /// What was left out, with `omitted`.
    var stream: String?
    var bytes: UInt64?
    var usage: UsageSample?
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
    /// What comes next can begin inside a character: the beginning of it was left out.
    private var followsGap = false

    init(name: String) { self.name = name }

    /// The lines for a chunk; none when all of it waits for the rest of a character.
    mutating func lines(for chunk: [UInt8]) -> [EventLine] {
        var bytes = pending + chunk
        var lines: [EventLine] = []
        if followsGap {
            let torn = bytes.prefix(3).prefix { $0 & 0xC0 == 0x80 }
            lines += [line(torn)].compactMap { $0 }
            bytes.removeFirst(torn.count)
            followsGap = false
        }
        let whole = bytes.count - Self.unfinished(bytes)
        pending = Array(bytes[whole...])
        return lines + [line(bytes[..<whole])].compactMap { $0 }
    }

    /// The line for what never became a character.
    mutating func lastLines() -> [EventLine] {
        defer { pending = [] }
        return [line(pending[...])].compactMap { $0 }
    }

    /// So many bytes are left out here.
    mutating func gap(_ bytes: UInt64) -> [EventLine] {
        followsGap = true
        return lastLines() + [EventLine(event: "omitted", stream: name, bytes: bytes)]
    }

    private func line(_ bytes: ArraySlice<UInt8>) -> EventLine? {
        guard !bytes.isEmpty else { return nil }
        if let text = String(validating: bytes, as: UTF8.self) { return EventLine(event: name, data: text) }
        return EventLine(event: name, base64: JSONLine.base64(bytes))
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
