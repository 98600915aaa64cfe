import Glibc
import LaunchPlan
import SandboxModel
import SandboxWire
import Testing

/// What a connection answers beside runs, and requests that cannot be read.
@Suite struct QuestionTests {
    private func control(_ json: String) -> Frame { Frame(kind: .control, payload: Array(json.utf8)) }

    private static let malformed = [
        #"{"type":"run","channel":7,"request":{"argv":["true"],"memroy":1}}"#,
        #"{"type":"run","channel":7,"request":{"argv":["true"],"limits":{"memmory_bytes":1}}}"#,
        #"{"type":"run","channel":7,"request":{"argv":"true"}}"#,
        #"{"type":"run","channel":7,"request":{"argv":["true"],"stdin":"yes"}}"#,
        #"{"type":"run","channel":7,"request":{"argv":["true"],"keep":{"stdout":{"head":1}}}}"#,
        #"{"type":"run","channel":7,"request":[]}"#,
        #"{"type":"run","channel":7}"#,
        #"{"type":"run","channel":7,"request":{"argv":["true"]},"window":-1}"#,
    ]

    @Test(arguments: malformed) func aMalformedRunIsAnsweredOnItsChannel(_ json: String) throws {
        let client = try ServerFixture().connect()
        client.send(control(json))
        guard case .error(7, let error)? = try client.message() else { throw Silence() }
        #expect(error.code == .invalidRequest && error.category == .permanent)
        // The connection goes on, and the channel is free.
        #expect(try client.run(RunRequest(argv: ["true"]), channel: 7).result?.outcome.reason == .exited)
    }

    @Test func itsChannelMustBeFreeAndTheConnectionGreeted() throws {
        let client = try ServerFixture().connect()
        try client.send(.run(channel: 7, request: RunRequest(argv: ["sleep"]), window: nil))
        client.send(control(Self.malformed[0]))
        #expect(try client.finish(7).error?.message.contains("channel 7 is in use") == true)
        #expect(try client.frame() == nil)
        let stranger = try ServerFixture().connect(hello: false)
        stranger.send(control(Self.malformed[0]))
        #expect(try stranger.finish(7).error?.code == .protocolViolation)
        #expect(try stranger.frame() == nil)
    }

    @Test func whatSomeRunsUse() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["sleep"]), window: nil))
        guard case .accepted(1, let id, _)? = try client.message() else { throw Silence() }
        #expect(try client.message() == .started(channel: 1))
        try client.send(.list(channel: 2, usage: true))
        guard case .runs(2, let runs)? = try client.message() else { throw Silence() }
        #expect(runs.map(\.id) == [id] && runs.first?.uid == getuid())
        // What the launcher said of the tree, and what is in force.
        #expect(runs.first?.usage?.userMilliseconds == 10_000)
        #expect(runs.first?.limits?.memoryBytes != nil)
        try client.send(.stats(channel: 2, id: id))
        guard case .stats(2, let run)? = try client.message() else { throw Silence() }
        #expect(run.id == id && run.usage?.elapsedMilliseconds != nil)
        for unknown in ["", "no such", String(id.prefix(8))] {
            try client.send(.stats(channel: 2, id: unknown))
            guard case .error(2, let error)? = try client.message() else { throw Silence() }
            #expect(error.code == .unknownRun)
        }
        try client.send(.list(channel: 2, usage: false))
        guard case .runs(2, let plain)? = try client.message() else { throw Silence() }
        #expect(plain.first?.usage == nil && plain.first?.limits == nil)
    }

    @Test func aChannelIsInUseUntilItsQuestionIsAnswered() throws {
        for second in [
            ClientMessage.list(channel: 2, usage: false), .host(channel: 2), .kill(channel: 2, id: "", now: true),
        ] {
            let client = try ServerFixture().connect()
            try client.send(.run(channel: 1, request: RunRequest(argv: ["sleep"]), window: nil))
            for _ in 0..<2 { _ = try client.message() }
            // Both in one piece: the launcher, who must be asked for figures, cannot be faster than the second.
            let first = ClientMessage.list(channel: 2, usage: true)
            client.send(raw: try ControlCoding.frame(first).encoded + ControlCoding.frame(second).encoded)
            #expect(try client.finish(2).error?.message.contains("channel 2 is in use") == true)
            #expect(try client.frame() == nil)
        }
    }

    @Test func theHost() throws {
        let client = try ServerFixture().connect()
        try client.send(.host(channel: 3))
        guard case .host(3, let host)? = try client.message() else { throw Silence() }
        #expect(host.findings.contains { $0.name == "cgroup" && $0.isFound && $0.detail.contains("v2") })
    }

    @Test func questionsOfOneUserAreBounded() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        let other = try fixture.connect()
        var answered = 0
        var refused: ServiceError?
        // Far faster than one in 5 ms, and both connections are one user's.
        for index in 0..<2000 where refused == nil {
            let asking = index % 2 == 0 ? client : other
            try asking.send(.list(channel: 1, usage: false))
            switch try asking.message() {
            case .runs?: answered += 1
            case .error(1, let error)?: refused = error
            default: throw Silence()
            }
        }
        #expect(answered >= 200)
        #expect(refused?.code == .overloaded && refused?.category == .temporary)
        usleep(UInt32(refused?.retryAfterMilliseconds ?? 0) * 1000 + 10_000)
        try client.send(.host(channel: 2))
        guard case .host? = try client.message() else { throw Silence() }
    }

    @Test func usageComesWhileTheRunLives() throws {
        let client = try ServerFixture().connect()
        let request = RunRequest(argv: ["sleep"], usageIntervalMilliseconds: 100)
        try client.send(.run(channel: 1, request: request, window: nil))
        guard case .accepted? = try client.message() else { throw Silence() }
        #expect(try client.message() == .started(channel: 1))
        for _ in 0..<3 {
            guard case .usage(1, let usage)? = try client.message() else { throw Silence() }
            #expect(usage.userMilliseconds == 10_000)
        }
        try client.send(.cancel(channel: 1, now: true))
        #expect(try client.finish().result?.outcome.reason == .cancelled)
    }

    /// Without a window the connection's own flow control holds the run; its figures must not pile up behind the output.
    @Test func usageDoesNotPileUpBeforeAClientThatDoesNotRead() throws {
        let client = try ServerFixture().connect()
        let request = RunRequest(
            argv: ["spew", "9000000"], limits: Limits(outputBytes: 9_000_000), usageIntervalMilliseconds: 100)
        try client.send(.run(channel: 1, request: request, window: nil))
        usleep(1_500_000)
        var (bytes, inARow, most) = (0, 0, 0)
        reading: while let frame = try client.frame() {
            switch frame.kind {
            case .stdout:
                bytes += frame.payload.count - 4
                inARow = 0
            case .control:
                switch try ControlCoding.decode(ServerMessage.self, from: frame.payload) {
                case .usage:
                    inARow += 1
                    most = max(most, inARow)
                case .result(_, let result):
                    #expect(result.outcome.reason == .exited)
                    break reading
                default: break
                }
            case .stdin, .stderr, .credit: break
            }
        }
        #expect(bytes == 9_000_000)
        #expect(most <= 2, "more than a dozen came and went meanwhile")
    }
}
