import Glibc

/// Unix datagram sockets, `unix(7)`.
package enum DatagramSocket {
    /// Connected; closed on exec. `@` in front: a name in the abstract namespace.
    ///
    /// - Parameter whose: for errors: "the journal".
    package static func connect(_ path: String, _ whose: String) throws(SystemError) -> OwnedDescriptor {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        let isAbstract = bytes.first == UInt8(ascii: "@")
        guard isAbstract || bytes.first == UInt8(ascii: "/"), bytes.count > 1,
            bytes.count < MemoryLayout.size(ofValue: address.sun_path)
        else { throw SystemError("use as the socket of \(whose)", path, errno: EINVAL) }
        if isAbstract { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let socket = OwnedDescriptor(
            owning: try system("create a socket") {
                Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            })
        let number = socket.number
        // The address ends where the name does: in the abstract namespace zeros would be part of it.
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1))
        try system("connect to \(whose) at", path) {
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(number, $0, length) }
            }
        }
        return socket
    }
}
