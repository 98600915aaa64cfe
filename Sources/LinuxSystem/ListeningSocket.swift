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
        try withAddress(path) { address, length throws(SystemError) in
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
            try withAddress(path) { address, length throws(SystemError) in
                answers = connect(number, address, length) == 0
            }
            guard !answers else { throw SystemError("", errno: EADDRINUSE) }
            try system("remove stale socket", path) { unlink(path) }
        } catch {
            throw error.errno == EADDRINUSE ? .taken : .system(error)
        }
    }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Void
    ) throws(SystemError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard !bytes.isEmpty, bytes.count < capacity, !bytes.contains(0) else {
            throw SystemError("use as a socket's name", path, errno: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        var failure: SystemError?
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                do throws(SystemError) {
                    try body(pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }
}
