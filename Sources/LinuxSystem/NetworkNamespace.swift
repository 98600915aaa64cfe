import CSandbox
import Glibc

/// A network namespace that nobody is in yet, `network_namespaces(7)`, for a process with one thread. It has a loopback device
/// that is down, and belongs to the host's users: whoever is cloned into it has no right on it.
package final class NetworkNamespace {
    private let descriptor: OwnedDescriptor
    private let proc: Directory
    /// What it said of itself when it was new.
    private var pristine: [[UInt8]] = []

    /// Makes one, and enters it.
    package init(proc: Directory) throws(SystemError) {
        try system("create a network namespace") { sandbox_unshare(Namespaces.network.rawValue) }
        descriptor = OwnedDescriptor(
            owning: try system("open", "/proc/self/ns/net") {
                openat(proc.number, "self/ns/net", O_RDONLY | O_CLOEXEC)
            })
        self.proc = proc
        pristine = try traces()
    }

    package func enter() throws(SystemError) {
        try system("enter a network namespace") { sandbox_setns(descriptor.number, Namespaces.network.rawValue) }
    }

    /// Enters it, and looks whether it is as it was when it was new, to whoever comes next: no socket is left, by whomever it
    /// is held, and nothing has been counted or remembered. Devices, addresses and settings cannot have been changed.
    package func isPristine() -> Bool {
        guard (try? enter()) != nil, let now = try? traces() else { return false }
        return now == pristine
    }

    /// What is left behind by those who were in a namespace. Only of the calling thread's.
    private func traces() throws(SystemError) -> [[UInt8]] {
        var all = [Self.sockets(try text("sockstat"))]
        for name in Self.counters { all.append(try text(name)) }
        // Not there without IPv6.
        for name in Self.sixth { all.append((try? text(name)) ?? []) }
        return all
    }

    /// Counters of protocols: of packets, connections, errors.
    private static let counters = ["snmp", "netstat"]
    /// The same of IPv6, and its flow labels, which outlive their sockets for a while.
    private static let sixth = ["snmp6", "ip6_flowlabel"]

    private func text(_ name: String) throws(SystemError) -> [UInt8] {
        let path = "self/net/\(name)"
        let file = OwnedDescriptor(
            owning: try system("open", "/proc/\(path)") { openat(proc.number, path, O_RDONLY | O_CLOEXEC) })
        let number = file.number
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = try system("read", "/proc/\(path)") { read(number, &buffer, buffer.count) }
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
        }
    }

    /// Sockets in use, of every family, and connections that wait after their end (TIME_WAIT). The other numbers are the whole
    /// host's.
    private static func sockets(_ text: [UInt8]) -> [UInt8] {
        var kept: [UInt8] = []
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " ")).map(Array.init)
            for (key, value) in zip(words, words.dropFirst()) where kinds.contains(key) { kept += key + value + [10] }
        }
        return kept
    }

    private static let kinds: Set<[UInt8]> = [Array("used".utf8), Array("inuse".utf8), Array("tw".utf8)]
}
