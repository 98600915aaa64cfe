import Glibc

/// What the service manager that started this process gave it, by the protocols that systemd promises to keep: sockets that it
/// listens on (`sd_listen_fds(3)`), a socket for this process's state (`sd_notify(3)`), and a watchdog (`sd_watchdog_enabled(3)`).
///
/// Without a service manager there is none of these, and nothing that is told goes anywhere.
package final class ServiceManager: Sendable {
    /// Already listening; this process's to close, and nobody else's: they are closed on exec.
    package let sockets: [Int32]
    /// Within so many nanoseconds it wants to hear that all is well.
    package let watchdogNanoseconds: UInt64?
    /// Connected to it, or -1.
    private let state: Int32

    private static let firstSocket: Int32 = 3
    private static let mostSockets: Int32 = 64

    /// From the environment, of which nothing is left for a child to take for its own.
    package convenience init() throws(SystemError) {
        var found: [String: String] = [:]
        for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            if let value = getenv(name) { found[name] = String(cString: value) }
            unsetenv(name)
        }
        try self.init(found, pid: getpid())
    }

    /// - Parameter pid: for whom the variables must be meant. They are inherited by accident too.
    package init(_ environment: [String: String], pid: Int32) throws(SystemError) {
        var sockets: [Int32] = []
        if Int32(environment["LISTEN_PID"] ?? "") == pid, let count = Int32(environment["LISTEN_FDS"] ?? ""), count > 0
        {
            guard count <= Self.mostSockets else {
                throw SystemError("take the service manager's sockets", errno: E2BIG)
            }
            for number in Self.firstSocket..<Self.firstSocket + count {
                // Not there: the environment says so, and that is not this program's.
                guard fcntl(number, F_SETFD, FD_CLOEXEC) == 0 else {
                    throw SystemError("take the service manager's socket", "\(number)", errno: errno)
                }
                sockets.append(number)
            }
        }
        self.sockets = sockets
        let isWatched = environment["WATCHDOG_PID"].map { Int32($0) == pid } ?? true
        let microseconds = isWatched ? environment["WATCHDOG_USEC"].flatMap { UInt64($0) } : nil
        watchdogNanoseconds = microseconds.flatMap { $0 > 0 && $0 < .max / 1000 ? $0 * 1000 : nil }
        if let address = environment["NOTIFY_SOCKET"], !address.isEmpty {
            state = try DatagramSocket.connect(address, "the service manager").release()
        } else {
            state = -1
        }
    }

    deinit { if state >= 0 { close(state) } }

    /// All that belongs to it.
    package var descriptors: [Int32] { sockets + (listens ? [state] : []) }

    /// Whether what is told goes anywhere.
    package var listens: Bool { state >= 0 }

    /// What this process is at: READY=1, STATUS=..., each a line. Does not wait.
    package func tell(_ lines: [String]) throws(SystemError) {
        guard listens else { return }
        let text = lines.joined(separator: "\n")
        try system("tell the service manager", text) {
            text.withCString { Glibc.send(state, $0, strlen($0), Int32(MSG_NOSIGNAL | MSG_DONTWAIT)) }
        }
    }
}

extension ServiceManager {
    /// Whether a descriptor is a Unix stream socket that listens: what a service like this one can be given.
    package static func isListening(_ descriptor: Int32) -> Bool {
        option(SO_DOMAIN, of: descriptor) == AF_UNIX
            && option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue)
            && option(SO_ACCEPTCONN, of: descriptor) == 1
    }

    private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }
}
