import Glibc
package import SandboxModel

/// A connected stream socket, closed when its last owner lets go.
///
/// The reader and the writer thread own it together, so that its number cannot be closed, and given to another file,
/// while one of them is in a call.
final class Socket: Sendable {
    let descriptor: CInt

    /// Takes the descriptor over.
    init(descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Ends both directions: wakes both threads.
    func shutDown() { shutdown(descriptor, CInt(SHUT_RDWR)) }

    /// Ends the sending direction: the daemon reads end of file.
    func shutDownSending() { shutdown(descriptor, CInt(SHUT_WR)) }

    /// Sends what the socket takes at once. Returns how much that was.
    func sendNow(_ bytes: ArraySlice<UInt8>) -> Result<Int, ErrorNumber> {
        send(bytes, flags: CInt(MSG_DONTWAIT))
    }

    /// Sends everything, blocking: for the writer thread.
    func sendAll(_ bytes: [UInt8]) -> ErrorNumber? {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch send(rest, flags: 0) {
            case .success(let count): rest = rest.dropFirst(count)
            case .failure(let error) where error.value == EAGAIN: waitUntilReady(POLLOUT)
            case .failure(let error): return error
            }
        }
        return nil
    }

    /// Receives into a buffer, blocking: for the reader thread. Zero is end of file.
    ///
    /// It waits in poll(2): who waits in recv(2) is also woken up when the daemon reads a request, since there is room to send
    /// again, on the very core on which that is looked at.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Result<Int, ErrorNumber> {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, CInt(MSG_DONTWAIT))
            if count >= 0 { return .success(count) }
            switch errno {
            case EINTR: continue
            case EAGAIN: waitUntilReady(POLLIN)
            default: return .failure(.current)
            }
        }
    }

    private func send(_ bytes: ArraySlice<UInt8>, flags: CInt) -> Result<Int, ErrorNumber> {
        while true {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, flags | CInt(MSG_NOSIGNAL))
            }
            if count >= 0 { return .success(count) }
            if errno != EINTR { return .failure(.current) }
        }
    }

    /// For writing: a descriptor that somebody made non-blocking.
    private func waitUntilReady(_ events: CInt) {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        poll(&entry, 1, -1)
    }
}

/// Why nothing answered at a socket's path.
package struct ConnectFailure: Error, Sendable {
    package let path: String
    package let reason: ErrorNumber

    /// No daemon is there, as opposed to one that this user may not reach.
    package var isAbsence: Bool { reason.value == ENOENT || reason.value == ECONNREFUSED }

    package var serviceError: ServiceError {
        let cause =
            switch reason.value {
            case EACCES, EPERM: "; you are not in the group that may use this sandboxd (sandboxctl doctor says more)"
            case ECONNREFUSED, ENOENT:
                "; no sandboxd runs there (exec --standalone needs none; sandboxctl doctor tells how to start one)"
            default: ""
            }
        return ServiceError(
            .notConnected, "failed to connect to \(path): \(reason)\(cause)",
            category: isAbsence ? .temporary : .permanent)
    }
}

/// A connected descriptor for a socket's path. Blocks while the daemon's backlog is full.
package func connectSocket(path: String) -> Result<CInt, ConnectFailure> {
    func failure(_ reason: ErrorNumber) -> Result<CInt, ConnectFailure> {
        .failure(ConnectFailure(path: path, reason: reason))
    }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return failure(ErrorNumber(ENAMETOOLONG)) }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return failure(.current) }
    while true {
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if status == 0 { return .success(descriptor) }
        let reason = ErrorNumber.current
        if reason.value == EINTR { continue }
        close(descriptor)
        return failure(reason)
    }
}
