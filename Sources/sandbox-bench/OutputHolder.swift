import Glibc
import LinuxSystem
import SandboxClient
import Synchronization

/// Somebody outside who holds a command's output open after its end.
///
/// Nobody inside can: with pid 1 the kernel ends every process of the sandbox, whatever its session and parent. But a command
/// may pass its descriptors to a host process that listens on a socket in its workspace (`SCM_RIGHTS`), and that process
/// ends when it likes. This is one.
final class OutputHolder: Sendable {
    private let listener: Int32
    private let held = Mutex<[Int32]>([])

    var isHolding: Bool { held.withLock { !$0.isEmpty } }

    /// Listens, and holds what the first caller sends.
    init(path: String) throws {
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemError("use as a socket's name", path, errno: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(listener, $0, size) }
        }
        guard status == 0, listen(listener, 1) == 0 else { throw SystemError("listen at", path, errno: errno) }
        try Threads.start { [self] in holdFirst() }
    }

    private func holdFirst() {
        let caller = accept(listener, nil, nil)
        guard caller >= 0 else { return }
        defer { close(caller) }
        if let message = try? MessageSocket.receive(from: caller, maximum: 16) {
            held.withLock { $0 = message.descriptors }
        }
        var byte: UInt8 = 1
        _ = send(caller, &byte, 1, Int32(MSG_NOSIGNAL))
    }

    /// Lets go. Once.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        for descriptor in held.withLock({ $0 }) { close(descriptor) }
    }
}
