import Logging
import SandboxEngine

/// A record in journald's native protocol, https://systemd.io/JOURNAL_NATIVE_PROTOCOL/: `NAME=value` and a line end for each
/// field, or where a value has a line end in it `NAME`, a line end, the value's length as 64 bits little endian, the value, a
/// line end.
struct JournalEntry {
    private(set) var bytes: [UInt8] = []

    /// Fields of one record; further ones are left out. With `LoggedText.maximumValue` bytes of each a record always fits into a
    /// datagram, so that none has to be sent as a file.
    static let maximumFields = 32
    private static let maximumName = 64

    /// - Parameter name: of this program's: capital letters, digits and underscores, beginning with a letter.
    mutating func add(_ name: String, _ value: String) {
        let value = value.utf8
        bytes += name.utf8
        if value.contains(0x0a) {
            bytes.append(0x0a)
            withUnsafeBytes(of: UInt64(value.count).littleEndian) { bytes += $0 }
        } else {
            bytes.append(UInt8(ascii: "="))
        }
        bytes += value
        bytes.append(0x0a)
    }

    /// The field of a key: `SANDBOXD_WALL_MS` of `wall_ms`. The beginning keeps them apart from those that mean something to
    /// journald. `nil` of what cannot be one.
    static func fieldName(_ key: String) -> String? {
        var name = "SANDBOXD_"
        for scalar in key.unicodeScalars {
            switch scalar {
            case "a"..."z": name.unicodeScalars.append(Unicode.Scalar(UInt8(scalar.value) - 0x20))
            case "A"..."Z", "0"..."9", "_": name.unicodeScalars.append(scalar)
            case "-", ".", " ": name += "_"
            default: return nil
            }
        }
        return key.isEmpty || name.utf8.count > maximumName ? nil : name
    }
}

extension JournalEntry {
    init(_ level: Logger.Level, _ message: Logger.Message, _ metadata: [(key: String, value: String)]) {
        add("MESSAGE", LoggedText.line(message, metadata))
        add("PRIORITY", "\(Self.priority(level))")
        add("SYSLOG_IDENTIFIER", "sandboxd")
        if let record = LogRecord(message) { add("MESSAGE_ID", record.identifier) }
        for (key, value) in metadata.prefix(Self.maximumFields) {
            if let name = Self.fieldName(key) { add(name, LoggedText.escaped(value)) }
        }
    }

    /// As `syslog(3)` numbers them.
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
