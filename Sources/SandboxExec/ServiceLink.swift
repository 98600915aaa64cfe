import Glibc
import SandboxClient
import SandboxModel
import SandboxWire

/// The loop's end of a connection: frames out and in, without waiting.
struct ServiceLink {
    /// Made once: a new one for each call grows the heap and gives it back each time.
    private final class Buffer {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        deinit { bytes.deallocate() }
    }

    let descriptor: CInt
    private let buffer = Buffer()
    private var outgoing: [UInt8] = []
    private var decoder = FrameDecoder()

    init(descriptor: CInt) { self.descriptor = descriptor }

    /// What the socket has not taken yet.
    var pendingBytes: Int { outgoing.count }

    /// Puts a message behind what waits to be sent.
    mutating func add(_ message: ClientMessage) throws(ServiceError) {
        let frame: Frame
        do throws(WireError) {
            frame = try ControlCoding.frame(message)
        } catch {
            throw ServiceError(.invalidRequest, error.description)
        }
        guard frame.payload.count <= Frame.maximumControlBytes else {
            throw ServiceError(.argumentsTooLong, "the request is larger than \(Frame.maximumControlBytes) bytes")
        }
        add(frame)
    }

    mutating func add(_ frame: Frame) { outgoing += frame.encoded }

    /// Sends what the socket takes. What fails is dropped: the daemon's last words are still read, and the end of file says
    /// why.
    mutating func send() {
        while !outgoing.isEmpty {
            let count = outgoing.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
            if count == outgoing.count {
                outgoing.removeAll(keepingCapacity: true)
            } else if count >= 0 {
                outgoing.removeFirst(count)
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                outgoing = []
            }
        }
    }

    /// Takes what has arrived; `next` gives it.
    mutating func receive() throws(ServiceError) {
        let count = recv(descriptor, buffer.bytes.baseAddress, buffer.bytes.count, CInt(MSG_DONTWAIT))
        guard count >= 0 else {
            let failure = ErrorNumber.current
            if failure.value == EAGAIN || failure.value == EINTR { return }
            throw ServiceError(.notConnected, "failed to read from sandboxd: \(failure)", category: .temporary)
        }
        guard count > 0 else {
            throw ServiceError(.notConnected, "sandboxd closed the connection", category: .temporary)
        }
        decoder.append(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]))
    }

    mutating func next() throws(WireError) -> Frame? { try decoder.next() }
}
