package import LaunchPlan
package import SandboxModel

/// The life of one run as a value: events in, actions out. It does no I/O and reads no clock, so every order of
/// exit, timeout, cancellation, overflow and loss can be tested.
///
/// Exactly one `deliver` comes out of a machine, whatever comes in and in whatever order. Times are CLOCK_MONOTONIC
/// nanoseconds. The first reason to end a run is the one that counts; `Classification.swift` says when the
/// command's own ending goes before it.
package struct RunMachine: Sendable {
    /// Timers that sandboxd watches; the kernel has none for a whole tree.
    package enum Clock: Sendable, Hashable, CaseIterable {
        case wall, idle, cpu
        /// How long the launcher may take to start a run, or to end it.
        case launcher
    }

    /// Nanoseconds. A start takes milliseconds; a launcher that is silent for so long does not come back, and a client
    /// must not wait for ever.
    package static let launcherPatience: UInt64 = 30_000_000_000

    package enum Event: Sendable, Equatable {
        case started(at: UInt64)
        /// The launcher could not start it; nothing of it is left.
        case launchFailed(LaunchFailure)
        /// Its policy is not served after all; the launcher has not been asked.
        case refused(ServiceError)
        /// The whole tree is gone. Its output may still be in the pipes.
        case exited(RunReport)
        /// The command wrote something.
        case output
        /// It wrote more than `limits.outputBytes`; `observed` counts the byte that was too much.
        case outputOverflow(observed: UInt64)
        /// After `exited`: the last output has been handed to the client.
        case drained
        case timer(Clock)
        case sampled(TreeUsage)
        case cancel
        case clientGone
        case launcherGone
    }

    package enum Action: Sendable, Equatable {
        /// Tell the client that the command runs.
        case announce
        /// End the whole tree. At most once.
        case kill
        /// Ask the launcher what the tree has consumed.
        case sample
        case arm(Clock, at: UInt64)
        /// The end. Nothing comes after it.
        case deliver(Verdict)
    }

    package enum Verdict: Sendable, Equatable {
        case ended(Outcome, RunReport?)
        case notStarted(LaunchFailure)
        case refused(ServiceError)
    }

    /// Why sandboxd ended a run, and when it decided so.
    package struct Decision: Sendable, Equatable {
        var reason: Outcome.Reason
        var at: UInt64
        var limit: UInt64?
        var observed: UInt64?
    }

    private enum State: Equatable {
        case starting
        case running(startedAt: UInt64)
        /// Killed, and waiting for the launcher to say that the tree is gone.
        case ending(Decision)
        /// The tree is gone, and its last output is on the way to the client.
        case draining(RunReport, Decision?)
        case finished
    }

    private let limits: Limits
    private let cpuMillicores: UInt64
    private var state = State.starting
    private var lastOutput: UInt64 = 0
    private var clientLeft = false

    /// `limits` are those in force; `cpuMillicores` is how fast the tree can use CPU time up.
    package init(limits: Limits, cpuMillicores: UInt32) {
        self.limits = limits
        self.cpuMillicores = UInt64(max(1, cpuMillicores))
    }

    package var isFinished: Bool { state == .finished }

    /// Whether the tree is gone, so that an empty pipe is an ended one.
    package var isDraining: Bool {
        if case .draining = state { true } else { false }
    }

    /// As `RunSummary.state` says it.
    package var name: String {
        switch state {
        case .starting: "starting"
        case .running: "running"
        case .ending, .draining, .finished: "ending"
        }
    }

    /// What to do when the launcher has been asked.
    package func begin(now: UInt64) -> [Action] { [.arm(.launcher, at: now + Self.launcherPatience)] }

    package mutating func handle(_ event: Event, now: UInt64) -> [Action] {
        switch state {
        case .finished: return []
        case .starting: return whileStarting(event, now: now)
        case .running(let startedAt): return whileRunning(event, startedAt: startedAt, now: now)
        case .ending(let decision): return whileEnding(event, decision: decision)
        case .draining(let report, let decision):
            return whileDraining(event, report: report, decision: decision, now: now)
        }
    }

    private mutating func whileStarting(_ event: Event, now: UInt64) -> [Action] {
        switch event {
        case .started(let at):
            state = .running(startedAt: at)
            lastOutput = at
            return [.announce] + firstTimers(startedAt: at)
        case .launchFailed(let failure): return finish(.notStarted(failure))
        case .refused(let error): return finish(.refused(error))
        case .exited(let report): return drain(report, decision: nil)
        case .outputOverflow(let observed): return overflow(observed, now: now)
        case .cancel: return end(Decision(reason: .cancelled, at: now))
        case .clientGone: return leave(now: now)
        case .launcherGone: return lose()
        case .timer(.launcher):
            // It may still start it: then it is killed at once.
            return [.kill] + finish(.notStarted(LaunchFailure(.handOver, errno: 110, "the launcher does not answer")))
        case .output, .drained, .timer, .sampled: return []
        }
    }

    private mutating func whileRunning(_ event: Event, startedAt: UInt64, now: UInt64) -> [Action] {
        switch event {
        case .exited(let report): return drain(report, decision: nil)
        case .output:
            lastOutput = now
            return []
        case .outputOverflow(let observed): return overflow(observed, now: now)
        case .timer(.wall): return wallTimer(startedAt: startedAt, now: now)
        case .timer(.idle): return idleTimer(now: now)
        case .timer(.cpu): return [.sample]
        case .sampled(let usage): return sampled(usage, now: now)
        case .cancel: return end(Decision(reason: .cancelled, at: now))
        case .clientGone: return leave(now: now)
        case .launchFailed(let failure): return finish(.notStarted(failure))
        case .launcherGone: return lose()
        case .started, .refused, .drained, .timer(.launcher): return []
        }
    }

    private mutating func whileEnding(_ event: Event, decision: Decision) -> [Action] {
        switch event {
        case .exited(let report): return drain(report, decision: decision)
        case .launchFailed, .refused: return finish(.ended(Outcome(decision), nil))
        case .launcherGone: return lose()
        case .clientGone:
            clientLeft = true
            return []
        case .timer(.launcher): return finish(.ended(Outcome(decision), nil))
        case .started, .output, .outputOverflow, .drained, .timer, .sampled, .cancel: return []
        }
    }

    private mutating func whileDraining(
        _ event: Event, report: RunReport, decision: Decision?, now: UInt64
    ) -> [Action] {
        switch event {
        case .drained: return finish(.ended(Outcome(report, decision: decision, limits: limits), report))
        case .outputOverflow(let observed):
            // A command that has written too much has done so, whether or not it was faster than the kill: the same
            // command always gets the same answer.
            if decision == nil { state = .draining(report, outputDecision(observed, now: now)) }
            return []
        case .clientGone:
            clientLeft = true
            return drain(report, decision: decision)
        case .started, .launchFailed, .refused, .exited, .output, .timer, .sampled, .cancel, .launcherGone: return []
        }
    }

    // MARK: - Transitions

    private mutating func finish(_ verdict: Verdict) -> [Action] {
        state = .finished
        return [.deliver(verdict)]
    }

    private mutating func end(_ decision: Decision) -> [Action] {
        state = .ending(decision)
        return [.kill, .arm(.launcher, at: decision.at + Self.launcherPatience)]
    }

    private mutating func leave(now: UInt64) -> [Action] {
        clientLeft = true
        return end(Decision(reason: .clientGone, at: now))
    }

    private mutating func lose() -> [Action] {
        finish(.ended(Outcome(reason: .lost, message: "the launcher died; how the command ended is not known"), nil))
    }

    private func outputDecision(_ observed: UInt64, now: UInt64) -> Decision {
        Decision(reason: .outputLimit, at: now, limit: limits.outputBytes, observed: observed)
    }

    private mutating func overflow(_ observed: UInt64, now: UInt64) -> [Action] {
        end(outputDecision(observed, now: now))
    }

    /// With nobody left to read the output, the end need not wait for it.
    private mutating func drain(_ report: RunReport, decision: Decision?) -> [Action] {
        if clientLeft { return finish(.ended(Outcome(report, decision: decision, limits: limits), report)) }
        state = .draining(report, decision)
        return []
    }

    // MARK: - Timers

    private func firstTimers(startedAt: UInt64) -> [Action] {
        var actions: [Action] = []
        if let wall = limits.wallMilliseconds { actions.append(.arm(.wall, at: startedAt.adding(milliseconds: wall))) }
        if let idle = limits.idleMilliseconds { actions.append(.arm(.idle, at: startedAt.adding(milliseconds: idle))) }
        if let cpu = limits.cpuMilliseconds {
            actions.append(.arm(.cpu, at: startedAt.adding(milliseconds: fastest(cpu))))
        }
        return actions
    }

    /// Wall milliseconds in which the tree can use up so many CPU milliseconds at the earliest.
    private func fastest(_ milliseconds: UInt64) -> UInt64 {
        let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1000)
        return overflow ? milliseconds : product / cpuMillicores
    }

    private mutating func wallTimer(startedAt: UInt64, now: UInt64) -> [Action] {
        guard let limit = limits.wallMilliseconds else { return [] }
        let deadline = startedAt.adding(milliseconds: limit)
        guard now >= deadline else { return [.arm(.wall, at: deadline)] }
        return end(
            Decision(reason: .wallTimeout, at: now, limit: limit, observed: startedAt.milliseconds(until: now)))
    }

    private mutating func idleTimer(now: UInt64) -> [Action] {
        guard let limit = limits.idleMilliseconds else { return [] }
        let deadline = lastOutput.adding(milliseconds: limit)
        guard now >= deadline else { return [.arm(.idle, at: deadline)] }
        return end(
            Decision(reason: .idleTimeout, at: now, limit: limit, observed: lastOutput.milliseconds(until: now)))
    }

    /// The next look is when the limit can be reached at the earliest: a busy tree is sampled a few times near its end,
    /// an idle one once per limit.
    private mutating func sampled(_ usage: TreeUsage, now: UInt64) -> [Action] {
        guard let limit = limits.cpuMilliseconds,
            let user = usage.userMicroseconds, let system = usage.systemMicroseconds
        else { return [] }
        let used = (user &+ system) / 1000
        guard used < limit else {
            return end(Decision(reason: .cpuTimeout, at: now, limit: limit, observed: used))
        }
        return [.arm(.cpu, at: now.adding(milliseconds: max(10, fastest(limit - used))))]
    }
}

extension UInt64 {
    /// Nanoseconds later; the end of time instead of an overflow.
    func adding(milliseconds: UInt64) -> UInt64 {
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, overflowed) = addingReportingOverflow(nanoseconds)
        return overflow || overflowed ? .max : sum
    }

    /// Whole milliseconds from here to a later time; 0 when it is not later.
    func milliseconds(until later: UInt64) -> UInt64 { later > self ? (later - self) / 1_000_000 : 0 }
}
