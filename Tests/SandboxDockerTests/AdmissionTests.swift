import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Synchronization
import Testing

@testable import sandbox_docker

/// Who may ask an engine that has failed.
@Suite(.timeLimit(.minutes(1))) struct AdmissionTests {
    private static func isResting(_ failure: LaunchFailure?) -> Bool {
        failure?.errno == ECONNREFUSED && failure?.subject.contains("is not asked for a while") == true
    }

    /// Until the breaker is open; the order's number to go on with.
    private func open(_ fixture: BrokerFixture) async throws -> UInt64 {
        for order in 1...1000 as ClosedRange<UInt64> {
            let before = fixture.engine.connections
            guard Self.isResting(try await fixture.failure(order)) else { continue }
            #expect(fixture.engine.connections == before)
            return order + 1
        }
        throw FixtureError.unexpected("it never opened")
    }

    /// Until one is made.
    private func close(_ fixture: BrokerFixture, _ first: UInt64) async throws {
        for order in first..<first + 5000 {
            if try await fixture.failure(order) == nil { return }
            try await Task.sleep(for: .milliseconds(2))
        }
        throw FixtureError.unexpected("it never closed")
    }

    @Test func `an engine that fails three times is not asked for a while, and one later try closes it`() async throws {
        let fixture = try BrokerFixture { _ in .close }
        let order = try await open(fixture)
        let failure = try #require(try await fixture.failure(order))
        #expect(Self.isResting(failure) && failure.stage == .containerEngine)
        #expect((1...30_000).contains(failure.retryAfterMilliseconds ?? 0))
        fixture.engine.change { _ in nil }
        try await close(fixture, order + 1)
        // And then all are let in.
        for number in order + 6000..<order + 6010 { _ = try await fixture.started(number) }
        try await fixture.end()
    }

    @Test func `of several at once one may try`() async throws {
        let fixture = try BrokerFixture(haste: 1) { _ in .close }
        var order = try await open(fixture)
        let pings = Mutex((now: 0, most: 0, all: 0))
        let engine = fixture.engine
        engine.change { request in
            guard request.words == "GET /_ping" else { return nil }
            pings.withLock { pings in
                pings.now += 1
                pings.all += 1
                pings.most = max(pings.most, pings.now)
            }
            usleep(300_000)
            pings.withLock { $0.now -= 1 }
            return .close
        }
        while pings.withLock({ $0.all }) < 2 {
            for _ in 0..<8 {
                try fixture.make(order)
                order += 1
            }
            for _ in 0..<16 { _ = try await fixture.next() }
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(pings.withLock { $0.most } == 1)
        engine.change { _ in nil }
        try await close(fixture, order)
        try await fixture.end()
    }

    /// Whatever becomes of the one who was let in: the next one is not refused for ever.
    @Test(
        arguments: [
            .status(500, "no"), .silence, .raw("?"), .close, .status(200, "OK"), .flood(33 << 20),
        ] as [FakeEngine.Answer])
    func `a try ends, whatever its answer`(_ answer: FakeEngine.Answer) async throws {
        let fixture = try BrokerFixture { _ in .close }
        let order = try await open(fixture)
        // With a status of 200 it is one that is too old.
        fixture.engine.setVersion("1.40")
        fixture.engine.change { $0.words == "GET /_ping" ? answer : nil }
        let before = fixture.engine.count("GET /_ping")
        for number in order..<order + 5000 where fixture.engine.count("GET /_ping") < before + 2 {
            _ = try await fixture.failure(number)
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(fixture.engine.count("GET /_ping") >= before + 2)
        fixture.engine.setVersion("1.41")
        fixture.engine.change { _ in nil }
        try await close(fixture, order + 6000)
        try await fixture.end()
    }

    @Test func `one that is taken back while it tries ends its try`() async throws {
        let fixture = try BrokerFixture(haste: 1) { _ in .close }
        let order = try await open(fixture)
        fixture.engine.change { $0.words == "GET /_ping" ? .late(100, nil) : nil }
        var number = order
        let before = fixture.engine.count("GET /_ping")
        while fixture.engine.count("GET /_ping") == before {
            try fixture.make(number)
            try fixture.send(.remove(order: number))
            number += 1
            try await Task.sleep(for: .milliseconds(20))
        }
        try await fixture.wait(for: { fixture.engine.count("GET /containers/json") > 0 }, "an engine that is found")
        fixture.engine.change { _ in nil }
        try await Task.sleep(for: .milliseconds(200))
        while (try? await fixture.expectSilence(milliseconds: 5)) == nil {}
        #expect(try await fixture.failure(number + 10) == nil)
        try await fixture.end()
    }

    @Test func `an interface that is too old closes nothing to who comes after`() async throws {
        let fixture = try BrokerFixture()
        fixture.engine.setVersion("1.40")
        for order in 1...6 as ClosedRange<UInt64> {
            let failure = try #require(try await fixture.failure(order))
            // The very first may have been there before it said so.
            if order == 1, failure.errno != 0 { continue }
            #expect(failure.stage == .containerEngine && failure.errno == 0 && failure.retryAfterMilliseconds == nil)
        }
        try await fixture.end()
    }

    @Test func `an engine that was replaced by an older one is asked as that one`() async throws {
        let fixture = try BrokerFixture {
            $0.version == "1.47" ? .status(400, #"{"message":"client version 1.47 is too new"}"#) : nil
        }
        fixture.engine.setVersion("1.99")
        fixture.engine.change { _ in nil }
        _ = try await fixture.started(1)
        #expect(fixture.engine.requests.last?.version == "1.47")
        fixture.engine.setVersion("1.41")
        fixture.engine.change {
            $0.version == "1.47" ? .status(400, #"{"message":"client version 1.47 is too new"}"#) : nil
        }
        let failure = try #require(try await fixture.failure(2))
        #expect(failure.stage == .containerEngine && failure.errno == ESTALE && failure.retryAfterMilliseconds == 100)
        _ = try await fixture.started(3)
        #expect(fixture.engine.requests.last?.version == "1.41")
        try await fixture.end()
    }
}
