import Glibc
import LinuxSystem
import SandboxWire

/// A connection at the level of frames, for one thread that never waits in it.
///
/// `SandboxClient` takes a run's first result and forgets the run; whether a second one comes can only be seen here.
final class WireConnection {
    let descriptor: Int32
    private var decoder = FrameDecoder()
    /// What the socket has not taken yet.
    private var unsent: [UInt8] = []
    private var buffer = [UInt8](repeating: 0, count: 128 << 10)

    var hasUnsent: Bool { !unsent.isEmpty }

    /// Connects and says hello.
    init(path: String) throws {
        descriptor = try connectStream(path)
        try setNonBlocking(descriptor)
        try send(ClientMessage.hello(version: wireVersion, capabilities: []))
    }

    deinit { close(descriptor) }

    func send(_ message: ClientMessage) throws { send(try ControlCoding.frame(message)) }

    func send(_ frame: Frame) {
        unsent += frame.encoded
        flush()
    }

    func flush() {
        while !unsent.isEmpty {
            let count = unsent.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                unsent.removeFirst(count)
            } else if errno != EINTR {
                // Full; or gone, which the reading side says.
                return
            }
        }
    }

    /// All frames that have come.
    func receive() throws -> [Frame] {
        var frames: [Frame] = []
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                decoder.append(buffer[0..<count])
                while let frame = try decoder.next() { frames.append(frame) }
            } else if count < 0, errno == EINTR {
                continue
            } else if count < 0, errno == EAGAIN {
                return frames
            } else {
                throw SystemError("read from sandboxd", errno: count == 0 ? ECONNRESET : errno)
            }
        }
    }
}
