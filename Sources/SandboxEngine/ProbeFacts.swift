/// What a probe found, as it wrote it: lines `key value...`. It ran inside, where nothing is trusted to be well-formed.
package struct ProbeFacts: Sendable, Equatable {
    private var values: [String: [String]] = [:]
    /// The values of lines "key name value", by key and name; `nil` for one that came twice.
    private var names: [String: String?] = [:]

    /// Whether the probe came to its end: what follows from a line's absence holds only then.
    package let isComplete: Bool

    package init(_ output: [UInt8]) {
        let lines = output.split(separator: UInt8(ascii: "\n"))
        isComplete = lines.last?.elementsEqual("end".utf8) ?? false
        for line in lines {
            let end = line.firstIndex(of: UInt8(ascii: " ")) ?? line.endIndex
            let key = String(decoding: line[..<end], as: UTF8.self)
            let value = line[end...].dropFirst()
            values[key, default: []].append(String(decoding: value, as: UTF8.self))
            // "name value", or of /proc/self/status "name:<tab>value".
            let nameEnd = value.firstIndex { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") } ?? value.endIndex
            let name = "\(key) \(String(decoding: value[..<nameEnd], as: UTF8.self))"
            names[name] =
                names[name] == nil ? String(decoding: value[nameEnd...].dropFirst(), as: UTF8.self) : .some(nil)
        }
    }

    /// Every value of a key, in order.
    func all(_ key: String) -> [String] { values[key] ?? [] }

    /// The value of a key that must be there once.
    func one(_ key: String) -> String? {
        let all = all(key)
        return all.count == 1 ? all[0] : nil
    }

    func number(_ key: String) -> Int? { one(key).flatMap { Int($0) } }

    /// The value of `name` under a key whose lines are "name value"; `nil` also where it came twice.
    func named(_ key: String, _ name: String) -> String? { names["\(key) \(name)"] ?? nil }

    /// A field of `/proc/self/status`, `proc_pid_status(5)`.
    func status(_ name: String) -> String? {
        guard let value = named("status", "\(name):") else { return nil }
        return value.split { $0 == " " || $0 == "\t" }.joined(separator: " ")
    }

    /// Soft and hard limit as `/proc/self/limits` shows them.
    func limit(_ name: String) -> [String]? {
        guard let line = all("limits").first(where: { $0.hasPrefix(name + " ") }) else { return nil }
        let words = line.dropFirst(name.count).split(whereSeparator: \.isWhitespace).map(String.init)
        return words.count >= 2 ? Array(words.prefix(2)) : nil
    }

    /// 0 where an attempt succeeded, else what the kernel answered; `nil` where it was not made.
    func attempt(_ name: String) -> Int32? { named("attempt", name).flatMap { Int32($0) } }
}

/// A line of `/proc/self/mountinfo`, `proc_pid_mountinfo(5)`.
struct ProbeMount: Equatable {
    var root: String
    var point: String
    var options: Set<String>
    var type: String

    init?(_ line: String) {
        let fields = Self.split(line, UInt8(ascii: " "))
        guard fields.count >= 9, let dash = fields.firstIndex(of: "-"), dash >= 6, dash + 1 < fields.count else {
            return nil
        }
        root = Self.unescape(fields[3])
        point = Self.unescape(fields[4])
        options = Set(Self.split(fields[5], UInt8(ascii: ",")))
        type = fields[dash + 1]
    }

    /// By bytes, as the kernel writes it: by characters takes five times as long.
    private static func split(_ text: String, _ separator: UInt8) -> [String] {
        text.utf8.split(separator: separator).map { String(Substring($0)) }
    }

    /// Space, tab, newline and backslash are written as three octal digits.
    private static func unescape(_ text: String) -> String {
        guard text.contains("\\") else { return text }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
