import SandboxModel
import SandboxWire
import Synchronization
import Testing

@testable import SandboxClient

/// A service that is not there, comes, goes and is full, with a clock that only pauses move.
@Suite(.timeLimit(.minutes(1))) struct ResilientClientTests {
    private typealias Play = @Sendable (FakeServer) async throws -> Void

    private static let absent = ServiceError(.notConnected, "nobody", category: .temporary)

    /// What becomes of each connection, in order; where there are no more, nobody answers.
    private final class World: Sendable {
        private struct State {
            var plays: [Play?]
            var connects = 0
            var now: UInt64 = 0
            var pauses: [UInt64] = []
        }
        private let state: Mutex<State>

        init(_ plays: [Play?]) { state = Mutex(State(plays: plays)) }

        var connects: Int { state.withLock(\.connects) }
        /// Milliseconds.
        var pauses: [UInt64] { state.withLock { $0.pauses.map { $0 / 1_000_000 } } }

        func client(_ retry: RetryPolicy = RetryPolicy(), sleep: (@Sendable () async throws -> Void)? = nil)
            -> ResilientClient
        {
            var surroundings = ResilientClient.Surroundings()
            surroundings.connect = { _ in
                let play = self.state.withLock { state -> Play? in
                    state.connects += 1
                    return state.plays.isEmpty ? nil : state.plays.removeFirst()
                }
                guard let play else { throw ResilientClientTests.absent }
                let (client, server) = try await FakeServer.connected()
                Task {
                    try? await play(server)
                    await server.hangUp()
                }
                return client
            }
            surroundings.now = { self.state.withLock(\.now) }
            surroundings.sleep = { pause in
                self.state.withLock { state in
                    state.now += pause
                    state.pauses.append(pause)
                }
                try await sleep?()
                try Task.checkCancellation()
            }
            surroundings.dice = { 1 }
            return ResilientClient(socket: "/service", retry: retry, surroundings)
        }
    }

    private static let request = RunRequest(argv: ["true"])

    private static func serve(_ runs: Int) -> Play {
        { server in for _ in 0..<runs { try await server.end(try await server.accept().0) } }
    }

    /// Answers with an error, and stays.
    private static func refuse(_ error: ServiceError, times: Int = 1, then runs: Int = 0) -> Play {
        { server in
            for _ in 0..<times {
                guard case .run(let channel, _, _) = try await server.message() else { throw FakeServer.Unexpected() }
                try await server.send(.error(channel: channel, error: error))
            }
            try await serve(runs)(server)
        }
    }

    @Test func aServiceThatIsNotThereYetIsWaitedFor() async throws {
        let world = World([nil, nil, Self.serve(2)])
        let client = world.client()
        #expect(try await client.run(Self.request).isSuccess)
        #expect(world.connects == 3 && world.pauses == [100, 200])
        #expect(try await client.run(Self.request).isSuccess)
        #expect(world.connects == 3)
    }

    @Test func aServiceThatIsFullIsAskedAgainWhenItSays() async throws {
        let full = ServiceError(.overloaded, "full", category: .temporary, retryAfterMilliseconds: 700)
        let world = World([Self.refuse(full, times: 2, then: 1)])
        #expect(try await world.client().run(Self.request).isSuccess)
        #expect(world.connects == 1 && world.pauses == [800, 900])
    }

    @Test func whatIsForGoodFailsAtOnce() async throws {
        let unknown = ServiceError(.unknownPolicy, "no such policy")
        let world = World([Self.refuse(unknown, then: 1)])
        let client = world.client()
        await #expect(throws: unknown) { try await client.run(Self.request) }
        #expect(try await client.run(Self.request).isSuccess && world.pauses.isEmpty)
    }

    @Test func aServiceThatWasStartedAnewIsConnectedToAnew() async throws {
        let world = World([Self.serve(1), Self.serve(1)])
        let client = world.client()
        #expect(try await client.run(Self.request).isSuccess)
        // Until its end has been read.
        for _ in 0..<2000 where await client.isConnected { try await Task.sleep(for: .milliseconds(1)) }
        #expect(try await client.run(Self.request).isSuccess)
        #expect(world.connects == 2 && world.pauses.isEmpty)
    }

    @Test func whatMayHaveRunDoesNotRunTwice() async throws {
        let vanish: Play = { server in _ = try await server.accept() }
        let world = World([vanish, vanish, Self.serve(1)])
        let client = world.client()
        let error = await #expect(throws: ServiceError.self) { try await client.run(Self.request) }
        #expect(error?.code == .notConnected && world.connects == 1)
        #expect(try await client.run(Self.request, isRepeatable: true).isSuccess && world.connects == 3)
    }

    @Test func patienceEnds() async throws {
        let world = World([])
        let client = world.client(RetryPolicy(attempts: 1000, patience: .seconds(3), longestPause: .seconds(1)))
        let error = await #expect(throws: ServiceError.self) { try await client.run(Self.request) }
        #expect(error?.code == .notConnected && error?.category == .temporary)
        #expect(world.pauses.reduce(0, +) <= 3000 && world.pauses.count > 3)
        // Of these most did not ask.
        #expect(world.connects < world.pauses.count + 1)
    }

    @Test func aPauseEndsWithItsTask() async throws {
        let world = World([])
        let client = world.client(RetryPolicy(attempts: 1000), sleep: { try await Task.sleep(for: .seconds(1000)) })
        let task = Task { try await client.run(Self.request) }
        for _ in 0..<2000 where world.pauses.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(world.connects == 1)
    }

    @Test func manyAtOnceMakeOneConnection() async throws {
        let world = World([Self.serve(20)])
        let client = world.client()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 { group.addTask { try await client.run(Self.request).isSuccess } }
            for try await isSuccess in group { #expect(isSuccess) }
        }
        #expect(world.connects == 1)
    }

    @Test func ofAServiceThatIsNotThereManyDoNotAsk() async throws {
        let world = World([])
        let client = world.client(.once)
        for _ in 0..<20 {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { _ = try? await client.run(Self.request) } }
            }
        }
        #expect(world.connects == 3)
        let error = await #expect(throws: ServiceError.self) { try await client.run(Self.request) }
        #expect(error?.retryAfterMilliseconds != nil && error?.message.contains("/service") == true)
    }
}
