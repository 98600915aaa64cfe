import Foundation
import Glibc
import LaunchPlan
import NIOCore
import NIOPosix
import SandboxModel
import SandboxPolicy
import SandboxWire
import Testing

@testable import SandboxEngine

/// A policy is served when its probe has found that all holds, and not before and not otherwise.
@Suite struct VerificationTests {
    private static let weak: @Sendable (String) -> String = {
        $0.replacingOccurrences(of: "attempt unshare_user \(EPERM)", with: "attempt unshare_user 0")
    }

    private func run(_ client: RawClient, _ policy: String, _ argv: [String] = ["true"]) throws -> RawClient.Ended {
        try client.run(RunRequest(argv: argv, policy: policy))
    }

    private func verify(_ client: RawClient, _ policy: String?, allChecks: Bool = false) throws -> [PolicyVerification]
    {
        try client.send(.verify(channel: 9, policy: policy, allChecks: allChecks))
        switch try client.message() {
        case .verified(9, let policies): return policies
        case .error(9, let error): throw error
        default: throw Silence()
        }
    }

    @Test func `the first request of a policy waits for its probe, and only the first`() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        #expect(fixture.launcher.probed.isEmpty)
        for _ in 1...3 { #expect(try run(client, "python").result?.outcome.reason == .exited) }
        #expect(fixture.launcher.probed == ["python"])
        #expect(try run(client, "shell").result?.outcome.reason == .exited)
        #expect(fixture.launcher.probed == ["python", "shell"])
        // The launcher was asked for nothing of a policy before its probe.
        let launches = fixture.launcher.commands.compactMap { command -> LaunchRequest? in
            if case .launch(let request) = command { request } else { nil }
        }
        #expect(launches.first { $0.policy == "shell" }?.probe == true)
    }

    @Test func `a policy whose check fails is not served, for good, and the reason is told and logged`() throws {
        let records = LogRecords()
        let fixture = try ServerFixture(records: records)
        let client = try fixture.connect()
        fixture.launcher.set(.writes(Self.weak), for: "python")
        for _ in 1...2 {
            let error = try #require(try run(client, "python").error)
            #expect(error.code == .policyNotVerified && error.category == .permanent)
            #expect(error.message.contains("'python'") && error.message.contains("attempt.unshare_user"))
            #expect(error.message.contains("expected EPERM, observed succeeded"))
        }
        #expect(fixture.launcher.probed == ["python"])
        #expect(try run(client, "default").result?.outcome.reason == .exited)
        let line = records.all.first { $0.contains("check=attempt.unshare_user") }
        #expect(line?.hasPrefix("critical ") == true && line?.contains("observed=succeeded") == true)
        #expect(line?.contains("policy=python") == true)
        #expect(try fixture.runCount() == 0)
    }

    @Test(arguments: [true, false])
    func `a sandbox is prepared behind the probe where that is wanted, and gets nothing when that fails`(
        _ isWanted: Bool
    ) throws {
        let fixture = try ServerFixture()
        fixture.launcher.set(.writes(Self.weak), for: "python")
        if isWanted { for policy in ["python", "shell"] { try fixture.beginAhead(with: policy) } }
        let client = try fixture.connect()
        #expect(try run(client, "python").error?.code == .policyNotVerified)
        let asked = fixture.launcher.commands.compactMap { command -> String? in
            switch command {
            case .launch(let request): request.probe ? "probe \(request.policy)" : "launch"
            case .prepare(let policy): "prepare \(policy)"
            default: nil
            }
        }
        let ahead = ["probe python", "prepare python", "probe shell", "prepare shell"]
        #expect(asked == (isWanted ? ahead : ["probe python"]))
        // Verified, it needs no more than the launch.
        for _ in 1...2 { #expect(try run(client, "shell").result?.outcome.reason == .exited) }
        let prepared = fixture.launcher.commands.filter { if case .prepare("shell") = $0 { true } else { false } }
        #expect(prepared.count == (isWanted ? 1 : 0))
    }

    @Test func `verify shows what failed, and serves a policy again that holds again`() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        fixture.launcher.set(.writes(Self.weak), for: "python")
        let all = try verify(client, nil)
        #expect(all.map(\.policy) == (try PolicySet.builtIn().names))
        #expect(all.filter { $0.state != .verified }.map(\.policy) == ["python"])
        for policy in all {
            #expect(policy.checks.map(\.name) == (policy.policy == "python" ? ["attempt.unshare_user"] : []))
        }
        #expect(all.allSatisfy { $0.checkCount > 80 && $0.milliseconds ?? 0 > 0 && $0.digest.count == 16 })
        #expect(try run(client, "python").error?.code == .policyNotVerified)
        fixture.launcher.set(nil, for: "python")
        let again = try verify(client, "python", allChecks: true)
        #expect(again.map(\.state) == [.verified] && again[0].checks.count == again[0].checkCount)
        #expect(try run(client, "python").result?.outcome.reason == .exited)
        // And the other way: what was served is not any more.
        fixture.launcher.set(.writes(Self.weak), for: "default")
        #expect(try verify(client, "default").map(\.state) == [.failed])
        #expect(try run(client, "default").error?.category == .permanent)
    }

    @Test func `a probe that cannot be run is tried again, after a pause`() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        fixture.launcher.set(.fails(LaunchFailure(.slots, errno: EAGAIN, "no identity is free")), for: "shell")
        let error = try #require(try run(client, "shell").error)
        #expect(error.code == .policyNotVerified && error.category == .temporary)
        #expect(error.message.contains("could not be run") && error.message.contains("EAGAIN"))
        #expect(error.retryAfterMilliseconds ?? 0 > 0)
        // At once: no second probe.
        #expect(try run(client, "shell").error?.category == .temporary)
        #expect(fixture.launcher.probed == ["shell"])
        fixture.launcher.set(nil, for: "shell")
        let served = try fixture.eventually { try run(client, "shell").result?.outcome.reason == .exited }
        #expect(served)
        #expect(fixture.launcher.probed == ["shell", "shell"])
    }

    private static let fetching = FakeLauncher.Probe.fails(
        LaunchFailure(
            .containerImage, errno: EINPROGRESS, "a:1, which is being fetched", retryAfterMilliseconds: 5000))

    private func waitForImages(_ fixture: ServerFixture) throws {
        let parts = fixture.parts
        try fixture.group.next().submit { parts.value.engine.verifier.servesOneCall = true }.wait()
    }

    @Test func `an image that is being fetched is waited for in a daemon of one call`() throws {
        let records = LogRecords()
        let fixture = try ServerFixture(records: records)
        try waitForImages(fixture)
        fixture.launcher.set(Self.fetching, for: "shell")
        try fixture.beginAhead(with: "shell")
        let client = try fixture.connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["true"], policy: "shell"), window: nil))
        guard case .accepted? = try client.message() else { throw Silence() }
        let hasTried = fixture.eventually { fixture.launcher.probed.count >= 3 }
        #expect(hasTried)
        #expect(try fixture.runCount() == 1)
        fixture.launcher.set(nil, for: "shell")
        #expect(try client.finish(1).result?.outcome.reason == .exited)
        #expect(!records.all.contains { $0.hasPrefix("error") }, "\(records.all)")
    }

    @Test func `why an image was not fetched is told in a daemon of one call`() throws {
        let fixture = try ServerFixture()
        try waitForImages(fixture)
        fixture.launcher.set(Self.fetching, for: "shell")
        let client = try fixture.connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["true"], policy: "shell"), window: nil))
        guard case .accepted? = try client.message() else { throw Silence() }
        let hasTried = fixture.eventually { fixture.launcher.probed.count >= 2 }
        #expect(hasTried)
        fixture.launcher.set(.fails(LaunchFailure(.containerImage, errno: EIO, "manifest unknown")), for: "shell")
        let error = try #require(try client.finish(1).error)
        #expect(error.code == .imageNotFound && error.message.contains("manifest unknown"), "\(error)")
    }

    @Test(arguments: ["cancel", "leave", "drain"])
    func `whoever waits for an image can give it up`(_ how: String) throws {
        let fixture = try ServerFixture()
        try waitForImages(fixture)
        fixture.launcher.set(Self.fetching, for: "shell")
        let asking = try fixture.connect()
        try {
            let client = try fixture.connect()
            try client.send(.run(channel: 1, request: RunRequest(argv: ["true"], policy: "shell"), window: nil))
            guard case .accepted? = try client.message() else { throw Silence() }
            let hasTried = fixture.eventually { fixture.launcher.probed.count >= 2 }
            #expect(hasTried)
            if how == "cancel" { try client.send(.cancel(channel: 1, now: false)) }
            if how == "drain" {
                try asking.send(.verify(channel: 9, policy: "shell", allChecks: false))
                // It is taken in when a later request is answered.
                try asking.send(.policies(channel: 8))
                _ = try asking.message()
                // Between two probes.
                usleep(100_000)
                try fixture.group.next().submit { [parts = fixture.parts] in parts.value.engine.drain() }.wait()
            }
            if how != "leave" { #expect(try client.finish(1).result?.outcome.reason == .cancelled) }
        }()
        let isOver = try fixture.eventually { try fixture.runCount() == 0 }
        #expect(isOver)
        guard how == "drain" else { return }
        guard case .verified(9, let verdicts)? = try asking.message() else { throw Silence() }
        #expect(verdicts.map(\.state) == [.unproven] && verdicts[0].reason == "sandboxd is stopping")
        let count = fixture.launcher.probed.count
        usleep(1_200_000)
        #expect(fixture.launcher.probed.count == count)
    }

    @Test func `of an image that is being fetched a service says when to come again, and looks again then`() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        fixture.launcher.set(Self.fetching, for: "shell")
        for _ in 1...2 {
            let error = try #require(try run(client, "shell").error)
            #expect(error.code == .imageNotFound && error.category == .temporary, "\(error)")
            #expect(error.retryAfterMilliseconds == 5000)
        }
        #expect(fixture.launcher.probed == ["shell"])
        // However long it has been so.
        let brief = FakeLauncher.Probe.fails(
            LaunchFailure(.containerEngine, errno: ECONNREFUSED, "e", retryAfterMilliseconds: 20))
        fixture.launcher.set(brief, for: "python")
        for count in 1...8 {
            #expect(try run(client, "python").error?.code == .engineUnavailable)
            #expect(fixture.launcher.probed.count { $0 == "python" } == count)
            usleep(40_000)
        }
    }

    @Test(arguments: ["crash", "half", "nothing", "endless"])
    func `a probe that crashes or does not tell all verifies nothing`(_ what: String) throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        let probe: FakeLauncher.Probe =
            switch what {
            case "crash": .crashes
            case "half": .writes { String($0.prefix($0.count / 2)) }
            case "nothing": .writes { _ in "" }
            default: .writes { String(repeating: "x\n", count: 200_000) + $0 }
            }
        fixture.launcher.set(probe, for: "default")
        let error = try #require(try run(client, "default").error)
        #expect(error.code == .policyNotVerified)
        #expect(error.category == (what == "crash" ? .temporary : .permanent))
        #expect(!fixture.launcher.commands.contains { if case .launch(let r) = $0 { !r.probe } else { false } })
    }

    @Test func `a probe that hangs is ended, and a policy that was served stays so`() throws {
        var limits = EngineLimits()
        limits.probeNanoseconds = 300_000_000
        let fixture = try ServerFixture(limits: limits)
        let client = try fixture.connect()
        fixture.launcher.set(.hangs, for: "default")
        let error = try #require(try run(client, "default").error)
        #expect(error.category == .temporary && error.message.contains("300 ms"))
        let killed = fixture.eventually { fixture.launcher.commands.contains(.kill(run: 1 << 59)) }
        #expect(killed)
        #expect(try run(client, "shell").result?.outcome.reason == .exited)
        fixture.launcher.set(.hangs, for: "shell")
        let verdict = try verify(client, "shell")
        #expect(verdict.map(\.state) == [.unproven] && verdict[0].reason?.contains("300 ms") == true)
        #expect(try run(client, "shell").result?.outcome.reason == .exited)
    }

    @Test func `a probe that was asked for ahead has its whole time from when the launcher is ready`() throws {
        var limits = EngineLimits()
        limits.probeNanoseconds = 2_000_000_000
        let fixture = try ServerFixture(limits: limits)
        fixture.launcher.set(.hangs, for: "default")
        try fixture.beginAhead(with: "default")
        let kill = LauncherCommand.kill(run: 1 << 59)
        for _ in 1...2 {
            usleep(1_100_000)
            #expect(!fixture.launcher.commands.contains(kill))
            try fixture.launcherIsReady()
        }
        usleep(1_100_000)
        #expect(!fixture.launcher.commands.contains(kill))
        let killed = fixture.eventually { fixture.launcher.commands.contains(kill) }
        #expect(killed)
    }

    @Test func `a service that ends while a probe runs accuses no policy`() throws {
        let records = LogRecords()
        let fixture = try ServerFixture(records: records)
        fixture.launcher.set(.hangs, for: "default")
        try fixture.beginAhead(with: "default")
        try fixture.group.next().submit { [parts = fixture.parts] in parts.value.engine.drain() }.wait()
        let given = fixture.eventually { records.all.contains { $0.contains("sandboxd is stopping") } }
        #expect(given)
        #expect(!records.all.contains { $0.hasPrefix("error") || $0.hasPrefix("critical") }, "\(records.all)")
    }

    @Test func `what waits can be cancelled, killed and left, and others go on waiting`() throws {
        var limits = EngineLimits()
        limits.probeNanoseconds = 1_500_000_000
        let fixture = try ServerFixture(limits: limits)
        fixture.launcher.set(.hangs, for: "default")
        let client = try fixture.connect()
        var ids: [String] = []
        for channel in UInt32(1)...3 {
            try client.send(.run(channel: channel, request: RunRequest(argv: ["true"]), window: nil))
            guard case .accepted(channel, let id, _)? = try client.message() else { throw Silence() }
            ids.append(id)
        }
        try client.send(.kill(channel: 7, id: ids[1], now: false))
        // The answer to kill comes after the run's own.
        #expect(try client.finish(2).result?.outcome.reason == .cancelled)
        guard case .killed? = try client.message() else { throw Silence() }
        try client.send(.cancel(channel: 1, now: false))
        #expect(try client.finish(1).result?.outcome.reason == .cancelled)
        do {
            let other = try fixture.connect()
            try other.send(.run(channel: 1, request: RunRequest(argv: ["true"]), window: nil))
            _ = try other.message()
            #expect(try fixture.runCount() == 2)
        }
        let left = try fixture.eventually { try fixture.runCount() == 1 }
        #expect(left)
        #expect(try client.finish(3).error?.code == .policyNotVerified)
        #expect(try fixture.runCount() == 0)
        #expect(!fixture.launcher.commands.contains { if case .launch(let r) = $0 { !r.probe } else { false } })
    }

    @Test func `a service probes everything at its start, two at a time, and a request's own policy first`() throws {
        let fixture = try ServerFixture()
        let names = try PolicySet.builtIn().names
        for name in names { fixture.launcher.set(.hangs, for: name) }
        let parts = fixture.parts
        try fixture.group.next().submit { parts.value.engine.verifier.verifyAll() }.wait()
        let two = fixture.eventually { fixture.launcher.probed.count == 2 }
        #expect(two)
        let client = try fixture.connect()
        fixture.launcher.set(nil, for: "shell")
        try client.send(.run(channel: 1, request: RunRequest(argv: ["true"], policy: "shell"), window: nil))
        guard case .accepted? = try client.message() else { throw Silence() }
        #expect(fixture.launcher.probed == Array(names.prefix(2)))
        // One place becomes free.
        fixture.launcher.end(probeOf: names[1])
        #expect(try client.finish().result?.outcome.reason == .exited)
        #expect(Array(fixture.launcher.probed.prefix(3)) == names.prefix(2) + ["shell"])
    }

    @Test func `a reload verifies what has changed, and that alone`() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        for name in ["default", "shell"] { _ = try run(client, name) }
        let changed = try PolicySet.load(
            files: [("shell", Array("version: 1\nextends: default\ndescription: other\nnetwork: loopback\n".utf8))],
            over: PolicySet.builtIn())
        let parts = fixture.parts
        try fixture.group.next().submit { parts.value.engine.verifier.replace(changed) }.wait()
        _ = try run(client, "default")
        // The fake launcher writes what the old policy shows: for the new one that is not sound.
        let error = try #require(try run(client, "shell").error)
        #expect(error.message.contains("connect_loopback") || error.message.contains("expected"))
        #expect(error.code == .policyNotVerified)
        #expect(fixture.launcher.probed == ["default", "shell", "shell"])
    }

    @Test func `verify is asked for a policy that is there, not too often, and on a free channel`() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        #expect(throws: ServiceError.self) { try verify(client, "nobody's") }
        let error = #expect(throws: ServiceError.self) { try verify(client, nil, allChecks: true) }
        #expect(error?.code == .invalidRequest)
        for _ in 1...5 { #expect(try verify(client, "default").map(\.state) == [.verified]) }
        let tooOften = #expect(throws: ServiceError.self) { for _ in 1...5 { _ = try verify(client, "default") } }
        #expect(tooOften?.code == .overloaded && tooOften?.retryAfterMilliseconds ?? 0 > 0)
        fixture.launcher.set(.hangs, for: "shell")
        try client.send(.run(channel: 3, request: RunRequest(argv: ["true"], policy: "shell"), window: nil))
        _ = try client.message()
        try client.send(.verify(channel: 3, policy: "shell", allChecks: false))
        guard case .error(nil, let violation)? = try client.message() else { throw Silence() }
        #expect(violation.code == .protocolViolation)
    }

    @Test func `a quota is a burst, and then one a second`() {
        var quota = UserQuota(burst: 5, interval: 1_000_000_000)
        let second: UInt64 = 1_000_000_000
        for _ in 1...5 { #expect(quota.take(1, at: second) == nil) }
        #expect(quota.take(1, at: second) ?? 0 >= 1000)
        #expect(quota.take(2, at: second) == nil)
        #expect(quota.take(1, at: 2 * second) == nil)
        #expect(quota.take(1, at: 2 * second) != nil)
        for _ in 1...5 { #expect(quota.take(1, at: 60 * second) == nil) }
    }

    @Test func `the launcher's death ends what waits`() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        #expect(try run(client, "shell").result?.outcome.reason == .exited)
        fixture.launcher.set(.hangs, for: "default")
        try client.send(.run(channel: 1, request: RunRequest(argv: ["true"]), window: nil))
        guard case .accepted? = try client.message() else { throw Silence() }
        try client.send(.run(channel: 2, request: RunRequest(argv: ["die"], policy: "shell"), window: nil))
        var lost = 0
        for _ in 1...2 { if try client.finish().result?.outcome.reason == .lost { lost += 1 } }
        #expect(lost == 2)
    }
}
