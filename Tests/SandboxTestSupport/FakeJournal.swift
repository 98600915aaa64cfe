import Foundation
import Glibc
import LinuxSystem
import Synchronization

/// A journald for tests: its socket, and its own reading of the protocol, written from its description and not from the code that
/// is tested (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/).
package final class FakeJournal: Sendable {
    /// One record: fields in their order, values as bytes. A field may come twice.
    package struct Record: Sendable {
        package var fields: [(name: String, value: [UInt8])]

        /// The text of a field that is there once and is UTF-8; `nil` of any other.
        package subscript(_ name: String) -> String? {
            let values = fields.filter { $0.name == name }.map(\.value)
            return values.count == 1 ? String(validating: values[0], as: UTF8.self) : nil
        }

        package func count(of name: String) -> Int { fields.count { $0.name == name } }
    }

    /// What journald would throw away, and why.
    package struct Malformed: Error, CustomStringConvertible {
        package var description: String
    }

    package let path: String
    private let socket: Int32
    /// What has been taken from the socket ahead; not used where nobody takes ahead.
    private let taken = Mutex<[[UInt8]]>([])
    private let isTakingAhead: Bool

    /// - Parameters:
    ///   - path: of a socket that is made here, and removed when this is gone.
    ///   - takesAhead: takes everything at once, as journald does: a socket alone keeps ten datagrams on some hosts.
    package init(path: String, takesAhead: Bool = false) throws {
        self.path = path
        isTakingAhead = takesAhead
        socket = try UnixSocket.bound(SOCK_DGRAM, at: path)
        // Everybody may write to it, as to journald's.
        chmod(path, 0o666)
        guard takesAhead else { return }
        Thread.detachNewThread { [weak self] in while let self, self.takeAhead() {} }
    }

    deinit {
        close(socket)
        unlink(path)
    }

    private func takeAhead() -> Bool {
        guard let bytes = try? receive(milliseconds: 100) else { return true }
        taken.withLock { $0.append(bytes) }
        return true
    }

    private func receive(milliseconds: Int32) throws -> [UInt8]? {
        var state = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard poll(&state, 1, milliseconds) > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = try system("receive") { recv(socket, &bytes, bytes.count, 0) }
        return Array(bytes[..<count])
    }

    /// The next record; `nil` when none comes in time.
    package func next(milliseconds: Int32 = 10_000) throws -> Record? {
        guard isTakingAhead else { return try receive(milliseconds: milliseconds).map(Self.parse) }
        let end = monotonicNanoseconds() + UInt64(max(0, milliseconds)) * 1_000_000
        repeat {
            if let bytes = taken.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return try Self.parse(bytes) }
            usleep(1000)
        } while monotonicNanoseconds() < end
        return nil
    }

    /// All that have come, and come before a pause of so long.
    package func all(pause milliseconds: Int32 = 0) throws -> [Record] {
        var records: [Record] = []
        while let record = try next(milliseconds: milliseconds) { records.append(record) }
        return records
    }

    /// The next record of which something is true.
    package func first(within milliseconds: Int32 = 20_000, where isWanted: (Record) -> Bool) throws -> Record? {
        let end = monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000
        while true {
            let now = monotonicNanoseconds()
            guard now < end, let record = try next(milliseconds: Int32((end - now) / 1_000_000) + 1) else { return nil }
            if isWanted(record) { return record }
        }
    }

    package static func parse(_ bytes: [UInt8]) throws(Malformed) -> Record {
        var fields: [(name: String, value: [UInt8])] = []
        var at = 0
        while at < bytes.count {
            guard let end = bytes[at...].firstIndex(of: 0x0a) else {
                throw Malformed(description: "a line without an end")
            }
            if let sign = bytes[at..<end].firstIndex(of: UInt8(ascii: "=")) {
                fields.append((try name(bytes[at..<sign]), Array(bytes[(sign + 1)..<end])))
                at = end + 1
                continue
            }
            // A name alone: eight bytes of length, the value, a line end.
            let name = try name(bytes[at..<end])
            guard bytes.count - end - 1 >= 8 else { throw Malformed(description: "a length that is cut") }
            let length = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[end + 1 + $1]) << (8 * UInt64($1)) }
            let start = end + 9
            guard length <= UInt64(bytes.count - start), bytes.count > start + Int(length),
                bytes[start + Int(length)] == 0x0a
            else { throw Malformed(description: "a value of \(length) bytes that is not there") }
            fields.append((name, Array(bytes[start..<start + Int(length)])))
            at = start + Int(length) + 1
        }
        return Record(fields: fields)
    }

    private static func name(_ bytes: ArraySlice<UInt8>) throws(Malformed) -> String {
        let name = String(decoding: bytes, as: UTF8.self)
        let isRight = bytes.allSatisfy { byte in
            (0x41...0x5a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5f
        }
        // journald takes none that is its own to give.
        guard isRight, !bytes.isEmpty, bytes.count <= 64, bytes.first != 0x5f, !(0x30...0x39).contains(bytes.first ?? 0)
        else {
            throw Malformed(description: "a field called '\(name)'")
        }
        return name
    }
}
