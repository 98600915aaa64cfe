import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Synchronization
import Testing

@testable import sandbox_docker

/// An order's life, with everything else that may happen meanwhile.
@Suite(.timeLimit(.minutes(1))) struct BrokerTests {
    /// So many times one answer, and then as an engine that is well.
    static func times(
        _ count: Int, _ words: String, _ answer: FakeEngine.Answer
    ) -> FakeEngine.Script {
        let left = Counter(count)
        return { $0.words.hasPrefix(words) && left.take() ? answer : nil }
    }

    final class Counter: Sendable {
        private let left: Mutex<Int>

        init(_ count: Int) { left = Mutex(count) }

        func take() -> Bool {
            left.withLock { left in
                left -= 1
                return left >= 0
            }
        }
    }

    @Test func `an order is created, started, told with the image's variables, named, and removed`() async throws {
        let fixture = try BrokerFixture()
        try fixture.make(5)
        let container = try await fixture.next()
        let made = try #require(fixture.engine.containers.first)
        #expect(container == .started(order: 5, container: made.id, environment: ["FROM=fake"]))
        #expect(made.isStarted && made.name == "sandboxd-r5" && made.labels["io.sandboxd.order"] == "5")
        try fixture.send(.name(order: 5, name: "r77"))
        let rename = "POST /containers/\(made.id)/rename"
        try await fixture.wait(for: { fixture.engine.count(rename) == 1 }, rename)
        #expect(fixture.engine.requests.first { $0.words == rename }?.query["name"] == "sandboxd-r77")
        try fixture.send(.remove(order: 5))
        #expect(try await fixture.next() == .removed(order: 5))
        #expect(fixture.engine.containers.isEmpty)
        #expect(fixture.engine.requests.last { $0.method == "DELETE" }?.query == ["force": "true", "v": "true"])
        try await fixture.end()
    }

    // MARK: removal

    @Test func `what nobody has ordered is removed already`() async throws {
        let fixture = try BrokerFixture()
        try fixture.send(.remove(order: 77))
        #expect(try await fixture.next() == .removed(order: 77))
        try await fixture.end()
    }

    @Test func `an order that is taken back before its creation is never created`() async throws {
        let fixture = try BrokerFixture { $0.path.hasPrefix("/images") ? .late(100, nil) : nil }
        try fixture.make(1)
        try await fixture.wait(for: { fixture.engine.count("GET /images/a:1/json") == 1 }, "the image")
        try fixture.send(.remove(order: 1))
        #expect(try await fixture.next() == .removed(order: 1))
        #expect(fixture.engine.count("POST /containers/create") == 0)
        try await fixture.end()
    }

    @Test func `an order that is taken back while it is created is not started`() async throws {
        let fixture = try BrokerFixture { $0.path == "/containers/create" ? .late(100, nil) : nil }
        try fixture.make(1)
        try await fixture.wait(for: { fixture.engine.count("POST /containers/create") == 1 }, "the creation")
        try fixture.send(.remove(order: 1))
        #expect(try await fixture.next() == .removed(order: 1))
        #expect(fixture.engine.containers.isEmpty && !fixture.engine.requests.contains { $0.path.hasSuffix("/start") })
        try await fixture.end()
    }

    @Test func `an order that is taken back while it is started is removed once, and is gone when it is said to be`()
        async throws
    {
        let fixture = try BrokerFixture { $0.path.hasSuffix("/start") ? .late(100, nil) : nil }
        try fixture.make(1)
        try await fixture.wait(for: { fixture.engine.requests.contains { $0.path.hasSuffix("/start") } }, "the start")
        try fixture.send(.remove(order: 1))
        guard case .started(1, _, _) = try await fixture.next() else { return #expect(Bool(false), "not started") }
        // What a launcher says to a container that it does not await any more.
        try fixture.send(.remove(order: 1))
        #expect(try await fixture.next() == .removed(order: 1))
        #expect(fixture.engine.containers.isEmpty)
        #expect(fixture.engine.requests.count { $0.method == "DELETE" } == 1)
        try await fixture.end()
    }

    @Test func `two words to remove it are one removal`() async throws {
        let fixture = try BrokerFixture { $0.method == "DELETE" ? .late(100, nil) : nil }
        _ = try await fixture.started(1)
        for _ in 0..<3 { try fixture.send(.remove(order: 1)) }
        #expect(try await fixture.next() == .removed(order: 1))
        try await fixture.expectSilence(milliseconds: 200)
        #expect(fixture.engine.requests.count { $0.method == "DELETE" } == 1)
        try await fixture.end()
    }

    @Test(
        arguments: [
            (2, .status(500, #"{"message":"device or resource busy"}"#)),
            (2, .status(409, #"{"message":"removal of container is already in progress"}"#)),
            (1, .close), (1, .silence), (1, .raw("?")),
        ] as [(Int, FakeEngine.Answer)])
    func `a removal that fails is tried until it is done`(_ count: Int, _ answer: FakeEngine.Answer) async throws {
        let fixture = try BrokerFixture(script: Self.times(count, "DELETE", answer))
        _ = try await fixture.started(1)
        try fixture.send(.remove(order: 1))
        #expect(try await fixture.next() == .removed(order: 1))
        #expect(fixture.engine.containers.isEmpty)
        #expect(fixture.engine.requests.count { $0.method == "DELETE" } == count + 1)
        try await fixture.end()
    }

    @Test func `what is gone already is removed`() async throws {
        let fixture = try BrokerFixture {
            $0.method == "DELETE" ? .status(404, #"{"message":"No such container"}"#) : nil
        }
        _ = try await fixture.started(1)
        try fixture.send(.remove(order: 1))
        #expect(try await fixture.next() == .removed(order: 1))
        #expect(fixture.engine.requests.count { $0.method == "DELETE" } == 1)
    }

    // MARK: failures of an order

    @Test func `a start that fails leaves no container`() async throws {
        let fixture = try BrokerFixture {
            $0.path.hasSuffix("/start") ? .status(500, #"{"message":"OCI runtime create failed"}"#) : nil
        }
        let failure = try #require(try await fixture.failure(1))
        #expect(failure.stage == .containerStart && failure.errno == EIO && failure.retryAfterMilliseconds == 5000)
        #expect(fixture.engine.containers.isEmpty && fixture.engine.requests.contains { $0.method == "DELETE" })
        try await fixture.end()
    }

    @Test func `a volume that the engine made all the same is no container's`() async throws {
        let image = #"{"Id":"sha256:1","Os":"linux","Config":{"Volumes":{"/data":{}}}}"#
        let fixture = try BrokerFixture { request in
            if request.path.hasPrefix("/images") { return .status(200, image) }
            guard request.method == "GET", request.path.hasSuffix("/json"), request.path != "/containers/json" else {
                return nil
            }
            return .status(200, #"{"Mounts":[{"Type":"volume","Destination":"/data"}]}"#)
        }
        let failure = try #require(try await fixture.failure(1))
        #expect(failure.stage == .containerImage && failure.errno == EINVAL && failure.retryAfterMilliseconds == nil)
        #expect(fixture.engine.containers.isEmpty && !fixture.engine.requests.contains { $0.path.hasSuffix("/start") })
        try await fixture.end()
    }

    @Test func `words with a NUL are words`() async throws {
        let fixture = try BrokerFixture {
            $0.path == "/containers/create" ? .status(400, #"{"message":"a\u0000b"}"#) : nil
        }
        #expect(try await fixture.failure(1)?.subject == "the engine says (400): a b")
        try await fixture.end()
    }

    @Test func `an order of a policy that was taken back fails, and one from before is made`() async throws {
        let fixture = try BrokerFixture { $0.path.hasPrefix("/images") ? .late(50, nil) : nil }
        try fixture.make(1)
        try fixture.send(.forget(policy: 1))
        guard case .started(1, _, _) = try await fixture.next() else { return #expect(Bool(false), "not started") }
        let failure = try #require(try await fixture.failure(2))
        #expect(failure.stage == .refused && failure.errno == ESTALE)
        try await fixture.end()
    }

    // MARK: fetching an image

    private static let missing = FakeEngine.Answer.status(404, #"{"message":"No such image"}"#)

    @Test func `an image is fetched once for all who need it, and nobody waits for that`() async throws {
        let isThere = Counter(2)
        let fixture = try BrokerFixture(haste: 1) { request in
            if request.words == "POST /images/create" { return .late(200, nil) }
            return request.path.hasPrefix("/images/pulled") && isThere.take() ? Self.missing : nil
        }
        for order in 1...2 as ClosedRange<UInt64> {
            let failure = try #require(try await fixture.failure(order, policy: 2))
            #expect(failure.stage == .containerImage && failure.errno == EINPROGRESS)
            #expect(failure.retryAfterMilliseconds == 5000)
        }
        _ = try await fixture.started(3, policy: 2)
        #expect(fixture.engine.count("POST /images/create") == 1)
        #expect(fixture.engine.requests.first { $0.path == "/images/create" }?.query["fromImage"] == "pulled:1")
        try await fixture.end()
    }

    /// Each of those who wait comes again after 5 s: 5 s and 10 s are 100 ms and 200 ms here.
    @Test func `why an image was not fetched is told to each who comes again, and then it is tried again`() async throws
    {
        let fixture = try BrokerFixture { request in
            if request.words == "POST /images/create" { return .status(500, #"{"message":"manifest unknown"}"#) }
            return request.path.hasPrefix("/images/pulled") ? Self.missing : nil
        }
        for round in 0..<2 as Range<UInt64> {
            let first = round * 10 + 1
            #expect(try await fixture.failure(first, policy: 2)?.errno == EINPROGRESS)
            #expect(
                fixture.notes.count { $0 == "image 'pulled:1' is not there and is being fetched" } == Int(round) + 1)
            try await fixture.wait(
                for: { fixture.engine.count("POST /images/create") == Int(round) + 1 }, "a fetch")
            try await Task.sleep(for: .milliseconds(100))
            for order in first + 1...first + 3 {
                let failure = try #require(try await fixture.failure(order, policy: 2))
                #expect(failure.errno == EIO && failure.subject.contains("manifest unknown"))
                #expect(failure.stage == .containerImage && failure.retryAfterMilliseconds == nil)
                #expect(failure.subject.contains("pulled:1"))
            }
            #expect(fixture.engine.count("POST /images/create") == Int(round) + 1)
            try await Task.sleep(for: .milliseconds(250))
        }
        try await fixture.end()
    }

    @Test func `a registry that was not reached may be another time`() async throws {
        let fixture = try BrokerFixture { request in
            if request.words == "POST /images/create" { return .status(500, #"{"message":"no route to host"}"#) }
            return request.path.hasPrefix("/images/pulled") ? Self.missing : nil
        }
        #expect(try await fixture.failure(1, policy: 2)?.errno == EINPROGRESS)
        try await Task.sleep(for: .milliseconds(200))
        let failure = try #require(try await fixture.failure(2, policy: 2))
        #expect(failure.subject.contains("no route to host") && failure.retryAfterMilliseconds == 5000, "\(failure)")
        try await fixture.end()
    }
}
