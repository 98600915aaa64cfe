import CInit
import CInitPlan

/// What was refused, how often. Each kind is told when it is first met, so that the launcher knows also when this sandbox
/// is killed, and once more with its count at the end.
struct DenialLog {
    private var count = 0

    mutating func add(_ kind: init_denial_kind, _ call: init_notification, distinct: UInt64) {
        let table = init_denials()
        for index in 0..<count {
            let entry = table + index
            guard entry.pointee.kind == kind.rawValue, entry.pointee.call == call.call,
                entry.pointee.architecture == call.architecture, entry.pointee.distinct == distinct
            else { continue }
            entry.pointee.count += 1
            return
        }
        append(kind, call) { $0.pointee.distinct = distinct }
    }

    mutating func add(_ kind: init_denial_kind, _ call: init_notification, _ subject: Subject) {
        let table = init_denials()
        for index in 0..<count where (table + index).pointee.kind == kind.rawValue {
            guard subject.isEqual(to: table + index) else { continue }
            (table + index).pointee.count += 1
            return
        }
        append(kind, call) { subject.copy(to: $0) }
    }

    /// What does not fit is not told: its number would be the caller's to choose.
    private mutating func append(
        _ kind: init_denial_kind, _ call: init_notification, _ fill: (UnsafeMutablePointer<init_denial>) -> Void
    ) {
        guard count < Int(INIT_MAXIMUM_DENIALS) else { return }
        let entry = init_denials() + count
        entry.pointee.report = init_report_denied.rawValue
        entry.pointee.kind = kind.rawValue
        entry.pointee.call = call.call
        entry.pointee.architecture = call.architecture
        entry.pointee.count = 1
        entry.pointee.arguments = (call.arguments.0, call.arguments.1, call.arguments.2)
        fill(entry)
        count += 1
        Self.send(entry)
    }

    func reportCounts() {
        for index in 0..<count where (init_denials() + index).pointee.count > 1 { Self.send(init_denials() + index) }
    }

    private static func send(_ entry: UnsafeMutablePointer<init_denial>) {
        _ = init_send(INIT_SOCKET, entry, UInt(MemoryLayout<init_denial>.size))
    }
}

/// A path or an address out of a caller's memory.
struct Subject {
    private var words: SubjectWords = (
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    )

    mutating func withBytes(_ body: (UnsafeMutableRawPointer) -> Int) -> Int {
        withUnsafeMutableBytes(of: &words) { body($0.baseAddress!) }
    }

    func byte(_ index: Int) -> UInt8 { withUnsafeBytes(of: words) { $0[index] } }

    func withPath(_ body: (UnsafePointer<CChar>) -> Int) -> Int {
        withUnsafeBytes(of: words) { body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
    }

    var startsWithSlash: Bool { byte(0) == 47 }

    /// The length of a NUL-terminated string within the first `count` bytes; what follows it becomes zero.
    mutating func terminated(_ count: Int) -> Int? {
        var length = 0
        while length < count && byte(length) != 0 { length += 1 }
        guard length < count else { return nil }
        withUnsafeMutableBytes(of: &words) { bytes in
            for index in length..<Int(INIT_MAXIMUM_SUBJECT) { bytes[index] = 0 }
        }
        return length
    }

    /// Family, port and address; what else the caller left in the structure makes no other address of it.
    mutating func keepAddress(ofFour isFour: Bool) {
        withUnsafeMutableBytes(of: &words) { bytes in
            if !isFour { for index in 4..<8 { bytes[index] = 0 } }
            for index in (isFour ? 8 : 24)..<Int(INIT_MAXIMUM_SUBJECT) { bytes[index] = 0 }
        }
    }

    func isEqual(to entry: UnsafeMutablePointer<init_denial>) -> Bool {
        withUnsafeBytes(of: entry.pointee.subject) { known in
            for index in 0..<Int(INIT_MAXIMUM_SUBJECT) where known[index] != byte(index) { return false }
            return true
        }
    }

    func copy(to entry: UnsafeMutablePointer<init_denial>) {
        withUnsafeMutableBytes(of: &entry.pointee.subject) { bytes in
            for index in 0..<Int(INIT_MAXIMUM_SUBJECT) { bytes[index] = byte(index) }
        }
    }
}

/// INIT_MAXIMUM_SUBJECT bytes.
typealias SubjectWords = (
    UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
    UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
    UInt64, UInt64, UInt64, UInt64
)

/// `struct sockaddr_in` and `sockaddr_in6`, `ip(7)`, `ipv6(7)`.
struct SocketAddress {
    static let shortest = 8
    static let longest = 28

    private let subject: Subject

    init(_ subject: Subject) { self.subject = subject }

    private var family: UInt16 { UInt16(subject.byte(0)) | UInt16(subject.byte(1)) << 8 }
    var port: UInt16 { UInt16(subject.byte(2)) << 8 | UInt16(subject.byte(3)) }
    var isFour: Bool { family == 2 }
    var isInternet: Bool { isFour || family == 10 }

    /// The unspecified address is this host too.
    var isLoopback: Bool {
        if family == 2 { return isLocal(at: 4) }
        for index in 8..<18 where subject.byte(index) != 0 { return false }
        if subject.byte(18) == 0xff && subject.byte(19) == 0xff { return isLocal(at: 20) }
        for index in 18..<23 where subject.byte(index) != 0 { return false }
        return subject.byte(23) <= 1
    }

    /// 127.0.0.0/8 or 0.0.0.0.
    private func isLocal(at index: Int) -> Bool {
        let bytes = (subject.byte(index), subject.byte(index + 1), subject.byte(index + 2), subject.byte(index + 3))
        return bytes.0 == 127 || bytes == (0, 0, 0, 0)
    }
}
