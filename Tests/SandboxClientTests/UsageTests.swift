import SandboxClient
import SandboxModel
import SandboxWire
import Testing

/// What a run uses, what is left out of its output, and how a daemon that knows none of this is treated.
@Suite(.timeLimit(.minutes(1))) struct UsageTests {
    private func connected() async throws -> (SandboxClient, FakeServer) {
        try await FakeServer.connected(capabilities: ["usage", "host", "service"])
    }

    private func sample(_ elapsed: UInt64) -> UsageSample {
        var sample = UsageSample()
        sample.elapsedMilliseconds = elapsed
        return sample
    }

    @Test func usageAndOmittedAreEvents() async throws {
        let (client, server) = try await connected()
        async let starting = client.start(RunRequest(argv: ["yes"], usageIntervalMilliseconds: 100))
        let (channel, request) = try await server.accept()
        #expect(request.usageIntervalMilliseconds == 100)
        let run = try await starting
        var events = run.events.makeAsyncIterator()
        #expect(try await events.next() == .started)
        try await server.send(.usage(channel: channel, usage: sample(100)))
        #expect(try await events.next() == .usage(sample(100)))
        try await server.send(.data(.stdout, channel: channel, [1]))
        #expect(try await events.next() == .standardOutput([1]))
        try await server.send(.omitted(channel: channel, stream: .stdout, bytes: 12))
        #expect(try await events.next() == .omitted(.stdout, bytes: 12))
        try await server.send(.data(.stdout, channel: channel, [2]))
        #expect(try await events.next() == .standardOutput([2]))
        try await server.end(channel)
        #expect(try await events.next() == .result(.test()))
    }

    @Test func samplesThatWaitAreOne() async throws {
        let (client, server) = try await connected()
        async let starting = client.start(RunRequest(argv: ["yes"], usageIntervalMilliseconds: 100))
        let (channel, _) = try await server.accept()
        let run = try await starting
        for number in 1...50 as ClosedRange<UInt8> {
            try await server.send(.usage(channel: channel, usage: sample(UInt64(number))))
            try await server.send(.data(.stdout, channel: channel, [number]))
        }
        try await server.end(channel)
        // When another question has been answered, all of this has been received.
        async let runs = client.runs()
        guard case .list(let list, _) = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.runs(channel: list, runs: []))
        _ = try await runs
        var samples: [UsageSample] = []
        var bytes: [UInt8] = []
        for try await event in run.events {
            if case .usage(let sample) = event { samples.append(sample) }
            if case .standardOutput(let more) = event { bytes += more }
        }
        #expect(samples == [sample(50)])
        #expect(bytes == Array(1...50))
    }

    @Test func outputThatWasNotKeptIsCounted() async throws {
        let (client, server) = try await connected()
        let keep = OutputKeep(stdout: .init(headBytes: 2, tailBytes: 2))
        async let output = client.run("seq", "9", keep: keep)
        let (channel, request) = try await server.accept()
        #expect(request.keep == keep)
        try await server.send(.data(.stdout, channel: channel, Array("1\n".utf8)))
        try await server.send(.data(.stderr, channel: channel, Array("all".utf8)))
        try await server.send(.omitted(channel: channel, stream: .stdout, bytes: 14))
        try await server.send(.data(.stdout, channel: channel, Array("9\n".utf8)))
        try await server.end(channel)
        let ended = try await output
        #expect(ended.outputText == "1\n9\n" && ended.errorText == "all")
        #expect(ended.omittedOutput == 14 && ended.omittedErrors == 0)
        #expect(ended.isStandardOutputTruncated && !ended.isStandardErrorTruncated)
    }

    @Test func whatIsOmittedCannotOverflow() async throws {
        let (client, server) = try await connected()
        async let output = client.run("yes", keep: OutputKeep(stderr: .init(headBytes: 1)))
        let (channel, _) = try await server.accept()
        for _ in 0..<2 { try await server.send(.omitted(channel: channel, stream: .stderr, bytes: .max)) }
        try await server.end(channel)
        #expect(try await output.omittedErrors == .max)
    }

    @Test func cancelAndKillWithoutGrace() async throws {
        let (client, server) = try await connected()
        async let starting = client.start(RunRequest(argv: ["sh"]))
        let (channel, _) = try await server.accept()
        let run = try await starting
        run.cancel()
        #expect(try await server.message() == .cancel(channel: channel, now: false))
        run.cancel(now: true)
        #expect(try await server.message() == .cancel(channel: channel, now: true))
        async let killing: Void = client.kill("a", now: true)
        guard case .kill(let second, "a", true) = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.killed(channel: second, id: "a"))
        try await killing
    }

    @Test func questions() async throws {
        let (client, server) = try await connected()
        let summary = RunSummary(
            id: "a", policy: "p", program: "sh", state: "stopping", ageMilliseconds: 5, uid: 0, usage: sample(4),
            limits: Limits(graceMilliseconds: 500))
        async let runs = client.runs(usage: true)
        guard case .list(let first, true) = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.runs(channel: first, runs: [summary]))
        #expect(try await runs == [summary])

        async let stats = client.stats("a")
        guard case .stats(let second, "a") = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.stats(channel: second, run: summary))
        #expect(try await stats == summary)

        async let missing = #expect(throws: ServiceError.self) { try await client.stats("b") }
        guard case .stats(let third, "b") = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.error(channel: third, error: ServiceError(.unknownRun, "no run 'b'")))
        #expect(await missing?.code == .unknownRun)

        let report = HostReport(findings: [.init(name: "cgroup", isFound: true, detail: "v2")])
        async let host = client.host()
        guard case .host(let fourth) = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.host(channel: fourth, host: report))
        #expect(try await host == report)

        let doing = ServiceStats(runs: 3, warm: WarmStats(capacity: 8, waiting: ["p": 4], hits: 5), dying: 1)
        async let service = client.serviceStats()
        guard case .service(let fifth) = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.service(channel: fifth, service: doing))
        #expect(try await service == doing)
    }

    private static let later: [RunRequest] = [
        RunRequest(argv: ["a"], keep: OutputKeep(stdout: .init(headBytes: 1))),
        RunRequest(argv: ["a"], usageIntervalMilliseconds: 100), RunRequest(argv: ["a"], trace: true),
        RunRequest(argv: ["a"], limits: Limits(swapBytes: 0)), RunRequest(argv: ["a"], limits: Limits(stdoutBytes: 1)),
        RunRequest(argv: ["a"], limits: Limits(stderrBytes: 1)), RunRequest(argv: ["a"], limits: Limits(tmpBytes: 1)),
        RunRequest(argv: ["a"], limits: Limits(workspaceBytes: 1)),
        RunRequest(argv: ["a"], limits: Limits(workspaceInodes: 1)),
        RunRequest(argv: ["a"], limits: Limits(readBytesPerSecond: 1)),
        RunRequest(argv: ["a"], limits: Limits(writeBytesPerSecond: 1)),
        RunRequest(argv: ["a"], limits: Limits(graceMilliseconds: 0)),
    ]

    /// It would end the connection, and with it every other run.
    @Test func anOlderDaemonIsNotAskedForWhatItDoesNotKnow() async throws {
        let (old, server) = try await FakeServer.connected(capabilities: [])
        for request in Self.later {
            let error = await #expect(throws: ServiceError.self) { try await old.start(request) }
            #expect(error?.code == .invalidRequest && error?.message.contains("older") == true, "\(request)")
        }
        let refused = [
            await #expect(throws: ServiceError.self) { try await old.runs(usage: true) },
            await #expect(throws: ServiceError.self) { try await old.stats("a") },
            await #expect(throws: ServiceError.self) { try await old.host() },
            await #expect(throws: ServiceError.self) { try await old.serviceStats() },
        ]
        #expect(refused.allSatisfy { $0?.code == .invalidRequest })
        // Nothing of all that was sent, and what it knows is.
        let known = Limits(memoryBytes: 1, cpus: 1, processes: 1, openFiles: 1, fileSizeBytes: 1, outputBytes: 1)
        async let starting = old.start(RunRequest(argv: ["a"], limits: known))
        let (channel, request) = try await server.accept()
        #expect(request.limits == known)
        _ = try await starting
        try await server.end(channel)
    }
}
