import Glibc
import LinuxSystem
import SandboxModel
import SandboxTestSupport
import SandboxWire

/// A connection at the level of frames, without waiting: `SandboxClient` takes a run's first last word and forgets the
/// run, so a second one could not be seen there.
final class WireClient {
    let descriptor: Int32
    private var decoder = FrameDecoder()
    private var unsent: [UInt8] = []
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

    init(_ service: ServiceFixture) throws {
        guard let connected = ServiceFixture.connect(service.socket) else { throw FixtureError.text("no service") }
        descriptor = connected
        try setNonBlocking(descriptor)
        try send(.hello(version: wireVersion, capabilities: []))
    }

    deinit { close(descriptor) }

    func send(_ message: ClientMessage) throws {
        unsent += try ControlCoding.frame(message).encoded
        flush()
    }

    private func flush() {
        while !unsent.isEmpty {
            let count = Glibc.send(descriptor, unsent, unsent.count, Int32(MSG_NOSIGNAL))
            // Full: the next one tries again.
            guard count > 0 else { return }
            unsent.removeFirst(count)
        }
    }

    /// The messages that have come; output is left out.
    func receive() throws -> [ServerMessage] {
        flush()
        var messages: [ServerMessage] = []
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EAGAIN { return messages }
            guard count > 0 else { throw FixtureError.text("the daemon closed the connection") }
            decoder.append(buffer[0..<count])
            while let frame = try decoder.next() {
                guard frame.kind == .control else { continue }
                messages.append(try ControlCoding.decode(ServerMessage.self, from: frame.payload))
            }
        }
    }
}
