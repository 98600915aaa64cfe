import LaunchPlan
import LinuxSystem
import Logging
import NIOCore
import SandboxModel
package import SandboxPolicy

/// Which policies may be served: those whose probe found, inside a sandbox of theirs, that everything holds.
///
/// A policy is unverified when it comes, from a file or by a reload. Its probe runs before its first use: `verifyAll`
/// asks for all of them, a request for its own, which then goes first. Confined to the loop.
package final class PolicyVerifier {
    /// What a request for a policy meets with.
    enum Admission {
        case served
        /// A probe is under way or about to be; `whenDecided` tells.
        case undecided
        case refused(ServiceError)
    }

    private struct Entry {
        var policy: CompiledPolicy
        /// The last verdict. A policy stays verified while a further probe cannot be run.
        var verdict: PolicyVerification
        var isServed = false
        var probe: ProbeRun?
        var isQueued = false
        /// Its next probe, where its image is being fetched and that is waited for.
        var retry: Scheduled<Void>?
        /// Since when that is (CLOCK_MONOTONIC, nanoseconds).
        var fetchingSince: UInt64?
        /// Runs that wait for the verdict.
        var waiting: [(ServiceError?) -> Void] = []
        /// Callers of `verify`, who wait for a new one.
        var asking: [(PolicyVerification) -> Void] = []
        /// After a probe that could not be run: when the next request may try again, and how long after that.
        var retryAt: UInt64 = 0
        /// Why it could not be run, where a caller can do something about that.
        var hindrance: ServiceError?
        var pause = PolicyVerifier.firstPause

        /// A verdict will come, whatever it is.
        var isUnderWay: Bool { probe != nil || isQueued || retry != nil }
    }

    private static let concurrentProbes = 2
    private static let firstPause: UInt64 = 250_000_000
    private static let longestPause: UInt64 = 30_000_000_000
    /// Between two looks at an image that is being fetched.
    private static let fetchPause: UInt64 = 500_000_000
    /// More than sandbox-docker has for one fetch, after which it says why that has failed: for one whose sandbox-docker is
    /// started anew, and begins again, for ever.
    private static let fetchPatience: UInt64 = 900_000_000_000
    /// Numbers of probe runs, out of the way of every other run's.
    private static let firstNumber: UInt64 = 1 << 59

    private let loop: any EventLoop
    private let launcher: LauncherLink
    private let monitor: ReadinessMonitor
    private let log: Logger
    /// What is known of it when a probe is judged.
    var host: HostFacts
    /// For a daemon of one call. A policy whose image is being fetched is undecided for as long as that takes, since the fetch would end
    /// with the daemon; of another one a client is told to come again. And that a probe could not be run is told to the client, who
    /// reads this daemon's log on the same terminal.
    package var servesOneCall = false
    private let deadline: UInt64
    private var entries: [String: Entry] = [:]
    /// Names whose probe is to run, in this order.
    private var queue: [String] = []
    private var names: [UInt64: String] = [:]
    private var nextNumber = PolicyVerifier.firstNumber
    private var quota = UserQuota(burst: 5, interval: 1_000_000_000)
    private var hasRehearsed = false
    private var isStopped = false
    /// Of the policies, as the launcher counts them.
    private var generation: UInt32 = 0

    init(
        policies: PolicySet, loop: any EventLoop, launcher: LauncherLink, monitor: ReadinessMonitor, log: Logger,
        host: HostFacts = .current(), deadline: UInt64 = ProbeRun.deadline
    ) {
        self.loop = loop
        self.launcher = launcher
        self.monitor = monitor
        self.log = log
        self.host = host
        self.deadline = deadline
        replace(policies)
    }

    // MARK: - What the engine asks

    /// The policies in force, at the start and after each reload. What has the digest it had stays as it is; anything
    /// else is unverified, and who waited for the old one is told to ask again.
    ///
    /// A reload calls this when its launcher holds the new policies and then `verifyAll`.
    package func replace(_ policies: PolicySet, generation: UInt32 = 0) {
        self.generation = generation
        var kept: [String: Entry] = [:]
        for name in policies.names {
            guard let policy = policies[name] else { continue }
            if let entry = entries[name], entry.verdict.digest == policy.digest {
                kept[name] = entry
            } else {
                kept[name] = Entry(
                    policy: policy.compiled(),
                    verdict: PolicyVerification(policy: name, digest: policy.digest, state: .unverified))
            }
        }
        let gone = entries.filter { kept[$0.key]?.verdict.digest != $0.value.verdict.digest }
        entries = kept
        for (name, entry) in gone {
            queue.removeAll { $0 == name }
            entry.retry?.cancel()
            entry.probe.map { names[$0.number] = nil }
            entry.probe?.giveUp("the policy was replaced")
            let error = ServiceError(
                .policyNotVerified, "policy '\(name)' was replaced while it was verified", category: .temporary,
                retryAfterMilliseconds: 0)
            for body in entry.waiting { body(error) }
            for body in entry.asking { body(entry.verdict) }
        }
        startProbes()
    }

    /// Probes every policy that has not been, in the background.
    package func verifyAll() {
        for name in entries.keys.sorted() where entries[name]?.verdict.state == .unverified { enqueue(name) }
        startProbes()
    }

    /// Calls `then` with every verdict when no policy is undecided any more.
    func whenAllDecided(then: @escaping ([PolicyVerification]) -> Void) {
        verifyAll()
        let open = entries.filter(\.value.isUnderWay).map(\.key)
        let question = Question(count: open.count) { [weak self] in
            then((self?.entries.values.map(\.verdict) ?? []).sorted { $0.policy < $1.policy })
        }
        guard !open.isEmpty else { return question.giveUp() }
        for name in open { entries[name]?.asking.append { _ in question.answered() } }
    }

    /// Probes one policy before the launcher has taken it; `launcherIsReady` follows.
    func begin(_ name: String) {
        enqueue(name, first: true)
        startProbes()
    }

    /// The launcher has taken the policies, and looks at the probes that it was asked for meanwhile.
    package func launcherIsReady() {
        for entry in entries.values { entry.probe?.startClock() }
    }

    /// Why a policy is known not to be served; nothing while that is undecided.
    func refusal(of name: String) -> ServiceError? {
        guard let entry = entries[name] else { return ServiceError(.unknownPolicy, "no policy '\(name.shown)'") }
        if entry.isServed { return nil }
        switch entry.verdict.state {
        case .failed: return refusal(entry)
        case .unproven where monotonicNanoseconds() < entry.retryAt && !entry.isUnderWay:
            return refusal(entry)
        case .unverified, .unproven, .verified: return isStopped ? refusal(entry) : nil
        }
    }

    /// Whether a policy may be used now. Where that is undecided, its probe goes before the others'.
    func admission(to name: String) -> Admission {
        if let refusal = refusal(of: name) { return .refused(refusal) }
        if entries[name]?.isServed == true { return .served }
        enqueue(name, first: true)
        return .undecided
    }

    /// Calls `body` when an undecided policy is decided: with nothing where it is served. Starts its probe.
    func whenDecided(_ name: String, _ body: @escaping (ServiceError?) -> Void) {
        entries[name]?.waiting.append(body)
        startProbes()
    }

    /// Probes policies anew, whatever is known of them, and calls `then` with every verdict in the order of `names`.
    func verify(
        _ names: [String], for uid: UInt32, then: @escaping ([PolicyVerification]) -> Void
    ) throws(ServiceError) {
        if let milliseconds = quota.take(uid, at: monotonicNanoseconds()) {
            throw ServiceError(
                .overloaded, "verify was asked for too often", category: .temporary,
                retryAfterMilliseconds: milliseconds)
        }
        guard !isStopped else { throw ServiceError(.draining, "sandboxd is stopping", category: .temporary) }
        var verdicts: [String: PolicyVerification] = [:]
        guard !names.isEmpty else { return then([]) }
        for name in names {
            entries[name]?.asking.append { verdict in
                verdicts[name] = verdict
                if verdicts.count == names.count { then(names.compactMap { verdicts[$0] }) }
            }
            enqueue(name)
        }
        startProbes()
    }

    /// What the launcher says about a probe; `false` when the run is none of ours.
    func handle(_ event: LauncherEvent, run: UInt64) -> Bool {
        guard run >= Self.firstNumber else { return false }
        if let name = names[run] { entries[name]?.probe?.handle(event) }
        return true
    }

    /// No probe any more: who waits is told why.
    func stop(_ reason: String) {
        guard !isStopped else { return }
        isStopped = true
        queue = []
        for name in entries.keys.sorted() {
            if let probe = entries[name]?.probe {
                probe.giveUp(reason)
            } else if entries[name]?.isUnderWay == true {
                decide(name, .notRun(reason, stage: nil), startedAt: nil)
            }
        }
    }

    // MARK: - Probes

    private func enqueue(_ name: String, first: Bool = false) {
        guard let entry = entries[name], entry.probe == nil, entry.retry == nil else { return }
        if entry.isQueued, first { queue.removeAll { $0 == name } }
        guard !entry.isQueued || first else { return }
        entries[name]?.isQueued = true
        queue.insert(name, at: first ? 0 : queue.count)
    }

    private func startProbes() {
        while names.count < Self.concurrentProbes, !isStopped, !queue.isEmpty {
            let name = queue.removeFirst()
            guard let entry = entries[name] else { continue }
            entries[name]?.isQueued = false
            let number = nextNumber
            nextNumber += 1
            do throws(SystemError) {
                let probe = try ProbeRun(
                    number: number, policy: entry.policy, loop: loop, launcher: launcher, monitor: monitor,
                    generation: generation, deadline: deadline
                ) { [weak self] end in self?.ended(number, end) }
                names[number] = name
                entries[name]?.probe = probe
                rehearse(entry.policy)
            } catch {
                // Later: who has just begun to wait has not been told so yet.
                loop.assumeIsolated().execute { [weak self] in
                    self?.decide(name, .notRun("\(error)", stage: nil), startedAt: nil)
                }
            }
        }
    }

    /// Judges next to nothing, once, while a probe runs: what a first judgement has to make of types and tables takes a
    /// millisecond, and a daemon for one call has somebody waiting when the probe has ended.
    private func rehearse(_ policy: CompiledPolicy) {
        guard !hasRehearsed else { return }
        hasRehearsed = true
        let facts = ProbeFacts(Array("mount 1 1 0:1 / / ro,nosuid - tmpfs none ro\nstatus CapInh:\t0\nend\n".utf8))
        _ = ProbeJudge.judge(facts, policy: policy, host: host, usage: TreeUsage())
    }

    private func ended(_ number: UInt64, _ end: ProbeRun.End) {
        guard let name = names.removeValue(forKey: number) else { return }
        let probe = entries[name]?.probe
        entries[name]?.probe = nil
        if !isToCome(name, end) { decide(name, end, startedAt: probe?.startedAt) }
        startProbes()
    }

    /// Whether all that a probe has shown is that it came too early; then the next one comes in a while.
    private func isToCome(_ name: String, _ end: ProbeRun.End) -> Bool {
        guard case .notRun(_, _, _, isTooEarly: true) = end, servesOneCall, !isStopped, entries[name] != nil else {
            return false
        }
        let now = monotonicNanoseconds()
        let since = entries[name]?.fetchingSince ?? now
        guard now - since < Self.fetchPatience else { return false }
        entries[name]?.fetchingSince = since
        entries[name]?.retry = loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(Self.fetchPause))) {
            [weak self] in
            self?.entries[name]?.retry = nil
            self?.enqueue(name, first: true)
            self?.startProbes()
        }
        return true
    }

    private func decide(_ name: String, _ end: ProbeRun.End, startedAt: UInt64?) {
        guard var entry = entries[name] else { return }
        let now = monotonicNanoseconds()
        var verdict = PolicyVerification(
            policy: name, digest: entry.verdict.digest, state: .unproven,
            milliseconds: startedAt.map { Double((now - $0) / 1000) / 1000 })
        switch end {
        case .wrote(let facts, let usage):
            verdict.checks = ProbeJudge.judge(facts, policy: entry.policy, host: host, usage: usage)
            verdict.checkCount = verdict.checks.count
            verdict.state = verdict.checks.allSatisfy(\.passed) ? .verified : .failed
            entry.isServed = verdict.state == .verified
            entry.hindrance = nil
            entry.verdict = verdict
        case .notRun(let reason, let stage, let error, _):
            entry.hindrance = error
            verdict.reason = stage.map { "\(reason) (\($0))" } ?? reason
            // Whoever has been told when to come again is asked about then.
            let told = error?.retryAfterMilliseconds.map { $0 * 1_000_000 }
            entry.retryAt = now &+ min(entry.pause, told ?? .max)
            entry.pause = min(entry.pause * 2, Self.longestPause)
            // That a further probe could not be run says nothing against what an earlier one saw.
            if !entry.isServed { entry.verdict = verdict }
        }
        if verdict.state != .unproven { entry.pause = Self.firstPause }
        let (waiting, asking) = (entry.waiting, entry.asking)
        entry.waiting = []
        entry.asking = []
        entry.isQueued = false
        entry.retry?.cancel()
        entry.retry = nil
        entry.fetchingSince = nil
        entries[name] = entry
        report(verdict)
        let error = entry.isServed ? nil : refusal(entry)
        for body in waiting { body(error) }
        for body in asking { body(verdict) }
    }

    private func report(_ verdict: PolicyVerification) {
        var metadata: Logger.Metadata = ["policy": "\(verdict.policy)", "digest": "\(verdict.digest)"]
        metadata["ms"] = verdict.milliseconds.map { "\($0)" }
        switch verdict.state {
        case .verified:
            metadata["checks"] = "\(verdict.checkCount)"
            log.note(.policyVerified, metadata)
        case .failed:
            let failed = verdict.checks.filter { !$0.passed }
            metadata["failed"] = "\(failed.count)"
            // Where everything failed it is one cause, and `sandboxctl verify` shows all.
            for check in failed.prefix(3) {
                metadata["check"] = "\(check.name)"
                metadata["expected"] = "\(check.expected)"
                metadata["observed"] = "\(check.observed)"
                log.note(.policyNotServed, metadata, at: .critical)
            }
        case .unproven, .unverified:
            metadata["reason"] = "\(verdict.reason ?? "")"
            // Given up because the service ends: nothing was found, and nobody waits for it.
            guard !isStopped, !servesOneCall else { return log.debug("policy not verified", metadata: metadata) }
            log.error("policy not verified: its probe could not be run", metadata: metadata)
        }
    }

    private func refusal(_ entry: Entry) -> ServiceError {
        let name = entry.verdict.policy
        if let check = entry.verdict.checks.first(where: { !$0.passed }) {
            return ServiceError(
                .policyNotVerified,
                "policy '\(name)' is not served: its probe found \(check.name) not to hold: expected \(check.expected), "
                    + "observed \(check.observed); 'sandboxctl verify \(name)' shows all")
        }
        let now = monotonicNanoseconds()
        // No sooner than it says itself there is something new.
        if let hindrance = entry.hindrance { return hindrance }
        return ServiceError(
            .policyNotVerified,
            "policy '\(name)' is not served: its probe could not be run: \(entry.verdict.reason ?? "sandboxd is stopping")",
            category: .temporary,
            retryAfterMilliseconds: entry.retryAt > now ? (entry.retryAt - now) / 1_000_000 + 1 : 0)
    }
}
