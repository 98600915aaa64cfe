import Glibc
import SandboxClient
import Testing

@testable import SandboxExec

/// Writing that waits for nobody.
@Suite struct OutputPumpTests {
    private static func pipe() -> (reader: Descriptor, writer: Descriptor) {
        var ends: [CInt] = [-1, -1]
        #expect(Glibc.pipe(&ends) == 0)
        return (Descriptor(number: ends[0]), Descriptor(number: ends[1]))
    }

    private static func chunk(_ bytes: [UInt8], _ target: Descriptor, isOurs: Bool = false) -> OutputPump.Chunk {
        OutputPump.Chunk(bytes: bytes[...], target: target, isOurs: isOurs)
    }

    @Test func `a full pipe is left until it takes more, and the order stays`() throws {
        let (reader, writer) = Self.pipe()
        defer { for end in [reader, writer] { close(end.number) } }
        let first = [UInt8](repeating: 1, count: 300_000)
        var pump = OutputPump()
        pump.add([Self.chunk(first, writer), Self.chunk([2], writer)])
        var read: [UInt8] = []
        while pump.blocked != nil {
            #expect(pump.write() == nil)
            read += try reader.read(atMost: 1 << 20).get()
        }
        #expect(read == first + [2])
    }

    @Test func `who has gone is told once, and what is sandboxctl's own does not matter`() {
        let (reader, writer) = Self.pipe()
        let other = Self.pipe()
        close(reader.number)
        defer { for end in [writer, other.reader, other.writer] { close(end.number) } }
        signal(SIGPIPE, SIG_IGN)
        var pump = OutputPump()
        pump.add([Self.chunk([1], writer, isOurs: true), Self.chunk([2], other.writer)])
        #expect(pump.write() == nil && pump.blocked == nil)
        pump.add([Self.chunk([1], writer), Self.chunk([2], other.writer)])
        #expect(pump.write() == ErrorNumber(EPIPE) && pump.blocked == nil)
    }
}
