import Glibc
import LaunchPlan
import LinuxSystem
import NIOCore
import NIOPosix
import SandboxModel
import SandboxPolicy
import SandboxWire
import Testing

@testable import SandboxEngine

/// What a service says of itself, over a launcher that has whatever pool a test wants.
@Suite struct ServiceTests {
    private static let report = PoolReport(
        capacity: 8, waiting: [.init(policy: "default", count: 3), .init(policy: "python", count: 1)], preparing: 2,
        hits: 12, misses: 4, dying: 5)

    private func service(_ client: RawClient, channel: UInt32 = 900) throws -> ServiceStats {
        try client.send(.service(channel: channel))
        guard case .service(channel, let stats)? = try client.message() else { throw Silence() }
        return stats
    }

    /// What somebody else would be told.
    private func service(_ fixture: ServerFixture, uid: UInt32) throws -> ServiceStats {
        let parts = fixture.parts
        let loop = fixture.group.next()
        let answer = loop.makePromise(of: ServiceStats.self)
        loop.execute {
            let client = Client(number: 99, peer: PeerIdentity(uid: uid, gid: uid, groups: []))
            parts.value.engine.service(for: client) { answer.succeed($0) }
        }
        return try answer.futureResult.wait()
    }

    private func questions(_ fixture: ServerFixture) -> Int { fixture.launcher.commands.count { $0 == .pool } }

    @Test func `runs, and what the launcher says of its pool`() throws {
        let fixture = try ServerFixture()
        fixture.launcher.set(pool: Self.report)
        let client = try fixture.connect()
        let warm = WarmStats(capacity: 8, waiting: ["default": 3, "python": 1], preparing: 2, hits: 12, misses: 4)
        #expect(try service(client) == ServiceStats(runs: 0, warm: warm, dying: 5))
        let runner = try fixture.connect()
        try runner.send(.run(channel: 1, request: RunRequest(argv: ["sleep"]), window: nil))
        for _ in 0..<2 { _ = try runner.message() }
        #expect(try service(client).runs == 1)
    }

    @Test func `nobody hears of others' runs and policies, but root`() throws {
        let me = getuid()
        let mine = "version: 1\nextends: default\ntenants: { users: [\(me + 1)] }\n"
        let fixture = try ServerFixture(
            policies: PolicySet.load(files: [("mine", Array(mine.utf8))], over: PolicySet.builtIn()))
        fixture.launcher.set(
            pool: PoolReport(
                capacity: 4, waiting: [.init(policy: "default", count: 1), .init(policy: "mine", count: 2)], hits: 1))
        let client = try fixture.connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["sleep"]), window: nil))
        for _ in 0..<2 { _ = try client.message() }
        let stranger = try service(fixture, uid: me + 2)
        #expect(stranger.runs == 0 && stranger.warm?.waiting == ["default": 1] && stranger.warm?.hits == 1)
        let tenant = try service(fixture, uid: me + 1)
        #expect(tenant.runs == 0 && tenant.warm?.waiting == ["default": 1, "mine": 2])
        let root = try service(fixture, uid: 0)
        #expect(root.runs == 1 && root.warm?.waiting == ["default": 1, "mine": 2])
    }

    @Test func `nobody waits for a launcher that says nothing, and it is asked once`() throws {
        var limits = EngineLimits()
        limits.sampleNanoseconds = 200_000_000
        let fixture = try ServerFixture(limits: limits)
        fixture.launcher.set(pool: nil)
        let client = try fixture.connect()
        for channel in 1...40 as ClosedRange<UInt32> { try client.send(.service(channel: channel)) }
        var answered: Set<UInt32> = []
        for _ in 1...40 {
            guard case .service(let channel, let stats)? = try client.message() else { throw Silence() }
            #expect(stats == ServiceStats(runs: 0))
            answered.insert(channel)
        }
        #expect(answered == Set(1...40))
        #expect(questions(fixture) == 1)
        // The answer that it owed comes late, and the next question is answered again.
        fixture.launcher.set(pool: Self.report)
        fixture.launcher.send(.pool(PoolReport()))
        #expect(try fixture.eventually { try service(client).warm?.capacity == 8 })
    }

    @Test func `everybody who waits gets the answer`() throws {
        let fixture = try ServerFixture()
        fixture.launcher.set(pool: nil)
        let clients = try (0..<4).map { _ in try fixture.connect() }
        for client in clients {
            for channel in 1...4 as ClosedRange<UInt32> { try client.send(.service(channel: channel)) }
        }
        #expect(fixture.eventually { questions(fixture) == 1 })
        // A question about the host is answered at once: what was asked before it has been read.
        for client in clients {
            try client.send(.host(channel: 9))
            guard case .host? = try client.message() else { throw Silence() }
        }
        fixture.launcher.send(.pool(Self.report))
        for client in clients {
            for _ in 1...4 {
                guard case .service(_, let stats)? = try client.message() else { throw Silence() }
                #expect(stats.warm?.hits == 12)
            }
        }
        #expect(questions(fixture) == 1)
    }

    @Test func `an answer that nobody asked for changes nothing`() throws {
        let records = LogRecords()
        let fixture = try ServerFixture(records: records)
        let client = try fixture.connect()
        fixture.launcher.send(.pool(Self.report))
        #expect(fixture.eventually { records.all.contains { $0.contains("without being asked") } })
        #expect(try service(client) == ServiceStats(runs: 0, warm: WarmStats(), dying: 0))
    }

    @Test func `without a launcher there is no pool to tell of`() throws {
        let fixture = try ServerFixture()
        fixture.launcher.set(pool: nil)
        let client = try fixture.connect()
        try client.send(.service(channel: 1))
        #expect(fixture.eventually { questions(fixture) == 1 })
        try client.send(.run(channel: 2, request: RunRequest(argv: ["die"]), window: nil))
        var told: ServiceStats?
        var hasEnded = false
        while told == nil || !hasEnded {
            switch try client.message() {
            case .service(1, let stats)?: told = stats
            case .result(2, _)?, .error(2, _)?: hasEnded = true
            case .accepted?, .started?: break
            default: throw Silence()
            }
        }
        #expect(told?.warm == nil && told?.dying == nil && told?.runs ?? 2 < 2)
        // Nor is there one for further runs.
        #expect(try service(client) == ServiceStats(runs: 0, draining: true))
    }
}
