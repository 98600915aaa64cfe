/// What Landlock tells in audit messages, since Linux 6.15: Documentation/admin-guide/LSM/landlock.rst.
package enum LandlockRecord: Sendable, Equatable {
    /// A refusal: in which domain, of which rights ("fs.execute"), on what (a path, an address), if it says.
    case refusal(domain: String, rights: [String], object: String?)
    /// Comes once, with a domain's first refusal: whose it is. `uid` is who restricted itself.
    case domain(String, uid: UInt32)

    private static let refusalType: UInt16 = 1423
    private static let domainType: UInt16 = 1424

    /// `nil` for all other messages. Paths in them are the sandboxed program's own words.
    package init?(_ message: AuditStream.Message) {
        guard message.type == Self.refusalType || message.type == Self.domainType else { return nil }
        let fields = AuditFields(message.text)
        guard let domain = fields["domain"] else { return nil }
        if message.type == Self.domainType {
            guard let text = fields["uid"], let uid = UInt32(text) else { return nil }
            self = .domain(domain, uid: uid)
            return
        }
        guard let blockers = fields["blockers"] else { return nil }
        let object = fields["path"] ?? fields["dest"].map { "\(fields["daddr"] ?? ""):\($0)" }
        self = .refusal(domain: domain, rights: blockers.split(separator: ",").map(String.init), object: object)
    }
}

/// `name=value` pairs: values are plain words, words in quotes, or untrusted text in hexadecimal digits.
struct AuditFields {
    private var values: [String: String] = [:]

    subscript(name: String) -> String? { values[name] }

    /// Names whose value is the caller's and therefore may come as digits.
    private static let untrusted: Set<String> = ["path", "exe", "comm"]
    private static let maximumFields = 64

    init(_ text: [UInt8]) {
        let text = Array(text.prefix { $0 != 0 })
        var at = 0
        while at < text.count, values.count < Self.maximumFields {
            let start = at
            while at < text.count, text[at] != UInt8(ascii: " "), text[at] != UInt8(ascii: "=") { at += 1 }
            guard at < text.count, text[at] == UInt8(ascii: "=") else {
                at += 1
                continue
            }
            let name = String(decoding: text[start..<at], as: UTF8.self)
            at += 1
            let isQuoted = at < text.count && text[at] == UInt8(ascii: "\"")
            if isQuoted { at += 1 }
            let end = isQuoted ? UInt8(ascii: "\"") : UInt8(ascii: " ")
            let valueStart = at
            while at < text.count, text[at] != end { at += 1 }
            let value = Array(text[valueStart..<at])
            at += 1
            // The first one counts: what comes later may be a name that somebody made up.
            guard values[name] == nil else { continue }
            let decoded = isQuoted || !Self.untrusted.contains(name) ? value : Self.fromDigits(value) ?? value
            values[name] = String(decoding: decoded, as: UTF8.self)
        }
    }

    private static func fromDigits(_ digits: [UInt8]) -> [UInt8]? {
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
