import Glibc
import LaunchPlan
import NIOCore
import NIOPosix
import SandboxModel
import SandboxWire
import Testing

@testable import SandboxEngine

/// A client that stops reading stops its own command, and nobody else's.
@Suite struct FlowTests {
    /// Writes for ever, as `yes` does; the policy allows 64 MiB.
    private static let endless = RunRequest(argv: ["flood", "\(1 << 40)"])

    /// What sandboxd has read of all runs' output so far.
    private func bytesRead(_ fixture: ServerFixture) throws -> UInt64 {
        let parts = fixture.parts
        return try fixture.group.next().submit {
            parts.value.engine.runs.values.reduce(0) { $0 + $1.output.report(.stdout).bytes }
        }.wait()
    }

    /// Until nothing more is read: how much that was.
    private func settledBytes(_ fixture: ServerFixture) throws -> UInt64 {
        var (last, same) = (try bytesRead(fixture), 0)
        let settled = try fixture.eventually {
            let now = try bytesRead(fixture)
            same = now == last && now > 0 ? same + 1 : 0
            last = now
            return same > 50
        }
        #expect(settled)
        return last
    }

    @Test func `a connection that is not read holds its runs and no other connection's`() throws {
        let fixture = try ServerFixture()
        let deaf = try fixture.connect()
        for channel in UInt32(1)...3 { try deaf.send(.run(channel: channel, request: Self.endless, window: nil)) }
        // Its socket's buffer, a megabyte of frames, and what was read of the pipes when that was full.
        #expect(try settledBytes(fixture) < 4 << 20)
        let other = try fixture.connect()
        for _ in 0..<5 {
            #expect(try other.run(RunRequest(argv: ["spew", "500000"])).stdout.count == 500_000)
        }
        #expect(try fixture.runCount() == 3)
    }

    @Test func `a run whose window is used up holds itself and no other run of the connection`() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        try client.send(.run(channel: 1, request: Self.endless, window: 1000))
        #expect(try settledBytes(fixture) == 1000)
        for _ in 0..<5 {
            let ended = try client.run(RunRequest(argv: ["spew", "500000"]), channel: 2, window: 500_000)
            #expect(ended.result?.outcome.reason == .exited)
        }
        #expect(try fixture.runCount() == 1)
        try client.send(.cancel(channel: 1, now: true))
        client.send(.credit(channel: 1, bytes: 1 << 20))
        #expect(try client.finish().result?.outcome.reason == .cancelled)
    }

    @Test func `a run of which only head and tail are kept is held by nobody`() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        var request = Self.endless
        request.keep = OutputKeep(stdout: .init(headBytes: 100, tailBytes: 100))
        try client.send(.run(channel: 1, request: request, window: 100))
        // It meets its limit although nobody reads.
        let killed = fixture.eventually { fixture.launcher.commands.contains(.kill(run: 1)) }
        #expect(killed)
        client.send(.credit(channel: 1, bytes: 100))
        let ended = try client.finish()
        #expect(ended.result?.outcome.reason == .outputLimit && ended.stdout.count == 200)
    }
}
