import CSandbox
import Glibc

/// Where a Unix socket comes from, in terms that nobody can make again: the file of its listener, or, when it has none,
/// the socket itself.
package enum SocketOrigin: Hashable, Sendable {
    case file(device: UInt64, inode: UInt64)
    case socket(cookie: UInt64)

    /// - Parameter mayHaveListener: else the socket itself is meant, whatever it came through: only root is told of a listener's
    ///   file.
    package init(of socket: Int32, mayHaveListener: Bool = true) throws(SystemError) {
        var (device, inode, cookie): (UInt64, UInt64, UInt64) = (0, 0, 0)
        guard mayHaveListener else {
            try system("read a socket's cookie") { sandbox_socket_cookie(socket, &cookie) }
            self = .socket(cookie: cookie)
            return
        }
        do throws(SystemError) {
            try system("find a socket's file") { sandbox_socket_file(socket, &device, &inode) }
            self = .file(device: device, inode: inode)
        } catch {
            guard error.errno == ENOENT else { throw error }
            try system("read a socket's cookie") { sandbox_socket_cookie(socket, &cookie) }
            self = .socket(cookie: cookie)
        }
    }
}
