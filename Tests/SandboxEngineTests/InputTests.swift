import LaunchPlan
import NIOCore
import SandboxModel
import SandboxWire
import Synchronization
import Testing

@testable import SandboxEngine

/// Standard input of any size, read slowly, closed early, never read.
@Suite struct InputTests {
    private func bytes(_ range: Range<Int>) -> [UInt8] { range.map { UInt8(truncatingIfNeeded: $0 &* 7) } }

    /// Sends in pieces as credit comes, and returns the run's end.
    private func feed(_ client: RawClient, _ argv: [String], _ count: Int) throws -> RawClient.Ended {
        try client.send(.run(channel: 1, request: RunRequest(argv: argv, stdin: true), window: nil))
        guard case .accepted(1, _, let window)? = try client.message() else { throw Silence() }
        var (sent, room) = (0, Int(window))
        while sent < count {
            let piece = min(room, count - sent, 200_000)
            if piece > 0 {
                client.send(.data(.stdin, channel: 1, bytes(sent..<sent + piece)))
                sent += piece
                room -= piece
                continue
            }
            guard let frame = try client.frame() else { throw Silence() }
            if frame.kind == .credit { room += Int(frame.creditBytes ?? 0) }
        }
        client.send(.data(.stdin, channel: 1, []))
        return try client.finish()
    }

    @Test func `input larger than the window arrives whole, however slowly it is read`() throws {
        // `sip` ends early, and with it the credit, where a byte is not the one that was sent.
        let ended = try feed(ServerFixture().connect(), ["sip"], 5_000_000)
        #expect(ended.result?.outcome.reason == .exited)
    }

    @Test func `input that was taken leaves no trace while more comes`() throws {
        let fixture = try RunFixture()
        let run = try fixture.start(RunRequest(argv: ["swallow"], stdin: true), limits: Limits())
        var (sent, most) = (0, 0)
        let piece = ByteBuffer(repeating: 1, count: 65_536)
        while sent < 16 << 20 {
            let (isTaken, room, stored) = try fixture.on(run) { run in
                let isTaken = run.inputRoom >= piece.readableBytes && run.write(piece)
                return (isTaken, run.inputRoom, run.storedInputBytes)
            }
            if isTaken { sent += piece.readableBytes }
            #expect(room <= Run.stdinWindow)
            most = max(most, stored)
        }
        #expect(most <= 4 * Run.stdinWindow, "\(most) bytes are stored for a window of \(Run.stdinWindow)")
        _ = try fixture.on(run) { $0.write(ByteBuffer()) }
        #expect(try fixture.end(run).outcome.reason == .exited)
    }

    @Test(arguments: ["true", "sleep 50", "closed 50"])
    func `input that nobody reads is credited and dropped`(_ program: String) throws {
        let client = try ServerFixture().connect()
        let argv = program.split(separator: " ").map(String.init)
        // The window is all that is sent where nobody reads and the command lives on.
        #expect(try feed(client, argv, 256 << 10).result?.outcome.reason == .exited)
        #expect(try client.run(RunRequest(argv: ["true"])).result?.outcome.reason == .exited)
    }

    @Test func `a command that closes its input early has the rest dropped and goes on`() throws {
        let fixture = try RunFixture()
        let run = try fixture.start(RunRequest(argv: ["closed", "60000"], stdin: true), limits: Limits())
        #expect(fixture.hasStarted(run))
        // Far more than the window: credit comes for what is dropped.
        var sent = 0
        let allSent = try fixture.server.eventually {
            sent += try fixture.on(run) { run in
                let piece = min(65_536, run.inputRoom)
                return piece > 0 && run.write(ByteBuffer(repeating: 1, count: piece)) ? piece : 0
            }
            return sent > 10 << 20
        }
        #expect(allSent)
        #expect(run.owner.record.withLock { $0.taken } >= sent - Run.stdinWindow)
        #expect(try fixture.on(run) { $0.machine.name } == "running")
        _ = try fixture.on(run) { $0.cancel(now: true) }
        #expect(try fixture.end(run).outcome.reason == .cancelled)
    }

    @Test func `input that is closed at once is an end of file`() throws {
        let client = try ServerFixture().connect()
        #expect(try feed(client, ["cat"], 0).result?.outcome.reason == .exited)
        #expect(try feed(client, ["sip"], 0).result?.outcome.reason == .exited)
    }
}
