import CSandbox
import Glibc

/// A network namespace that nobody is in yet, `network_namespaces(7)`, for a process with one thread. It has a loopback device
/// that is down, and belongs to the host's users: whoever is cloned into it has no right on it.
package final class NetworkNamespace {
    private let descriptor: OwnedDescriptor
    private let sockets: Trace
    /// Counters of protocols: of packets, connections, errors. And the flow labels of IPv6, which outlive their sockets for a
    /// while.
    private let counters: [Trace]
    private let newSockets: UInt64

    /// Makes one, and enters it.
    package init(proc: Directory) throws(SystemError) {
        try system("create a network namespace") { sandbox_unshare(Namespaces.network.rawValue) }
        descriptor = OwnedDescriptor(
            owning: try system("open", "/proc/self/ns/net") {
                openat(proc.number, "self/ns/net", O_RDONLY | O_CLOEXEC)
            })
        sockets = try Trace("sockstat", proc)
        var counters = [try Trace("snmp", proc), try Trace("netstat", proc)]
        // Not there without IPv6.
        for name in ["snmp6", "ip6_flowlabel"] {
            do throws(SystemError) {
                counters.append(try Trace(name, proc))
            } catch {
                guard error.errno == ENOENT else { throw error }
            }
        }
        self.counters = counters
        newSockets = Self.inUse(sockets.pristine)
    }

    /// The namespace of a process.
    package static func open(of pid: Int32, proc: Directory) throws(SystemError) -> OwnedDescriptor {
        let name = "\(pid)/ns/net"
        return OwnedDescriptor(
            owning: try system("open", "/proc/\(name)") { openat(proc.number, name, O_RDONLY | O_CLOEXEC) })
    }

    /// Runs `body` in a namespace, and comes back.
    package static func within(
        _ namespace: borrowing OwnedDescriptor, proc: Directory, _ body: () throws(SystemError) -> Void
    ) throws(SystemError) {
        let own = OwnedDescriptor(
            owning: try system("open", "/proc/self/ns/net") {
                openat(proc.number, "self/ns/net", O_RDONLY | O_CLOEXEC)
            })
        let (there, back) = (namespace.number, own.number)
        try system("enter a network namespace") { sandbox_setns(there, Namespaces.network.rawValue) }
        var failure: SystemError?
        do throws(SystemError) { try body() } catch { failure = error }
        guard sandbox_setns(back, Namespaces.network.rawValue) == 0 else {
            fatalError("failed to return to the host's network")
        }
        if let failure { throw failure }
    }

    /// Brings the loopback device of this process's namespace down, `netdevice(7)`: then there is not even 127.0.0.1.
    package static func closeLoopback() throws(SystemError) {
        try system("bring down lo") { sandbox_loopback_down() }
    }

    package func enter() throws(SystemError) {
        try system("enter a network namespace") { sandbox_setns(descriptor.number, Namespaces.network.rawValue) }
    }

    /// Looks whether it is as it was when it was new, to whoever comes next: no socket is left, by whomever it is held, and
    /// nothing has been counted or remembered. Devices, addresses and settings cannot have been changed.
    package func isPristine() -> Bool {
        guard let now = try? sockets.read(), Self.inUse(now) == newSockets else { return false }
        return counters.allSatisfy { (try? $0.isAsItWas()) ?? false }
    }

    /// Sockets in use, of every family, and connections that wait after their end (TIME_WAIT). The other numbers are the whole
    /// host's.
    private static func inUse(_ text: [UInt8]) -> UInt64 {
        text.withUnsafeBytes {
            let numbers = KernelNumbers($0)
            return numbers.sum(behind: " used ") &+ numbers.sum(behind: " inuse ") &+ numbers.sum(behind: " tw ")
        }
    }
}

/// A file of /proc/net, of the network namespace in which it was opened.
private final class Trace {
    private let file: OwnedDescriptor
    private let path: String
    /// What it said when it was opened.
    private(set) var pristine: [UInt8] = []

    private static let portion = 16 << 10

    init(_ name: String, _ proc: Directory) throws(SystemError) {
        let path = "self/net/\(name)"
        self.path = path
        file = OwnedDescriptor(
            owning: try system("open", "/proc/\(path)") { openat(proc.number, path, O_RDONLY | O_CLOEXEC) })
        pristine = try read()
    }

    func read() throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let count = try portion(at: bytes.count) { bytes += $0 }
            if count == 0 { return bytes }
        }
    }

    /// Whether it says what it said then, to the last byte.
    func isAsItWas() throws(SystemError) -> Bool {
        var read = 0
        var isSame = true
        while isSame {
            let count = try portion(at: read) { part in
                isSame = pristine.withUnsafeBytes { old in
                    old.count >= read + part.count
                        && memcmp(old.baseAddress! + read, part.baseAddress!, part.count) == 0
                }
            }
            if count == 0 { return read == pristine.count }
            read += count
        }
        return false
    }

    /// How many bytes came from there.
    private func portion(
        at offset: Int, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(SystemError) -> Int {
        let number = file.number
        var failure: Int32 = 0
        let count = withUnsafeTemporaryAllocation(byteCount: Self.portion, alignment: 8) { buffer in
            let count = pread(number, buffer.baseAddress, buffer.count, off_t(offset))
            if count < 0 { failure = errno }
            if count > 0 { body(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
            return count
        }
        guard count >= 0 else { throw SystemError("read", "/proc/\(path)", errno: failure) }
        return count
    }
}
