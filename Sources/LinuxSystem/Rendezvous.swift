import CSandbox
import Glibc

/// A Unix socket in the file system for one peer that connects once or twice, and for nobody after it: `unix(7)`,
/// SOCK_SEQPACKET. Its name is gone with this object.
package final class Rendezvous {
    package let path: String
    package let socket: OwnedDescriptor

    /// Whoever finds the name may connect: the directory, or who is shown it, says who that is.
    package init(path: String) throws(SystemError) {
        let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let socket = OwnedDescriptor(owning: try system("create a socket") { Glibc.socket(AF_UNIX, type, 0) })
        let number = socket.number
        unlink(path)
        try SocketAddress.with(path) { address, length throws(SystemError) in
            try system("bind", path) { Glibc.bind(number, address, length) }
        }
        self.path = path
        self.socket = socket
        // The umask has no say; and before listen(2) nobody can connect.
        try system("set the mode of", path) { chmod(path, 0o666) }
        try system("listen at", path) { listen(number, 2) }
    }

    deinit { unlink(path) }

    /// Somebody who has connected, if there is one, and who it was (SO_PEERCRED).
    package func accept() throws(SystemError) -> Connection? {
        let number = sandbox_accept(socket.number)
        if number < 0, errno == EAGAIN { return nil }
        let connection = OwnedDescriptor(owning: try system("accept at", path) { number })
        var credentials = sandbox_peer()
        try system("read the peer's identity") { sandbox_peer_credentials(number, &credentials) }
        return Connection(
            connection, Peer(pid: credentials.pid, uid: credentials.uid, gid: credentials.gid))
    }

    package final class Connection {
        package let socket: OwnedDescriptor
        package let peer: Peer

        init(_ socket: consuming OwnedDescriptor, _ peer: Peer) {
            self.socket = socket
            self.peer = peer
        }
    }

    /// As the kernel recorded them when it connected; the pid as this process's namespace numbers it.
    package struct Peer: Sendable, Equatable {
        package var pid: Int32
        package var uid: UInt32
        package var gid: UInt32
    }
}
