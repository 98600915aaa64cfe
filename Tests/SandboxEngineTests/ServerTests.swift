import Glibc
import LaunchPlan
import SandboxEngine
import SandboxModel
import SandboxWire
import Testing

@Suite struct ServerTests {
    @Test func runsAndRelaysOutput() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        let ended = try client.run(RunRequest(argv: ["echo", "hello", "world"]))
        #expect(ended.started)
        #expect(String(decoding: ended.stdout, as: UTF8.self) == "hello world")
        #expect(ended.result?.outcome.reason == .exited)
        #expect(ended.result?.usage.stdoutBytes == 11)
        #expect(ended.result?.id.count == 32)
        let second = try client.run(RunRequest(argv: ["warn"]))
        #expect(String(decoding: second.stderr, as: UTF8.self) == "warning")
        #expect(fixture.launcher.commands.first == .admit(client: 1))
    }

    @Test func relaysMegabytesWithoutAWindow() throws {
        let fixture = try ServerFixture()
        let ended = try fixture.connect().run(RunRequest(argv: ["spew", "5000000"]))
        #expect(ended.stdout.count == 5_000_000)
        #expect(ended.result?.outcome.reason == .exited)
    }

    @Test func aWindowHoldsTheCommandBack() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        try client.send(.run(channel: 4, request: RunRequest(argv: ["spew", "300000"]), window: 1000))
        var held = 0
        while held < 1000, let frame = try client.frame() {
            if frame.kind == .stdout { held += frame.payload.count - 4 }
        }
        #expect(held == 1000)
        usleep(50_000)
        client.send(.credit(channel: 4, bytes: 1000))
        let ended = try client.finish(4, grant: true)
        #expect(ended.stdout.count == 299_000)
        #expect(ended.result?.outcome.reason == .exited)
    }

    @Test func aBlockedRunCanStillTimeOutAndBeCancelled() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        let request = RunRequest(argv: ["spew", "9000000"], limits: Limits(wallMilliseconds: 100))
        try client.send(.run(channel: 1, request: request, window: 10))
        let killed = fixture.eventually { fixture.launcher.commands.contains(.kill(run: 1)) }
        #expect(killed)
        client.send(.credit(channel: 1, bytes: 1 << 30))
        let ended = try client.finish()
        #expect(ended.result?.outcome.reason == .wallTimeout)
        #expect(ended.result?.outcome.limit == 100)
    }

    @Test func inputIsRelayedAndCredited() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["cat"], stdin: true), window: nil))
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0) }
        client.send(.data(.stdin, channel: 1, bytes.prefix(100_000)))
        client.send(.data(.stdin, channel: 1, bytes.dropFirst(100_000)))
        client.send(.data(.stdin, channel: 1, []))
        let ended = try client.finish()
        #expect(ended.stdout == bytes)
        #expect(ended.credited >= 100_000)
        #expect(ended.result?.outcome.code == 0)
    }

    @Test func inputAboveTheWindowBreaksTheProtocol() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["sleep"], stdin: true), window: nil))
        // The window, and what the command's pipe holds: half a mebibyte, where pages of the socket lie in it.
        for _ in 0..<8 { client.send(.data(.stdin, channel: 1, [UInt8](repeating: 0, count: 150_000))) }
        #expect(try client.finish().error?.code == .protocolViolation)
        #expect(try client.frame() == nil)
    }

    @Test func outputLimitTruncates() throws {
        let fixture = try ServerFixture()
        let request = RunRequest(argv: ["spew", "9000000"], limits: Limits(outputBytes: 100_000))
        let ended = try fixture.connect().run(request)
        #expect(ended.stdout.count == 100_000)
        #expect(ended.result?.outcome.reason == .outputLimit)
        #expect(ended.result?.usage.stdoutTruncated == true)
        #expect(ended.result?.usage.stderrTruncated == false)
        let small = RunRequest(argv: ["echo", "abcdef"], limits: Limits(outputBytes: 3))
        let second = try fixture.connect().run(small)
        #expect(second.stdout == Array("abc".utf8))
        #expect(second.result?.outcome.reason == .outputLimit)
    }

    @Test func cpuTimeIsWatchedByNeed() throws {
        let fixture = try ServerFixture()
        let request = RunRequest(argv: ["sleep"], limits: Limits(cpuMilliseconds: 20))
        let ended = try fixture.connect().run(request)
        #expect(ended.result?.outcome.reason == .cpuTimeout)
        #expect(ended.result?.outcome.observed == 10_000)
    }

    @Test func cancelListAndKill() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["sleep"]), window: nil))
        guard case .accepted(1, let id, _)? = try client.message() else { throw Silence() }
        #expect(try client.message() == .started(channel: 1))
        try client.send(.list(channel: 9, usage: false))
        guard case .runs(9, let runs)? = try client.message() else { throw Silence() }
        #expect(runs.map(\.id) == [id])
        #expect(runs.first?.state == "running")
        let other = try fixture.connect()
        try other.send(.kill(channel: 2, id: id, now: false))
        #expect(try other.message() == .killed(channel: 2, id: id))
        #expect(try client.finish().result?.outcome.reason == .cancelled)
        try other.send(.kill(channel: 2, id: id, now: false))
        guard case .error(2, let error)? = try other.message() else { throw Silence() }
        #expect(error.code == .unknownRun)
        try client.send(.run(channel: 1, request: RunRequest(argv: ["sleep"]), window: nil))
        try client.send(.cancel(channel: 1, now: false))
        #expect(try client.finish().result?.outcome.reason == .cancelled)
    }

    @Test func theTerminalIsRelayedAndItsEndIsNoError() throws {
        let client = try ServerFixture().connect()
        let size = TerminalSize(columns: 80, rows: 24)
        let ended = try client.run(RunRequest(argv: ["echo", "on a terminal"], terminal: size))
        #expect(String(decoding: ended.stdout, as: UTF8.self) == "on a terminal")
        #expect(ended.result?.outcome.reason == .exited)
        try client.send(.run(channel: 1, request: RunRequest(argv: ["cat"], stdin: true, terminal: size), window: nil))
        client.send(.data(.stdin, channel: 1, Array("line\n".utf8)))
        client.send(.data(.stdin, channel: 1, []))
        #expect(String(decoding: try client.finish().stdout, as: UTF8.self) == "line\r\nline\r\n")
    }

    @Test func inputThatNobodyReadsIsDropped() throws {
        let client = try ServerFixture().connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["true"], stdin: true), window: nil))
        client.send(.data(.stdin, channel: 1, [UInt8](repeating: 1, count: 200_000)))
        #expect(try client.finish().result?.outcome.reason == .exited)
    }

    @Test func manyRunsShareAConnection() throws {
        let client = try ServerFixture().connect()
        for round in 0..<20 {
            for channel in 1...UInt32(40) {
                let request = RunRequest(argv: ["echo", "\(round) \(channel)"])
                try client.send(.run(channel: channel, request: request, window: nil))
            }
            for _ in 1...40 { #expect(try client.finish().result?.outcome.reason == .exited) }
        }
    }

    @Test func aClientThatGoesTakesItsRunsAlong() throws {
        let fixture = try ServerFixture()
        do {
            let client = try fixture.connect()
            try client.send(.run(channel: 1, request: RunRequest(argv: ["sleep"]), window: nil))
            for _ in 1...2 { _ = try client.message() }
        }
        let gone = try fixture.eventually {
            try fixture.runCount() == 0 && fixture.launcher.commands.contains(.dismiss(client: 1))
        }
        #expect(gone)
        // Its policy may give it a grace.
        let commands = fixture.launcher.commands
        #expect(commands.contains(.stop(run: 1)) || commands.contains(.kill(run: 1)))
    }

    @Test func theLaunchersEndIsEveryRunsEnd() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["sleep"]), window: nil))
        _ = try client.message()
        try client.send(.run(channel: 2, request: RunRequest(argv: ["die"]), window: nil))
        for _ in 0..<2 { #expect(try client.finish().result?.outcome.reason == .lost) }
        #expect(try client.run(RunRequest(argv: ["true"]), channel: 3).error?.code != nil)
    }

    @Test func refusalsAndFailures() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        #expect(try client.run(RunRequest(argv: ["missing"])).error?.code == .programNotFound)
        #expect(try client.run(RunRequest(argv: [])).error?.code == .invalidRequest)
        let unknown = try client.run(RunRequest(argv: ["true"], policy: "nope")).error
        #expect(unknown?.code == .unknownPolicy)
        #expect(unknown?.message.contains("default") == true)
        #expect(try client.run(RunRequest(argv: ["mkfs.ext4"])).result?.denials.first?.kind == .command)
        let variable = RunRequest(argv: ["true"], policy: "shell", environment: ["LD_PRELOAD": "x"])
        #expect(try client.run(variable).result?.outcome.reason == .denied)
        #expect(try client.run(RunRequest(argv: ["memory"])).result?.outcome.reason == .memoryLimit)
        let hits = try client.run(RunRequest(argv: ["memory"])).result?.limitsHit
        #expect(hits?.map(\.limit) == ["processes", "tmp", "workspace-inodes"])
        #expect(hits?.first { $0.limit == "tmp" }?.value == 256 << 20)
        #expect(try client.run(RunRequest(argv: ["crash", "11"])).result?.outcome.signal == 11)
    }

    @Test func capsAreTemporaryErrors() throws {
        var limits = EngineLimits()
        limits.runsPerConnection = 1
        limits.connections = 1
        let fixture = try ServerFixture(limits: limits)
        let client = try fixture.connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["sleep"]), window: nil))
        let error = try client.run(RunRequest(argv: ["true"]), channel: 2).error
        #expect(error?.code == .overloaded)
        #expect(error?.category == .temporary)
        #expect(error?.retryAfterMilliseconds != nil)
        #expect(try fixture.connect(hello: false).finish().error?.code == .overloaded)
    }

    @Test func oneUserCannotTakeEverything() throws {
        var limits = EngineLimits()
        limits.runsPerUser = 2
        limits.connectionsPerUser = 2
        let fixture = try ServerFixture(limits: limits)
        let (first, second) = (try fixture.connect(), try fixture.connect())
        #expect(try fixture.connect(hello: false).finish().error?.code == .overloaded)
        try first.send(.run(channel: 1, request: RunRequest(argv: ["sleep"]), window: nil))
        try second.send(.run(channel: 1, request: RunRequest(argv: ["sleep"]), window: nil))
        #expect(fixture.eventually { (try? fixture.runCount()) == 2 })
        #expect(try first.run(RunRequest(argv: ["true"]), channel: 2).error?.code == .overloaded)
    }

    private static let violations: [[UInt8]] = [
        Array("GET / HTTP/1.1\r\n\r\n".utf8),
        [0xff, 0xff, 0xff, 0xff, 1],
        Frame(kind: .control, payload: Array("not json".utf8)).encoded,
        Frame(kind: .control, payload: Array(#"{"type":"nonsense"}"#.utf8)).encoded,
        Frame(kind: .control, payload: Array(#"{"type":"list","channel":1}"#.utf8)).encoded,
        Frame(kind: .control, payload: Array(#"{"type":"hello","version":99}"#.utf8)).encoded,
        Frame.data(.stdin, channel: 1, [1]).encoded,
        Frame.data(.stdout, channel: 1, [1]).encoded,
        Frame(kind: .control, payload: .init(repeating: UInt8(ascii: "["), count: 100_000)).encoded,
    ]

    @Test(arguments: violations.indices)
    func violationsAreNamedAndEndTheConnection(_ index: Int) throws {
        let client = try ServerFixture().connect(hello: false)
        client.send(raw: Self.violations[index])
        #expect(try client.finish().error?.code == .protocolViolation)
        #expect(try client.frame() == nil)
    }

    @Test func aChannelInUseIsAViolation() throws {
        let client = try ServerFixture().connect()
        for _ in 0..<2 { try client.send(.run(channel: 1, request: RunRequest(argv: ["sleep"]), window: nil)) }
        #expect(try client.finish().error?.message.contains("channel 1 is in use") == true)
    }
}
