import SandboxClient
import SandboxModel
import SandboxWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct EndTests {
    @Test func cancellingTheTaskCancelsTheRun() async throws {
        let (client, server) = try await FakeServer.connected()
        let task = Task { try await client.run("sleep", "1000") }
        let (channel, _) = try await server.accept()
        task.cancel()
        #expect(try await server.message() == .cancel(channel: channel, now: false))
        await #expect(throws: CancellationError.self) { try await task.value }
        try await server.end(channel)
        // The connection serves on.
        async let runs = client.runs()
        guard case .list(let list, _) = try await server.message() else { throw FakeServer.Unexpected() }
        try await server.send(.runs(channel: list, runs: []))
        #expect(try await runs.isEmpty)
    }

    @Test func cancellingBeforeTheAnswerCancelsTheRun() async throws {
        let (client, server) = try await FakeServer.connected()
        let task = Task { try await client.start(RunRequest(argv: ["true"])) }
        guard case .run(let channel, _, _) = try await server.message() else { throw FakeServer.Unexpected() }
        task.cancel()
        #expect(try await server.message() == .cancel(channel: channel, now: false))
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func aDroppedRunIsCancelledAndDrained() async throws {
        let (client, server) = try await FakeServer.connected()
        // Not as an `async let` of the run, which would keep it.
        async let starting: Void = { _ = try await client.start(RunRequest(argv: ["yes"])) }()
        let (channel, _) = try await server.accept()
        try await starting
        #expect(try await server.message() == .cancel(channel: channel, now: false))
        // What still comes is credited, so that nothing holds up the end.
        try await server.send(.data(.stdout, channel: channel, [UInt8](repeating: 0, count: 200 << 10)))
        #expect(try await server.frame() == .credit(channel: channel, bytes: 200 << 10))
        try await server.end(channel)
        _ = client
    }

    @Test func eventsKeepRunAndConnectionAlive() async throws {
        var (client, server): (SandboxClient?, FakeServer) = try await FakeServer.connected()
        let starting = Task { [client] in try await client?.start(RunRequest(argv: ["true"])).events }
        let (channel, _) = try await server.accept()
        let events = try #require(try await starting.value)
        client = nil
        try await server.end(channel)
        var count = 0
        for try await _ in events { count += 1 }
        #expect(count == 2)
    }

    @Test func aLostConnectionEndsEveryCall() async throws {
        let (client, server) = try await FakeServer.connected()
        async let first = #expect(throws: ServiceError.self) { try await client.run("a") }
        _ = try await server.accept()
        async let second = #expect(throws: ServiceError.self) {
            try await client.run(RunRequest(argv: ["b"]), input: [UInt8](repeating: 0, count: 100))
        }
        _ = try await server.accept(stdinWindow: 0)
        async let third = #expect(throws: ServiceError.self) { try await client.runs() }
        _ = try await server.message()
        await server.hangUp()
        #expect(await first?.code == .notConnected)
        #expect(await second?.code == .notConnected)
        #expect(await third?.code == .notConnected)
        let later = await #expect(throws: ServiceError.self) { try await client.run("c") }
        #expect(later?.code == .notConnected)
    }

    @Test func closeEndsEveryCall() async throws {
        let (client, server) = try await FakeServer.connected()
        async let running = #expect(throws: ServiceError.self) { try await client.run("a") }
        _ = try await server.accept()
        client.close()
        #expect(await running?.code == .notConnected)
        while try await server.frame() != nil {}
    }

    @Test func anErrorOfTheConnectionIsItsReason() async throws {
        let (descriptor, server) = try FakeServer.bare()
        let overload = ServiceError(.overloaded, "too many connections", category: .temporary)
        try await server.send(.error(channel: nil, error: overload))
        await server.hangUp()
        let error = await #expect(throws: ServiceError.self) { try await SandboxClient(descriptor: descriptor) }
        #expect(error == overload)
    }

    @Test func anotherVersionIsRefused() async throws {
        let (descriptor, server) = try FakeServer.bare()
        try await server.send(.hello(version: 99, capabilities: [], server: "new"))
        let error = await #expect(throws: ServiceError.self) { try await SandboxClient(descriptor: descriptor) }
        #expect(error?.code == .protocolViolation)
    }

    @Test func garbageEndsTheConnection() async throws {
        let (client, server) = try await FakeServer.connected()
        async let running = #expect(throws: ServiceError.self) { try await client.run("a") }
        _ = try await server.accept()
        try await server.send(raw: [0, 0, 0, 1, 99, 0])
        #expect(await running?.code == .protocolViolation)
    }

    @Test func nobodyAtTheSocket() async throws {
        let error = await #expect(throws: ServiceError.self) {
            try await SandboxClient.connect(socket: "/nonexistent/sandboxd.sock")
        }
        #expect(error?.code == .notConnected)
        #expect(
            error?.message.hasPrefix("failed to connect to /nonexistent/sandboxd.sock: ENOENT; no sandboxd runs there")
                == true)
    }
}
