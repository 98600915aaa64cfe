import LaunchPlan
import SandboxModel
import SandboxWire
import Testing

@testable import SandboxEngine

/// Where the time of a start went, as results say it.
@Suite struct TraceTests {
    /// `flash` is over before its start is told: what the launcher noted is in its report alone.
    @Test(arguments: ["exit", "flash", "sleep"]) func `a run that asks is told all parts`(_ program: String) throws {
        let client = try ServerFixture().connect()
        let request = RunRequest(argv: [program, "5"], trace: true)
        let result = try #require(try client.run(request).result)
        let trace = try #require(result.trace)
        #expect(trace.warm == true && trace.launcherMicroseconds == FakeLauncher.launcherTime / 1000)
        #expect(trace.sandboxMicroseconds == FakeLauncher.sandboxTime / 1000)
        #expect(trace.decodeMicroseconds != nil && trace.queueMicroseconds != nil)
        // The same times as in the usage, which is in milliseconds.
        let queue = try #require(result.usage.queueMilliseconds)
        #expect(trace.checkMicroseconds == UInt64((queue * 1000).rounded()))
    }

    @Test func `nobody else is told`() throws {
        let client = try ServerFixture().connect()
        #expect(try client.run(RunRequest(argv: ["exit"])).result?.trace == nil)
        #expect(try client.run(RunRequest(argv: ["exit"], policy: "deny-all")).result?.trace == nil)
    }

    @Test func `parts that a run did not come to are absent`() throws {
        let fixture = try ServerFixture()
        let denied = try #require(
            try fixture.connect().run(RunRequest(argv: ["a"], policy: "deny-all", trace: true)).result)
        #expect(denied.outcome.reason == .denied)
        var decoded = StartTrace()
        decoded.decodeMicroseconds = denied.trace?.decodeMicroseconds
        #expect(decoded.decodeMicroseconds != nil && denied.trace == decoded)
        // A launcher that died has said nothing.
        let lost = try #require(try fixture.connect().run(RunRequest(argv: ["die"], trace: true)).result)
        #expect(lost.outcome.reason == .lost && lost.trace?.checkMicroseconds != nil)
        #expect(
            lost.trace?.warm == nil && lost.trace?.queueMicroseconds == nil && lost.trace?.sandboxMicroseconds == nil)
    }

    @Test func `a clock that seems to go back takes no time`() {
        var stamps = StartStamps(readAt: 5000, arrivedAt: 4000)
        stamps.sentAt = 3000
        stamps.launcher = LaunchStamps(receivedAt: 0, handedOverAt: .max, isWarm: false)
        stamps.startedAt = 0
        let trace = stamps.trace
        #expect(trace.decodeMicroseconds == 0 && trace.checkMicroseconds == 0 && trace.queueMicroseconds == 0)
        #expect(trace.launcherMicroseconds == UInt64.max / 1000 && trace.sandboxMicroseconds == 0)
        #expect(trace.warm == false)
    }

    @Test func `not yes or no is no trace`() throws {
        let client = try ServerFixture().connect()
        client.send(
            Frame(
                kind: .control,
                payload: Array(
                    #"{"type":"run","channel":7,"request":{"argv":["exit"],"trace":1}}"#.utf8)))
        guard case .error(7, let error)? = try client.message() else { throw Silence() }
        #expect(error.code == .invalidRequest)
    }
}
