import LaunchPlan
import SandboxModel

/// The life of one run as a value: events in, actions out. It does no I/O and reads no clock, so every order of
/// exit, timeout, cancellation, overflow and loss can be tested.
///
/// Exactly one `deliver` comes out of a machine, whatever comes in and in whatever order; at most one `stop` and one
/// `kill`, never the stop after the kill. Times are CLOCK_MONOTONIC nanoseconds. The first reason to end a run is the one
/// that counts; `Classification.swift` says when the command's own ending goes before it.
package struct RunMachine: Sendable {
    /// Nanoseconds. A start takes milliseconds; a launcher that is silent for so long does not come back, and a client
    /// must not wait for ever.
    package static let launcherPatience: UInt64 = 30_000_000_000

    private enum State: Equatable {
        case starting
        case running(startedAt: UInt64)
        /// Asked to end, which it may take its grace for: until it has ended, or until the kill.
        case stopping(Decision, killAt: UInt64)
        /// Killed, and waiting for the launcher to say that nothing of the tree runs any more.
        case ending(Decision, patientUntil: UInt64)
        /// Nothing of the tree runs any more, and its last output is on the way to the client.
        case draining(RunReport, Decision?)
        case finished
    }

    private let limits: Limits
    private let cpuMillicores: UInt64
    private let usageInterval: UInt64?
    private let advice: LimitAdvice
    private var state = State.starting
    private var lastOutput: UInt64 = 0
    /// Of a run that is starting and whose time counts.
    private var handedOverAt: UInt64?
    private var clientLeft = false
    private var wasAsked = false
    /// A sample has been asked for and has not come.
    private var isSampling = false
    private var usageIsDue = false
    private var nextUsage: UInt64 = 0

    /// `limits` are those in force; `cpuMillicores` is how fast the tree can use CPU time up; `usageInterval` how often to
    /// publish what it uses, in milliseconds.
    init(limits: Limits, cpuMillicores: UInt32, usageInterval: UInt64? = nil, advice: LimitAdvice = LimitAdvice()) {
        self.advice = advice
        self.limits = limits
        self.cpuMillicores = UInt64(max(1, cpuMillicores))
        self.usageInterval = usageInterval
    }

    package var isFinished: Bool { state == .finished }
    package var isStarting: Bool { state == .starting }

    /// Whether nothing of the tree runs any more, so that an empty pipe is an ended one.
    package var isDraining: Bool {
        if case .draining = state { true } else { false }
    }

    /// Whether there is a tree that can be asked something.
    package var isAlive: Bool {
        switch state {
        case .running, .stopping, .ending: true
        case .starting, .draining, .finished: false
        }
    }

    /// As `RunSummary.state` says it.
    package var name: String {
        switch state {
        case .starting: "starting"
        case .running: "running"
        case .stopping: "stopping"
        case .ending, .draining, .finished: "ending"
        }
    }

    /// What to do when the launcher has been asked.
    package mutating func begin(now: UInt64) -> [Action] {
        wasAsked = true
        return [.arm(.launcher, at: now + Self.launcherPatience)]
    }

    package mutating func handle(_ event: Event, now: UInt64) -> [Action] {
        switch state {
        case .finished: return []
        case .starting: return whileStarting(event, now: now)
        case .running(let startedAt): return whileRunning(event, startedAt: startedAt, now: now)
        case .stopping(let decision, let killAt):
            return whileStopping(event, decision: decision, killAt: killAt, now: now)
        case .ending(let decision, let patientUntil):
            return whileEnding(event, decision: decision, patientUntil: patientUntil, now: now)
        case .draining(let report, let decision):
            return whileDraining(event, report: report, decision: decision, now: now)
        }
    }

    /// Before the launcher is asked there is nobody who could hear a signal. After that there may be: a start is told a moment
    /// later than it was, and whom the launcher has not begun it does not begin.
    private mutating func whileStarting(_ event: Event, now: UInt64) -> [Action] {
        switch event {
        case .started(let at): return begin(at: at)
        case .handedOver(let at):
            handedOverAt = at
            return firstTimers(startedAt: at)
        case .timer where handedOverAt != nil:
            // Whatever it is at, it is at it with its own CPU time. When it did begin may still come.
            return begin(at: handedOverAt ?? now) + handle(event, now: now)
        case .launchFailed(let failure): return finish(.notStarted(failure))
        case .refused(let error): return finish(.refused(error))
        case .exited(let report):
            // Its start was not told apart: it was over before anybody could be told.
            let announcement: [Action] = report.ending == .killed ? [] : [.announce]
            return announcement + drain(report, decision: nil)
        case .outputOverflow(let limit, let observed):
            return kill(outputDecision(limit, observed, now: now), now: now)
        case .cancel(let atOnce):
            let decision = Decision(reason: .cancelled, at: now)
            return atOnce || !wasAsked ? kill(decision, now: now) : stop(decision)
        case .clientGone:
            clientLeft = true
            let decision = Decision(reason: .clientGone, at: now)
            return wasAsked ? stop(decision) : kill(decision, now: now)
        case .launcherGone: return lose()
        case .timer(.launcher):
            // It may still start it: then it is killed at once.
            return [.kill] + finish(.notStarted(LaunchFailure(.handOver, errno: 110, "the launcher does not answer")))
        // It writes, so it has begun; since when is told later.
        case .output: return begin(at: now)
        case .drained, .timer, .sampleWanted, .sampled: return []
        }
    }

    private mutating func begin(at: UInt64) -> [Action] {
        state = .running(startedAt: at)
        lastOutput = at
        return [.announce] + firstTimers(startedAt: at)
    }

    private mutating func whileRunning(_ event: Event, startedAt: UInt64, now: UInt64) -> [Action] {
        switch event {
        case .exited(let report): return drain(report, decision: nil)
        case .started(let at):
            // After its first output, by which only so much was known: that it had begun.
            state = .running(startedAt: at)
            return firstTimers(startedAt: at)
        case .output:
            lastOutput = now
            return []
        case .outputOverflow(let limit, let observed):
            return kill(outputDecision(limit, observed, now: now), now: now)
        case .timer(.wall): return wallTimer(startedAt: startedAt, now: now)
        case .timer(.idle): return idleTimer(now: now)
        case .timer(.cpu), .sampleWanted: return sample()
        case .timer(.usage): return usageTimer(now: now)
        case .sampled(let usage): return publish(usage) + watchCPU(usage, now: now)
        case .cancel(let atOnce):
            let decision = Decision(reason: .cancelled, at: now)
            return atOnce ? kill(decision, now: now) : stop(decision)
        case .clientGone:
            clientLeft = true
            return stop(Decision(reason: .clientGone, at: now))
        case .launchFailed(let failure): return finish(.notStarted(failure))
        case .launcherGone: return lose()
        case .refused, .drained, .timer(.launcher), .timer(.grace), .handedOver: return []
        }
    }

    /// The first decision stays the reason, whatever happens in its grace. A client that leaves does not shorten it: the
    /// command is still putting its things in order.
    private mutating func whileStopping(
        _ event: Event, decision: Decision, killAt: UInt64, now: UInt64
    ) -> [Action] {
        switch event {
        case .exited(let report): return drain(report, decision: decision)
        case .timer(.grace):
            return now < killAt ? [.arm(.grace, at: killAt)] : kill(decision, now: now)
        case .outputOverflow, .cancel: return kill(decision, now: now)
        case .clientGone:
            clientLeft = true
            return []
        case .launchFailed: return finish(.ended(Outcome(decision, advice), nil))
        case .launcherGone: return lose()
        case .timer(.usage): return usageTimer(now: now)
        case .sampleWanted: return sample()
        case .sampled(let usage): return publish(usage)
        case .started, .handedOver, .refused, .output, .drained, .timer: return []
        }
    }

    private mutating func whileEnding(
        _ event: Event, decision: Decision, patientUntil: UInt64, now: UInt64
    ) -> [Action] {
        switch event {
        case .exited(let report): return drain(report, decision: decision)
        case .launchFailed, .refused: return finish(.ended(Outcome(decision, advice), nil))
        case .launcherGone: return lose()
        case .clientGone:
            clientLeft = true
            return []
        case .timer(.launcher):
            // Not the one that was set for the start.
            return now < patientUntil ? [] : finish(.ended(Outcome(decision, advice), nil))
        case .sampleWanted: return sample()
        case .sampled(let usage): return publish(usage)
        case .started, .handedOver, .output, .outputOverflow, .drained, .timer, .cancel: return []
        }
    }

    private mutating func whileDraining(
        _ event: Event, report: RunReport, decision: Decision?, now: UInt64
    ) -> [Action] {
        switch event {
        case .drained:
            return finish(.ended(Outcome(report, decision: decision, limits: limits, advice: advice), report))
        case .outputOverflow(let limit, let observed):
            // A command that has written too much has done so, whether or not it was faster than the kill: the same
            // command always gets the same answer.
            if decision == nil { state = .draining(report, outputDecision(limit, observed, now: now)) }
            return []
        case .cancel:
            // Whoever takes no output, or is told to wait no longer, gets the result without the rest.
            return finish(.ended(Outcome(report, decision: decision, limits: limits, advice: advice), report))
        case .clientGone:
            clientLeft = true
            return drain(report, decision: decision)
        case .started, .handedOver, .launchFailed, .refused, .exited, .output, .timer, .sampleWanted, .sampled,
            .launcherGone:
            return []
        }
    }

    // MARK: - Transitions

    private mutating func finish(_ verdict: Verdict) -> [Action] {
        state = .finished
        return [.deliver(verdict)]
    }

    /// Asks the tree to end where the limits give it a grace, and kills it where they do not.
    private mutating func stop(_ decision: Decision) -> [Action] {
        guard let grace = limits.graceMilliseconds, grace > 0 else { return kill(decision, now: decision.at) }
        let killAt = decision.at.adding(milliseconds: grace)
        var decision = decision
        decision.hadGrace = true
        state = .stopping(decision, killAt: killAt)
        return [.stop, .arm(.grace, at: killAt)]
    }

    private mutating func kill(_ decision: Decision, now: UInt64) -> [Action] {
        let patientUntil = now + Self.launcherPatience
        state = .ending(decision, patientUntil: patientUntil)
        return [.kill, .arm(.launcher, at: patientUntil)]
    }

    private mutating func lose() -> [Action] {
        finish(.ended(Outcome(reason: .lost, message: "the launcher died; how the command ended is not known"), nil))
    }

    private func outputDecision(_ limit: OutputLimit, _ observed: UInt64, now: UInt64) -> Decision {
        let bytes =
            switch limit {
            case .sum: limits.outputBytes
            case .stdout: limits.stdoutBytes
            case .stderr: limits.stderrBytes
            }
        return Decision(reason: .outputLimit, at: now, limit: bytes, observed: observed, output: limit)
    }

    /// With nobody left to read the output, the end need not wait for it.
    private mutating func drain(_ report: RunReport, decision: Decision?) -> [Action] {
        if clientLeft {
            return finish(.ended(Outcome(report, decision: decision, limits: limits, advice: advice), report))
        }
        state = .draining(report, decision)
        return []
    }

    // MARK: - Timers

    private mutating func firstTimers(startedAt: UInt64) -> [Action] {
        var actions: [Action] = []
        if let wall = limits.wallMilliseconds { actions.append(.arm(.wall, at: startedAt.adding(milliseconds: wall))) }
        if let idle = limits.idleMilliseconds { actions.append(.arm(.idle, at: startedAt.adding(milliseconds: idle))) }
        if let cpu = limits.cpuMilliseconds {
            actions.append(.arm(.cpu, at: startedAt.adding(milliseconds: fastest(cpu))))
        }
        if let usageInterval {
            nextUsage = startedAt.adding(milliseconds: usageInterval)
            actions.append(.arm(.usage, at: nextUsage))
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
        return stop(
            Decision(reason: .wallTimeout, at: now, limit: limit, observed: startedAt.milliseconds(until: now)))
    }

    private mutating func idleTimer(now: UInt64) -> [Action] {
        guard let limit = limits.idleMilliseconds else { return [] }
        let deadline = lastOutput.adding(milliseconds: limit)
        guard now >= deadline else { return [.arm(.idle, at: deadline)] }
        return stop(
            Decision(reason: .idleTimeout, at: now, limit: limit, observed: lastOutput.milliseconds(until: now)))
    }

    // MARK: - Samples

    /// One question at a time: every answer serves the CPU clock, the client's interval and whoever else asked.
    private mutating func sample() -> [Action] {
        guard !isSampling else { return [] }
        isSampling = true
        return [.sample]
    }

    /// Intervals are counted from the start, so that they do not drift; those that were missed are not made up for.
    private mutating func usageTimer(now: UInt64) -> [Action] {
        guard let usageInterval else { return [] }
        guard now >= nextUsage else { return [.arm(.usage, at: nextUsage)] }
        nextUsage = nextUsage.adding(milliseconds: usageInterval)
        if nextUsage <= now { nextUsage = now.adding(milliseconds: usageInterval) }
        usageIsDue = true
        return sample() + [.arm(.usage, at: nextUsage)]
    }

    private mutating func publish(_ usage: TreeUsage) -> [Action] {
        isSampling = false
        defer { usageIsDue = false }
        return usageIsDue ? [.publish(usage)] : []
    }

    /// The next look is when the limit can be reached at the earliest: a busy tree is sampled a few times near its end,
    /// an idle one once per limit.
    private mutating func watchCPU(_ usage: TreeUsage, now: UInt64) -> [Action] {
        guard let limit = limits.cpuMilliseconds,
            let user = usage.userMicroseconds, let system = usage.systemMicroseconds
        else { return [] }
        let used = (user &+ system) / 1000
        guard used < limit else {
            return stop(Decision(reason: .cpuTimeout, at: now, limit: limit, observed: used))
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
