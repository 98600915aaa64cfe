import Glibc
import LinuxSystem
import NIOCore
import Testing

@testable import SandboxServer

/// Output on its way past this process's memory.
@Suite struct DirectOutputTests {
    /// A pipe that holds `bytes`, and a socket.
    private struct Way: ~Copyable {
        let pipe: DescriptorPair
        let socket: DescriptorPair

        init(holding bytes: [UInt8]) throws {
            let pipe = try DescriptorPair.pipe()
            let socket = try DescriptorPair.sockets(SOCK_STREAM)
            try setNonBlocking(socket.first.number)
            try setNonBlocking(pipe.first.number)
            let number = pipe.second.number
            #expect(DescriptorIO.enlargePipe(number, to: 256 << 10))
            #expect(bytes.withUnsafeBytes { DescriptorIO.write(number, $0) } == .bytes(bytes.count))
            self.pipe = pipe
            self.socket = socket
        }

        /// Everything that came out of the socket.
        func received() -> [UInt8] {
            var all: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            while DescriptorIO.isReadable(socket.second.number) {
                guard
                    case .bytes(let count) = buffer.withUnsafeMutableBytes({
                        DescriptorIO.read(socket.second.number, into: $0)
                    })
                else { break }
                all += buffer.prefix(count)
            }
            return all
        }

        func fill() {
            let bytes = [UInt8](repeating: 0xee, count: 4096)
            while case .bytes = bytes.withUnsafeBytes({ DescriptorIO.send(socket.first.number, $0) }) {}
        }
    }

    private static let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
    private static let header = ByteBuffer(bytes: [1, 2, 3, 4])

    @Test func everythingPasses() throws {
        let way = try Way(holding: Self.bytes)
        let direct = DirectOutput(socket: way.socket.first.number)
        guard case .everything = direct.move(Self.header, from: way.pipe.first.number, 200_000) else {
            Issue.record("not everything was moved")
            return
        }
        #expect(way.received() == [1, 2, 3, 4] + Self.bytes)
        #expect(DescriptorIO.bytesInPipe(way.pipe.first.number) == 0)
    }

    /// Nothing is lost or sent twice, wherever the socket is full.
    @Test func whatTheSocketDoesNotTakeIsTheRest() throws {
        let way = try Way(holding: Self.bytes)
        let direct = DirectOutput(socket: way.socket.first.number)
        way.fill()
        guard case .nothing = direct.move(Self.header, from: way.pipe.first.number, 200_000) else {
            Issue.record("a full socket took something")
            return
        }
        #expect(DescriptorIO.bytesInPipe(way.pipe.first.number) == 200_000)
        let before = way.received()
        #expect(before.allSatisfy { $0 == 0xee })
        // Room for the header and some pages, of which the kernel takes sixteen at a time.
        var most: Int32 = 4096
        setsockopt(way.socket.first.number, SOL_SOCKET, SO_SNDBUF, &most, 4)
        var (rest, sent) = ([UInt8](), [UInt8]())
        if case .beginning(let left?) = direct.move(Self.header, from: way.pipe.first.number, 200_000) {
            rest = Array(left.readableBytesView)
        } else {
            Issue.record("a small socket took everything")
        }
        sent = way.received()
        #expect(!sent.isEmpty && !rest.isEmpty)
        #expect(sent + rest == [1, 2, 3, 4] + Self.bytes)
        #expect(DescriptorIO.bytesInPipe(way.pipe.first.number) == 0)
    }
}
