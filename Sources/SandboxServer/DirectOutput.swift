import LinuxSystem
import NIOCore

/// Moves output from a command's pipe into a client's socket, past this process's memory: `splice(2)`.
///
/// Beside NIO, which owns the socket: only while that has nothing to write.
struct DirectOutput {
    let socket: Int32

    enum Moved {
        /// Not a byte: the socket is full, or broken, which its owner will hear of.
        case nothing
        case everything
        /// The socket is full: these are to follow, of the header or of what was in the pipe. `nil`: they could not be read.
        case beginning(rest: ByteBuffer?)
    }

    /// - Parameters:
    ///   - pipe: which nobody else reads, and which holds `count` bytes.
    ///   - header: of the frame that they become.
    func move(_ header: ByteBuffer, from pipe: Int32, _ count: Int) -> Moved {
        guard case .bytes(let sent) = header.withUnsafeReadableBytes({ DescriptorIO.send(socket, $0) }) else {
            return .nothing
        }
        var rest = header
        rest.moveReaderIndex(forwardBy: sent)
        var left = count
        while rest.readableBytes == 0, left > 0,
            case .bytes(let moved) = DescriptorIO.splice(from: pipe, to: socket, left)
        {
            left -= moved
        }
        guard left > 0 else { return .everything }
        return .beginning(rest: Self.read(left, from: pipe, behind: rest))
    }

    private static func read(_ count: Int, from pipe: Int32, behind start: ByteBuffer) -> ByteBuffer? {
        var buffer = ByteBufferAllocator().buffer(capacity: start.readableBytes + count)
        buffer.writeImmutableBuffer(start)
        var left = count
        while left > 0 {
            var outcome = DescriptorIO.Outcome.ended
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: left) { bytes in
                outcome = DescriptorIO.read(pipe, into: .init(rebasing: bytes.prefix(left)))
                guard case .bytes(let count) = outcome else { return 0 }
                return count
            }
            guard case .bytes(let read) = outcome else { return nil }
            left -= read
        }
        return buffer
    }
}
