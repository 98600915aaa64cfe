package import Glibc
package import LinuxSystem

/// Sockets with paths, as tests make them beside the program that they look at. Who asks for one closes it.
package enum UnixSocket {
    /// Bound to a path that does not exist yet; not listening.
    package static func bound(_ type: __socket_type, at path: String) throws(SystemError) -> Int32 {
        try made(type, "bind", path) { bind($0, $1, $2) }
    }

    package static func connected(_ type: __socket_type, to path: String) throws(SystemError) -> Int32 {
        try made(type, "connect to", path) { connect($0, $1, $2) }
    }

    private static func made(
        _ type: __socket_type, _ words: String, _ path: String,
        _ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(SystemError) -> Int32 {
        let socket = OwnedDescriptor(
            owning: try system("create a socket") {
                Glibc.socket(AF_UNIX, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
            })
        let number = socket.number
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        try system(words, path) {
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    call(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
        return socket.release()
    }
}
