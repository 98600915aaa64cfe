import LaunchPlan
import LinuxSystem
package import SandboxModel

extension Engine {
    /// Runs in one answer that have their limits in it: a control frame has 2 MiB, and one of these lines can have 2 KiB.
    static let maximumWithLimits = 512

    /// Counts a question of a client's against its user's share: answers are made on the loop that keeps everybody's
    /// deadlines.
    ///
    /// - Throws: `overloaded`, with when to ask again.
    package func admitQuestion(of client: Client, isList: Bool = false) throws(ServiceError) {
        // A list is as long as there are runs in it.
        let cost = isList ? 1 + UInt64(runs.values.count { isVisible($0, to: client) }) / 16 : 1
        guard let wait = questions.take(client.peer.uid, at: monotonicNanoseconds(), cost: cost) else { return }
        throw ServiceError(
            .overloaded, "too many questions of one user", category: .temporary, retryAfterMilliseconds: wait)
    }

    /// The runs that a client may see: its user's, all for root.
    ///
    /// - Parameters:
    ///   - usage: with what each has used, at most a tenth of a second old, and its limits (the latter not where there are
    ///     more than 512 runs).
    ///   - then: called once; without `usage` before this returns. A run that has ended meanwhile is not among them.
    package func list(for client: Client, usage: Bool, then: @escaping ([RunSummary]) -> Void) {
        let visible = runs.values.filter { isVisible($0, to: client) }.sorted { $0.number < $1.number }
        guard usage else {
            let now = monotonicNanoseconds()
            return then(visible.map { $0.summary(now: now) })
        }
        refreshUsage(of: visible, for: client) {
            let alive = visible.filter { !$0.machine.isFinished }
            let now = monotonicNanoseconds()
            then(alive.map { $0.summary(now: now, usage: true, limits: alive.count <= Self.maximumWithLimits) })
        }
    }

    /// One of these runs, with what it has used and its limits. Where it ends while this waits, what it has used in all.
    ///
    /// - Throws: `unknownRun`, also for a run of somebody else.
    package func stats(
        id: String, for client: Client, then: @escaping (RunSummary) -> Void
    ) throws(ServiceError) {
        let run = try run(id, for: client)
        refreshUsage(of: [run], for: client) {
            then(run.summary(now: monotonicNanoseconds(), usage: true, limits: true))
        }
    }

    /// Ends a run of the client's user by id. A run of somebody else is as unknown as one that never was.
    ///
    /// - Parameter now: without its grace.
    package func kill(id: String, now: Bool, for client: Client) throws(ServiceError) {
        try run(id, for: client).cancel(now: now, "by kill, from user \(client.peer.uid)")
    }

    private func run(_ id: String, for client: Client) throws(ServiceError) -> Run {
        guard let number = numbers[id], let run = runs[number], isVisible(run, to: client) else {
            throw ServiceError(.unknownRun, "no run '\(id.shown)'")
        }
        return run
    }

    func isVisible(_ run: Run, to client: Client) -> Bool {
        client.peer.uid == 0 || client.peer.uid == run.client.peer.uid
    }

    /// Calls `then` once: when every one of the runs has a new sample or has ended, or when the launcher takes too long.
    private func refreshUsage(of runs: [Run], for client: Client, then: @escaping () -> Void) {
        guard !runs.isEmpty, let question = question(awaiting: runs.count, of: client, then: then) else {
            return then()
        }
        for run in runs { run.refreshUsage { question.answered() } }
    }
}
