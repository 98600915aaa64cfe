import Glibc

/// One service has the directory of its socket to itself: held as long as the process lives, however it dies, and whoever made
/// the socket. A daemon for one call is no service and takes none.
///
/// A lock for each directory and not one for the host: without a word from the operator every service is in /run/sandboxd, and a
/// second one is refused; whoever names another directory wants another service beside it, as tests do.
package enum ServiceLock {
    package enum Refusal: Error, Sendable {
        /// - Parameter pid: what the other one says it is; `nil` when it has not said so yet.
        case taken(directory: String, pid: Int32?)
        case system(SystemError)
    }

    package static let name = "sandboxd.lock"

    /// Until the process ends.
    ///
    /// - Parameter socket: the path of a socket, whose directory is made if need be.
    package static func claim(besideSocket socket: String) throws(Refusal) {
        let slash = socket.lastIndex(of: "/")
        let directory = slash.map { $0 == socket.startIndex ? "/" : String(socket[..<$0]) } ?? "."
        let path = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
        do throws(SystemError) {
            try make(directory)
            // sandboxd, when it is no longer root, is to have nothing of root's to write to.
            guard let lock = try FileLock(at: path, isWritable: false) else {
                let text = FileLock.start(of: path, bytes: 32)
                throw SystemError(text, errno: EWOULDBLOCK)
            }
            guard try lock.owner() == geteuid() else {
                throw SystemError("use somebody else's file", path, errno: EPERM)
            }
            try lock.write("\(getpid())\n")
            lock.keep()
        } catch {
            guard error.errno == EWOULDBLOCK else { throw .system(error) }
            throw .taken(directory: directory, pid: Int32(error.call.prefix { $0 != "\n" }))
        }
    }

    private static func make(_ directory: String) throws(SystemError) {
        let previous = umask(0o022)
        defer { umask(previous) }
        if mkdir(directory, 0o755) != 0, errno != EEXIST { throw SystemError("create", directory, errno: errno) }
    }
}
