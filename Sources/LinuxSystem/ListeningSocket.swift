import Glibc

/// A Unix socket's file. Whoever makes one holds the lock of its directory (`ServiceLock`).
package struct ListeningSocket: ~Copyable, Sendable {
    package enum Refusal: Error, Sendable {
        /// Somebody answers.
        case taken
        /// Something that is no socket has the name.
        case occupied
        case system(SystemError)
    }

    /// Bound, not yet listening.
    package let socket: OwnedDescriptor

    /// Binds, with owner, group and mode in place before anybody can connect.
    package init(path: String, group: UInt32?, mode: UInt32) throws(Refusal) {
        let socket = try Self.refusing { () throws(SystemError) in
            OwnedDescriptor(owning: try Self.unboundSocket())
        }
        try Self.removeStale(path)
        let number = socket.number
        try Self.refusing { () throws(SystemError) in try Self.bind(number, path, group: group, mode: mode) }
        self.socket = socket
    }

    package consuming func release() -> Int32 { socket.release() }

    private static func refusing<Value: ~Copyable>(
        _ body: () throws(SystemError) -> Value
    ) throws(Refusal) -> Value {
        do throws(SystemError) {
            return try body()
        } catch {
            throw .system(error)
        }
    }

    private static func bind(_ socket: Int32, _ path: String, group: UInt32?, mode: UInt32) throws(SystemError) {
        let previous = umask(0o177)
        defer { umask(previous) }
        try SocketAddress.with(path) { address, length throws(SystemError) in
            try system("bind", path) { Glibc.bind(socket, address, length) }
        }
        if let group { try system("give to a group", path) { chown(path, 0, group) } }
        try system("set the mode of", path) { chmod(path, mode) }
    }

    private static func unboundSocket() throws(SystemError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        return try system("create a socket") { Glibc.socket(AF_UNIX, type, 0) }
    }

    private static func removeStale(_ path: String) throws(Refusal) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .occupied }
        do throws(SystemError) {
            let probe = OwnedDescriptor(owning: try unboundSocket())
            let number = probe.number
            var answers = false
            try SocketAddress.with(path) { address, length throws(SystemError) in
                answers = connect(number, address, length) == 0
            }
            guard !answers else { throw SystemError("", errno: EADDRINUSE) }
            try system("remove stale socket", path) { unlink(path) }
        } catch {
            throw error.errno == EADDRINUSE ? .taken : .system(error)
        }
    }
}
