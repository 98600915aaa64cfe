import EscapeAttempts
import LinuxSystem
import SandboxModel
import SandboxTestSupport
import Testing

/// Each attempt of the probe is a case. Inside it must be stopped; outside it must succeed, or it proves nothing.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct AttemptTests {
    /// What is open, and known to be; the suite fails when one of them closes and is still listed here.
    static let knownOpen: [String: String] = [
        "lock-host-files": "any file that can be read can be locked; without flock(2) neither git nor apt would work",
        "watch-host-files": "any directory that can be read can be watched; sandboxes share the files of /usr",
        "futex-of-host": "any page that can be read can be waited on; sandboxes share the files of /usr",
    ]

    /// The same of sandboxes without root, beside these; each with the name that a caller has to accept.
    static let knownWeaker: [String: Weakness] = [
        // It is the caller's; so is the daemon that made the pipe.
        "host-user": .ownUID, "stdout-reopened": .ownUID, "stdout-mode": .ownUID,
    ]

    /// The same where Landlock does not keep signals in its domain, before its version 6 (Linux 6.12): pid 1 is the caller too. It
    /// takes them as his wishes to end, and SIGKILL not at all.
    static let knownWeakerUnscoped: [String: Weakness] = ["signal-pid1": .ownUID, "pidfd-signal-pid1": .ownUID]
    private static let scopesSignals = ((try? Landlock())?.version ?? 0) >= 6

    @Test(arguments: Attempt.all) func `stopped inside`(_ attempt: Attempt) async throws {
        try Containers.skip(attempt.name)
        let runs = try await AttemptRuns.shared.value
        let known = Containers.reason(attempt.name, natively: Self.knownOpen)
        try expectStopped(attempt, runs.confined[attempt.name], runs, known)
    }

    @Test(Mode.rootlessIsNative, arguments: Attempt.all) func `stopped inside, without root`(_ attempt: Attempt)
        async throws
    {
        let runs = try await AttemptRuns.shared.value
        let unscoped = Self.scopesSignals ? nil : Self.knownWeakerUnscoped[attempt.name]
        let weakness = (Self.knownWeaker[attempt.name] ?? unscoped).map { "accepted as \($0.name)" }
        try expectStopped(attempt, runs.rootless[attempt.name], runs, Self.knownOpen[attempt.name] ?? weakness)
    }

    private func expectStopped(
        _ attempt: Attempt, _ verdict: Verdict?, _ runs: AttemptRuns, _ known: String?
    ) throws {
        // Nothing to attack is an answer only where there is nothing outside either.
        let absent = [verdict, runs.user[attempt.name], runs.root[attempt.name]].allSatisfy { $0?.word == "absent" }
        let held = verdict?.word == "stopped" || absent
        let text = "\(attempt.name) (\(attempt.tries)): \(verdict.map { "\($0)" } ?? "no answer")"
        if let reason = known {
            withKnownIssue("\(reason)") { #expect(held, "\(text)") }
        } else {
            #expect(held, "\(text)")
        }
    }

    @Test(arguments: Attempt.all) func `succeeds outside, or is known not to`(_ attempt: Attempt) async throws {
        let runs = try await AttemptRuns.shared.value
        let verdicts = [runs.user[attempt.name], runs.root[attempt.name]].compactMap { $0 }
        try #require(verdicts.count == 2, "\(attempt.name) has no answer")
        for verdict in verdicts { #expect(verdict.word != "error", "\(attempt.name): \(verdict)") }
        guard attempt.heldAnyway == nil else { return }
        let possible = verdicts.contains { $0.word == "escaped" }
        // A kernel that has no such call or device cannot show it.
        let absent = verdicts.allSatisfy { $0.word == "absent" || $0.detail == "ENOSYS" }
        #expect(possible || absent, "\(attempt.name) proves nothing: \(verdicts)")
    }

    @Test func `the suite can fail: most attempts succeed outside`() async throws {
        let runs = try await AttemptRuns.shared.value
        let possible = Attempt.all.filter { attempt in
            [runs.user[attempt.name], runs.root[attempt.name]].contains { $0?.word == "escaped" }
        }
        #expect(possible.count >= 300, "\(possible.count) of \(Attempt.all.count)")
    }

    @Test func `names are unique`() {
        let names = Attempt.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.count >= 150)
    }

    @Test func `the host is as it was, and no secret came out`() async throws {
        let runs = try await AttemptRuns.shared.value
        #expect(runs.before == runs.after)
        #expect(runs.after.canaryLives)
        #expect(!runs.confinedOutput.contains(runs.secret))
        #expect(!runs.confinedOutput.contains(Service.environmentSecret))
    }
}
