import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Synchronization
import Testing

@testable import sandbox_docker

/// What nobody has ordered, or nobody any more.
@Suite(.timeLimit(.minutes(1))) struct SweepTests {
    private static func left(
        owner: String, maker: String = "another", order: UInt64 = 1, age: Int = 100, policy: String = "tools"
    ) -> FakeEngine.Container {
        FakeEngine.Container(
            FakeEngine.id(),
            labels: [
                "io.sandboxd.owner": owner, "io.sandboxd.maker": maker, "io.sandboxd.order": "\(order)",
                "io.sandboxd.policy": policy,
            ],
            created: time(nil) - age)
    }

    // MARK: at the start

    @Test func `what dead launchers have left is removed and told, and nothing of anybody else's`() async throws {
        let gone = [Self.left(owner: "block-3"), Self.left(owner: "block-3", age: 0), Self.left(owner: "block-7")]
        let living = Self.left(owner: "block-3", order: 40)
        let kept = [
            living, Self.left(owner: "block-4"), Self.left(owner: "block-30"),
            // Its block was nobody's when this process began, and is another launcher's now.
            Self.left(owner: "block-7", age: -5),
            FakeEngine.Container(FakeEngine.id(), labels: ["com.example": "block-3"]),
        ]
        let fixture = try BrokerFixture(
            deadOwners: ["block-7", "block-8"], living: [.init(order: 40, container: living.id)],
            containers: gone + kept)
        let ids = Set(kept.map(\.id))
        try await fixture.wait(for: { Set(fixture.engine.containers.map(\.id)).isSubset(of: ids) }, "removal")
        #expect(Set(fixture.engine.containers.map(\.id)) == ids)
        _ = try await fixture.started(1)
        #expect(fixture.notes.count == 3)
        for container in gone {
            #expect(fixture.notes.contains { $0.contains(container.id.prefix(12)) && $0.contains("policy tools") })
        }
        // The living one is the launcher's to have removed.
        try fixture.send(.remove(order: 40))
        #expect(try await fixture.next() == .removed(order: 40))
        #expect(!fixture.engine.containers.contains { $0.id == living.id })
        try await fixture.end()
    }

    /// Orders of launchers that are no more have the same numbers.
    @Test func `what is left under the number of an order that is being made is removed all the same`() async throws {
        let old = Self.left(owner: "block-3", order: 1)
        let fixture = try BrokerFixture(haste: 1, containers: [old]) { request in
            switch request.words {
            case "GET /containers/json": .late(200, nil)
            case "POST /containers/create": .late(600, nil)
            default: nil
            }
        }
        try fixture.make(1)
        guard case .started(1, let container, _) = try await fixture.next() else { return #expect(Bool(false)) }
        try await fixture.wait(for: { fixture.engine.containers.map(\.id) == [container] }, "removal of the old one")
        try await fixture.end()
    }

    @Test func `one that cannot be removed keeps no other, and is tried again`() async throws {
        let stuck = Self.left(owner: "block-3")
        let others = (0..<5).map { _ in Self.left(owner: "block-3") }
        let isStuck = BrokerTests.Counter(3)
        let fixture = try BrokerFixture(containers: [stuck] + others) { request in
            request.method == "DELETE" && request.path.hasSuffix(stuck.id) && isStuck.take()
                ? .status(500, #"{"message":"busy"}"#) : nil
        }
        try await fixture.wait(for: { fixture.engine.containers.map(\.id) == [stuck.id] }, "removal of the others")
        try await fixture.waitForNone()
        #expect(fixture.engine.requests.count { $0.path == "/containers/\(stuck.id)" } == 4)
        try await fixture.end()
    }

    /// The launcher gives its identity to the next one then.
    @Test func `another's order is gone when what there is of it is gone`() async throws {
        let old = Self.left(owner: "block-3", order: 5)
        let isStuck = BrokerTests.Counter(3)
        let fixture = try BrokerFixture(containers: [old]) { request in
            request.method == "DELETE" && isStuck.take() ? .status(500, #"{"message":"busy"}"#) : nil
        }
        try fixture.send(.remove(order: 5))
        #expect(try await fixture.next() == .removed(order: 5))
        #expect(fixture.engine.containers.isEmpty)
        // One that is asked for later, of which there is nothing.
        try fixture.send(.remove(order: 6))
        #expect(try await fixture.next() == .removed(order: 6))
        try await fixture.end()
    }

    @Test func `an engine that comes later is swept when it comes, without a request`() async throws {
        let old = Self.left(owner: "block-3")
        let fixture = try BrokerFixture(containers: [old], script: BrokerTests.times(4, "GET /_ping", .close))
        try await fixture.waitForNone()
        // Said once, not with every try.
        _ = try await fixture.started(1)
        let said = fixture.notes.filter { $0.contains("not known yet") }
        #expect(said.count == 1 && said[0].hasSuffix("yet: \(fixture.engine.path) closed the connection: ECONNRESET"))
        try await fixture.end()
    }

    @Test func `labels of others' are words`() async throws {
        let old = Self.left(owner: "block-3", policy: "a\0b\u{1B}")
        let fixture = try BrokerFixture(containers: [old])
        try await fixture.waitForNone()
        _ = try await fixture.started(1)
        #expect(fixture.notes.contains { $0.contains("policy a b ,") }, "\(fixture.notes)")
        try await fixture.end()
    }

    // MARK: beside orders

    @Test func `a container whose creation was not answered yet is no leftover`() async throws {
        let fixture = try BrokerFixture(haste: 1) { _ in nil }
        try await fixture.waitForSweep()
        let engine = fixture.engine
        // The next look sees it, and it alone knows its name.
        engine.change { request in
            switch request.words {
            case "POST /containers/create":
                .late(800, .status(201, "{\"Id\":\"\(engine.create(request))\"}"))
            case "GET /images/broken:1/json": .close
            default: nil
            }
        }
        var broken = CompiledPolicy.sample()
        broken.container?.image = "broken:1"
        try fixture.send(.policy(ContainerSpecification(number: 8, policy: broken, profile: "")))
        let looks = engine.count("GET /containers/json")
        try fixture.make(1)
        try await fixture.wait(for: { engine.containers.count == 1 }, "a container")
        // An engine that is found anew is looked at.
        try fixture.make(2, policy: 8)
        guard case .failed(2, _) = try await fixture.next() else { return #expect(Bool(false), "not failed") }
        #expect(try await fixture.next() == .removed(order: 2))
        try fixture.make(3, policy: 8)
        guard case .failed(3, _) = try await fixture.next() else { return #expect(Bool(false), "not failed") }
        #expect(try await fixture.next() == .removed(order: 3))
        try await fixture.wait(for: { engine.count("GET /containers/json") > looks }, "a look")
        guard case .started(1, let container, _) = try await fixture.next() else { return #expect(Bool(false)) }
        #expect(
            engine.containers.map(\.id) == [container]
                && !engine.requests.contains { $0.words == "DELETE /containers/\(container)" })
        #expect(!fixture.notes.contains { $0.contains("removing") }, "\(fixture.notes)")
        try await fixture.end()
        withExtendedLifetime(engine) {}
    }

    @Test func `a container that is created without an answer is found by its label`() async throws {
        for answer in [FakeEngine.Answer.silence, .close, .raw("?"), .status(201, "{}"), .status(201, #"{"Id":"x"}"#)] {
            let fixture = try BrokerFixture()
            let engine = fixture.engine
            engine.change { [weak engine] request in
                guard request.words == "POST /containers/create" else { return nil }
                engine?.create(request)
                return answer
            }
            let failure = try #require(try await fixture.failure(1))
            #expect(failure.retryAfterMilliseconds != nil)
            if case .silence = answer { #expect(failure.stage == .containerCreate && failure.errno == ETIMEDOUT) }
            try await fixture.waitForNone()
            #expect(engine.requests.contains { $0.method == "DELETE" }, "\(answer)")
            try await fixture.end()
            #expect(fixture.notes.allSatisfy { $0.contains("without saying so") || $0.contains("not known yet") })
        }
    }

    @Test func `one that comes long after is found, too`() async throws {
        let fixture = try BrokerFixture()
        let engine = fixture.engine
        let asked = Mutex<FakeEngine.Request?>(nil)
        engine.change { request in
            guard request.words == "POST /containers/create" else { return nil }
            asked.withLock { $0 = request }
            return .silence
        }
        #expect(try await fixture.failure(1)?.errno == ETIMEDOUT)
        let looks = engine.count("GET /containers/json")
        try await fixture.wait(for: { engine.count("GET /containers/json") > looks }, "a look that finds nothing")
        #expect(engine.containers.isEmpty)
        engine.create(try #require(asked.withLock { $0 }))
        try await fixture.waitForNone()
        try await fixture.end()
    }

    // MARK: the end

    @Test func `at the end nothing that was made is left`() async throws {
        let fixture = try BrokerFixture()
        for order in 1...4 as ClosedRange<UInt64> { _ = try await fixture.started(order) }
        #expect(fixture.engine.containers.count == 4)
        let duration = try await fixture.end()
        #expect(fixture.engine.containers.isEmpty)
        #expect(duration < 4000 * Slowness.factor)
    }

    @Test func `one that is being created at the end is not started, and is removed`() async throws {
        let fixture = try BrokerFixture(haste: 1) { $0.path == "/containers/create" ? .late(500, nil) : nil }
        try fixture.make(1)
        try await fixture.wait(for: { fixture.engine.count("POST /containers/create") == 1 }, "the creation")
        try await fixture.end()
        #expect(fixture.engine.containers.isEmpty && !fixture.engine.requests.contains { $0.path.hasSuffix("/start") })
        #expect(fixture.engine.requests.contains { $0.method == "DELETE" })
    }

    @Test func `an engine that has failed just now is asked at the end`() async throws {
        let fixture = try BrokerFixture()
        _ = try await fixture.started(1)
        fixture.engine.change { $0.path.hasPrefix("/images") ? .close : nil }
        for order in 2...4 as ClosedRange<UInt64> { _ = try await fixture.failure(order) }
        try await fixture.end()
        #expect(fixture.engine.containers.isEmpty)
    }

    @Test func `a removal that fails at the end is tried again`() async throws {
        let fixture = try BrokerFixture(script: BrokerTests.times(2, "DELETE", .status(500, "busy")))
        _ = try await fixture.started(1)
        try await fixture.end()
        #expect(fixture.engine.containers.isEmpty)
    }

    @Test func `a dead engine does not keep it from ending`() async throws {
        let fixture = try BrokerFixture(haste: 1)
        _ = try await fixture.started(1)
        fixture.engine.change { _ in .silence }
        fixture.engine.end()
        #expect(try await fixture.end() < 4000 * Slowness.factor)
    }

    /// A launcher that was killed has a successor with the same block, at once.
    @Test func `at the end a successor's containers are left alone`() async throws {
        let fixture = try BrokerFixture()
        try await fixture.waitForSweep()
        _ = try await fixture.started(1)
        let successors = Self.left(owner: "block-3", age: 0)
        fixture.engine.add(successors)
        try await fixture.end()
        #expect(fixture.engine.containers.map(\.id) == [successors.id])
    }
}
