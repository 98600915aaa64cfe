import SandboxClient
import SandboxModel
import SandboxWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct RunTests {
    @Test func helloIsExchanged() async throws {
        let (client, _) = try await FakeServer.connected()
        #expect(client.server.server == "fake 1")
        #expect(client.server.capabilities == ["test"])
    }

    @Test func runReturnsWhatTheCommandWrote() async throws {
        let (client, server) = try await FakeServer.connected()
        async let output = client.run("echo", "hi", policy: "python", workspace: "/tmp")
        let (channel, request) = try await server.accept()
        #expect(request == RunRequest(argv: ["echo", "hi"], policy: "python", workspace: "/tmp"))
        try await server.send(.data(.stdout, channel: channel, Array("hi\n".utf8)))
        try await server.send(.data(.stderr, channel: channel, Array("oh\n".utf8)))
        try await server.end(channel, code: 3)
        let ended = try await output
        #expect(ended.outputText == "hi\n")
        #expect(ended.errorText == "oh\n")
        #expect(ended.result.outcome.code == 3)
        #expect(!ended.isSuccess)
    }

    @Test func captureIsBounded() async throws {
        let (client, server) = try await FakeServer.connected()
        async let output = client.run("yes", captureBytes: 10)
        let (channel, _) = try await server.accept()
        try await server.send(.data(.stdout, channel: channel, [UInt8](repeating: 1, count: 100)))
        try await server.end(channel)
        let ended = try await output
        #expect(ended.standardOutput.count == 10)
        #expect(ended.isStandardOutputTruncated)
        #expect(!ended.isStandardErrorTruncated)
    }

    @Test func relativeWorkspaceIsMadeAbsolute() async throws {
        let (client, server) = try await FakeServer.connected()
        async let output = client.run("true", workspace: ".")
        let (channel, request) = try await server.accept()
        #expect(request.workspace?.hasPrefix("/") == true)
        try await server.end(channel)
        _ = try await output
        let error = await #expect(throws: ServiceError.self) {
            try await client.run("true", workspace: "no/such/directory")
        }
        #expect(error?.code == .workspaceNotFound)
    }

    @Test func eventsComeInOrder() async throws {
        let (client, server) = try await FakeServer.connected()
        async let starting = client.start(RunRequest(argv: ["true"]))
        let (channel, _) = try await server.accept(id: "abc")
        try await server.send(.data(.stdout, channel: channel, [1]))
        try await server.send(.data(.stderr, channel: channel, [2]))
        try await server.end(channel, id: "abc")
        let run = try await starting
        #expect(run.id == "abc")
        var events: [RunEvent] = []
        for try await event in run.events { events.append(event) }
        #expect(events == [.started, .standardOutput([1]), .standardError([2]), .result(.test(id: "abc"))])
    }

    @Test func errorFramesAreThrown() async throws {
        let (client, server) = try await FakeServer.connected()
        let refusal = ServiceError(.unknownPolicy, "no policy 'x'")
        async let first = #expect(throws: ServiceError.self) { try await client.run("true", policy: "x") }
        guard case .run(let channel, _, _) = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.error(channel: channel, error: refusal))
        #expect(await first == refusal)

        let failure = ServiceError(.launchFailed, "failed to mount /proc: EPERM", stage: "mount_proc")
        async let second = #expect(throws: ServiceError.self) { try await client.run("true") }
        let (other, _) = try await server.accept()
        try await server.send(.error(channel: other, error: failure))
        #expect(await second == failure)
    }

    @Test func manyRunsShareOneConnection() async throws {
        let (client, server) = try await FakeServer.connected()
        let count = 64
        async let outputs = withThrowingTaskGroup { group in
            for index in 0..<count {
                group.addTask { (index, try await client.run("echo", "\(index)").outputText) }
            }
            return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
        }
        var channels: [(UInt32, String)] = []
        for _ in 0..<count {
            let (channel, request) = try await server.accept()
            channels.append((channel, request.argv[1]))
        }
        #expect(Set(channels.map(\.0)).count == count)
        for (channel, text) in channels.shuffled() {
            try await server.send(.data(.stdout, channel: channel, Array(text.utf8)))
            try await server.end(channel)
        }
        let received = try await outputs
        #expect(received == Dictionary(uniqueKeysWithValues: (0..<count).map { ($0, "\($0)") }))
    }

    @Test func verifyIsAskedOfADaemonThatKnowsIt() async throws {
        let (old, _) = try await FakeServer.connected()
        let error = await #expect(throws: ServiceError.self) { try await old.verify() }
        #expect(error?.message.contains("cannot verify") == true)

        let (client, server) = try await FakeServer.connected(capabilities: ["verify"])
        let verdict = PolicyVerification(policy: "p", digest: "d", state: .verified, checkCount: 3)
        async let verdicts = client.verify(policy: "p", allChecks: true)
        guard case .verify(let channel, "p", true) = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.verified(channel: channel, policies: [verdict]))
        #expect(try await verdicts == [verdict])
    }

    @Test func runsAndKill() async throws {
        let (client, server) = try await FakeServer.connected()
        let summary = RunSummary(id: "a", policy: "p", program: "sh", state: "running", ageMilliseconds: 5)
        async let runs = client.runs()
        guard case .list(let channel, _) = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.runs(channel: channel, runs: [summary]))
        #expect(try await runs == [summary])

        async let killing: Void = client.kill("a")
        guard case .kill(let second, "a", false) = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.killed(channel: second, id: "a"))
        try await killing

        async let failing = #expect(throws: ServiceError.self) { try await client.kill("b") }
        guard case .kill(let third, "b", false) = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.error(channel: third, error: ServiceError(.unknownRun, "no run b")))
        #expect(await failing?.code == .unknownRun)
    }

    @Test func policiesAreAskedForWhereTheServerKnowsThem() async throws {
        let (client, server) = try await FakeServer.connected(capabilities: ["policies"])
        let summary = PolicySummary(name: "a", description: "d", digest: "1", origin: "built-in")
        async let policies = client.policies()
        guard case .policies(let channel) = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.policies(channel: channel, policies: [summary]))
        #expect(try await policies == [summary])

        async let policy = client.policy("a")
        guard case .policy(let second, "a") = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.policy(channel: second, policy: summary))
        #expect(try await policy == summary)

        async let denied = #expect(throws: ServiceError.self) { try await client.policy("b") }
        guard case .policy(let third, "b") = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.error(channel: third, error: ServiceError(.denied, "not yours")))
        #expect(await denied?.code == .denied)

        // An older server would end the connection over a message that it does not know.
        let (old, _) = try await FakeServer.connected()
        let error = await #expect(throws: ServiceError.self) { try await old.policies() }
        #expect(error?.code == .invalidRequest)
    }

    @Test func signalAndResizeAreSent() async throws {
        let (client, server) = try await FakeServer.connected()
        async let starting = client.start(RunRequest(argv: ["sh"]))
        let (channel, _) = try await server.accept()
        let run = try await starting
        try await run.signal(15)
        #expect(try await server.message() == .signal(channel: channel, signal: 15))
        try await run.resize(TerminalSize(columns: 100, rows: 30))
        #expect(
            try await server.message() == .resize(channel: channel, size: TerminalSize(columns: 100, rows: 30)))
        run.cancel()
        #expect(try await server.message() == .cancel(channel: channel, now: false))
    }
}
