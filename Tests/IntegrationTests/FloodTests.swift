import Glibc
import LinuxSystem
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// A user who may use the service floods it with messages that he knows will be refused: others' deadlines must be kept by
/// the loop that reads them.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct FloodTests {
    /// Eight connections of user 12345, each with one large message after the other, until a byte comes on standard input.
    /// Prints how many bytes of messages were answered, and in how many seconds.
    private static let flooder = """
        import json, os, select, signal, socket, struct, sys, time
        signal.alarm(300)
        os.setgroups([]); os.setgid(12345); os.setuid(12345)
        def frame(text): return struct.pack(">IB", len(text), 1) + text.encode()
        limits = ",".join('"k%06d":1' % number for number in range(120000))
        message = frame('{"type":"run","channel":1,"request":{"argv":["true"],"limits":{%s}}}' % limits)
        hello = frame('{"type":"hello","version":1,"capabilities":[]}')
        begin = time.monotonic()
        waiting, rest, received = select.poll(), {}, {}
        for _ in range(8):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(sys.argv[1])
            connection.setblocking(False)
            rest[connection.fileno()] = (connection, memoryview(hello + message))
            received[connection.fileno()] = b""
            waiting.register(connection, select.POLLIN | select.POLLOUT)
        waiting.register(0, select.POLLIN)
        answers, ended = 0, False
        print("flooding", flush=True)
        while not ended:
            for descriptor, events in waiting.poll():
                if descriptor == 0:
                    ended = True
                    continue
                connection, data = rest[descriptor]
                if events & select.POLLIN:
                    stream = received[descriptor] + connection.recv(1 << 18)
                    while len(stream) >= 5 and len(stream) >= 5 + struct.unpack(">I", stream[:4])[0]:
                        length = struct.unpack(">I", stream[:4])[0]
                        answers += json.loads(stream[5:5 + length])["type"] == "error"
                        stream = stream[5 + length:]
                    received[descriptor] = stream
                if events & select.POLLOUT:
                    data = data[connection.send(data):]
                    rest[descriptor] = (connection, data if data else memoryview(message))
        print(answers * len(message), time.monotonic() - begin)
        """

    @Test func `refused messages of one user cost the others nothing`() async throws {
        let service = try ServiceFixture(options: ["--socket-mode", "0666"])
        chmod(service.directory.path, 0o755)
        let (stopReader, stopWriter) = try DescriptorPair.pipe().release()
        let (saidReader, saidWriter) = try DescriptorPair.pipe().release()
        let flood = try StartedProgram(
            ["/usr/bin/python3", "-c", Self.flooder, service.socket], descriptors: [stopReader, saidWriter, 2])
        close(stopReader)
        close(saidWriter)
        defer { close(saidReader) }
        #expect(Self.line(saidReader) == "flooding")
        let client = try await service.client()
        for _ in 0..<4 {
            let limits = Limits(wallMilliseconds: 300, graceMilliseconds: 0)
            let request = RunRequest(argv: ["sleep", "60"], limits: limits)
            #expect(try await client.run(request).result.outcome.reason == .wallTimeout)
        }
        close(stopWriter)
        let figures = Self.line(saidReader).split(separator: " ").compactMap { Double($0) }
        #expect(flood.wait() == 0)
        try #require(figures.count == 2)
        // It was served, and no faster than its share: the burst, a message beyond it, and 8 MiB a second.
        let most = Double(8 << 20) + figures[1] * Double(8 << 20)
        #expect(figures[0] > 0 && figures[0] <= most, "\(figures)")
        // Nothing of it lasts: when it has its share again, the flooder's next connection is served as any other's.
        let isServed = try await eventually {
            let ran = try Ran(
                asUser: 12345, "sandboxctl", ["exec", "--socket", service.socket, "--", "echo", "served"])
            if ran.status != 0 { #expect(ran.errors.contains("share of the service's time"), "\(ran)") }
            return ran.status == 0 && ran.output == "served\n"
        }
        #expect(isServed)
    }

    private static func line(_ descriptor: Int32) -> String {
        var text: [UInt8] = []
        var byte: UInt8 = 0
        while read(descriptor, &byte, 1) == 1, byte != UInt8(ascii: "\n") { text.append(byte) }
        return String(decoding: text, as: UTF8.self)
    }
}
