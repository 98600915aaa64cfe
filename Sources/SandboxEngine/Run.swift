import Glibc
import LaunchPlan
import LinuxSystem
import Logging
package import NIOCore
package import SandboxModel
import SandboxPolicy

/// Which of a command's outputs.
package enum OutputKind: Sendable, Hashable, CaseIterable {
    case stdout, stderr
}

/// Who started a run and takes what comes out of it: a connection. Called on the loop.
package protocol RunOwner: AnyObject {
    /// Whether output can be taken now. When it becomes true again, the owner calls `Run.resumeOutput`.
    var takesOutput: Bool { get }
    func runStarted(channel: UInt32)
    /// The buffer has `outputHeadroom` free bytes in front of its reader index.
    func runWrote(channel: UInt32, _ kind: OutputKind, _ bytes: ByteBuffer)
    /// Moves output out of its pipe itself, if it can do so now, all of it or a beginning. What it leaves alone is read, and
    /// handed over by `runWrote`.
    func runOffers(channel: UInt32, _ kind: OutputKind, pipe: Int32, count: Int) -> OutputOffer
    /// So many bytes of output are not carried: they belong between what came before and what follows.
    func runOmitted(channel: UInt32, _ kind: OutputKind, bytes: UInt64)
    /// What the run has used, at the interval that its request asked for. Only while `takesOutput`.
    func runUsed(channel: UInt32, _ usage: UsageSample)
    /// So many bytes of standard input are no longer held here.
    func runTook(channel: UInt32, inputBytes: Int)
    /// The end, once, after the last output.
    func runEnded(channel: UInt32, _ end: Result<RunResult, ServiceError>)
}

/// What becomes of output that could be moved out of its pipe without reading it.
package enum OutputOffer {
    case moved(Int)
    /// It is to be read.
    case refused
    /// Neither, until `Run.resumeOutput`.
    case notNow
}

/// One run: the state machine, its streams and timers, and the client's side of it. Confined to the loop.
package final class Run {
    /// Bytes of standard input that a client may send ahead of the command's reading.
    package static let stdinWindow = 256 << 10

    package let id: String
    package let channel: UInt32
    let number: UInt64
    let client: Client
    let plan: LaunchRequest
    let policy: Policy
    let compiled: CompiledPolicy
    let limits: Limits
    private(set) var stamps: StartStamps
    private let isTraced: Bool
    private let loop: any EventLoop
    private let launcher: LauncherLink
    private(set) weak var owner: (any RunOwner)?
    /// Called once, with the end, before the owner hears of it: the engine forgets the run.
    var onEnd: (RunMachine.Verdict) -> Void = { _ in }
    /// Called once, after the owner has heard of it: what nobody waits for.
    var onTold: (RunMachine.Verdict, Result<RunResult, ServiceError>) -> Void = { _, _ in }
    /// Called when the launcher has been asked, with when it should have answered.
    var onSent: (UInt64) -> Void = { _ in }
    /// Names of what its policy promises and it lacks, which its request accepts; `nil` for nothing.
    var weaker: [String]?
    /// Asks the whole tree to end.
    var onStop: () -> Void = {}
    /// Ends the whole tree, or what has not become one yet.
    var onKill: () -> Void = {}

    private(set) var machine: RunMachine
    private let stdin: InputStream?
    private let terminal: OutputStream?
    let output: RunOutput
    private var timers: [RunMachine.Clock: Scheduled<Void>] = [:]
    private var inputLeft = Run.stdinWindow
    /// Bytes that the client may send, and those that are kept here for it.
    var inputRoom: Int { inputLeft }
    var storedInputBytes: Int { stdin?.storedBytes ?? 0 }
    /// What the launcher said last about the tree.
    private(set) var lastSample: (usage: TreeUsage, at: UInt64)?
    private var isAnnounced = false
    /// Who cancelled it, or why.
    private var cancellation: String?
    /// Called when there is a newer one, or none to come.
    var sampleWaiters: [() -> Void] = []

    init(
        id: String, channel: UInt32, client: Client, plan: LaunchRequest, policy: Policy,
        compiled: CompiledPolicy, limits: Limits, request: RunRequest, window: UInt32?, stamps: StartStamps,
        streams: RunStreams, owner: any RunOwner,
        engine: Engine
    ) {
        self.id = id
        number = plan.run
        self.channel = channel
        self.client = client
        self.plan = plan
        self.policy = policy
        self.compiled = compiled
        self.limits = limits
        self.stamps = stamps
        isTraced = request.trace
        self.owner = owner
        loop = engine.loop
        launcher = engine.launcher
        stdin = streams.stdin
        terminal = plan.terminal ? streams.stdout : nil
        output = RunOutput(streams, limits: limits, keep: request.keep, window: window)
        machine = RunMachine(
            limits: limits, cpuMillicores: plan.limits.cpuMillicores,
            usageInterval: request.usageIntervalMilliseconds, advice: LimitAdvice(policy, inForce: limits))
        connectStreams()
    }

    // MARK: - What the client asks

    /// Ends the run. The command has the grace of its limits, unless `now` or this is the second time.
    ///
    /// - Parameter cause: after "the run was cancelled ": "by its client". The first one is told.
    package func cancel(now: Bool, _ cause: String = "by its client") {
        cancellation = cancellation ?? cause
        handle(.cancel(now: now))
    }

    /// The client's connection is gone: nobody takes the rest, and nobody needs it.
    package func abandon() {
        owner = nil
        stdin?.close()
        output.abandon()
        handle(.clientGone)
    }

    package func signal(_ number: Int32) throws(ServiceError) {
        try RequestValidation.checkSignal(number)
        // A start is told a moment later than it was. A launcher that is behind has no time for it.
        guard machine.isAlive || machine.isStarting, !launcher.isCongested else { return }
        launcher.send(.signal(run: self.number, signal: number))
    }

    package func resize(_ size: TerminalSize) throws(ServiceError) {
        guard plan.terminal else { throw ServiceError(.invalidRequest, "run \(id) has no terminal") }
        guard let master = terminal?.descriptor, master >= 0 else { return }
        do throws(SystemError) {
            try Terminal.resize(master, columns: size.columns, rows: size.rows)
        } catch {
            throw ServiceError(.invalidRequest, "\(error)")
        }
    }

    /// The client is ready for so many bytes more.
    package func grant(_ bytes: UInt32) { output.grant(bytes) }

    /// Reads on, after the owner can take output again.
    package func resumeOutput() { output.resume() }

    /// Bytes for standard input; empty is its end. Returns `false` when the client has sent more than its window.
    package func write(_ bytes: ByteBuffer) -> Bool {
        let count = bytes.readableBytes
        guard count <= inputLeft else { return false }
        guard count > 0 else {
            stdin?.end()
            return true
        }
        inputLeft -= count
        if let stdin { stdin.write(bytes) } else { took(count) }
        return true
    }

    /// Moves bytes for standard input out of a socket, and says how many: 0 where they must be read.
    package func moveInput(from socket: Int32, _ count: Int) -> Int {
        guard let stdin, inputLeft > 0 else { return 0 }
        let moved = stdin.move(from: socket, min(count, inputLeft))
        inputLeft -= moved
        took(moved)
        return moved
    }

    // MARK: - What happens

    /// The launcher has been asked.
    func wasSent(at now: UInt64) {
        stamps.sentAt = now
        for action in machine.begin(now: now) { perform(action) }
    }

    /// The command was executed.
    func started(at: UInt64, _ launcher: LaunchStamps?) {
        stamps.launcher = launcher
        handle(.started(at: at))
    }

    func handle(_ event: RunMachine.Event) {
        switch event {
        case .timer(.idle): if output.hasUnread { handle(.output) }
        case .started(let at): stamps.startedAt = at
        case .sampled(let usage): lastSample = (usage, monotonicNanoseconds())
        case .exited(let report):
            lastSample = (report.usage, report.endedAt)
            stamps.launcher = stamps.launcher ?? report.stamps
            if report.ending != .killed { stamps.startedAt = stamps.startedAt ?? report.startedAt }
        default: break
        }
        for action in machine.handle(event, now: monotonicNanoseconds()) { perform(action) }
        switch event {
        case .sampled: answerSampleWaiters()
        case .exited:
            answerSampleWaiters()
            if machine.isDraining { drain() }
        default: break
        }
    }

    private func perform(_ action: RunMachine.Action) {
        switch action {
        case .announce:
            announce()
            // Of a run that is over nothing more is to come.
            if !machine.isDraining { output.start() }
        case .stop: onStop()
        case .kill: onKill()
        case .sample: launcher.send(.sample(run: number))
        case .publish:
            // A client that does not read misses a sample; the next one says more.
            if let owner, owner.takesOutput { owner.runUsed(channel: channel, usageSample) }
        case .arm(.launcher, let at) where machine.isStarting: onSent(at)
        case .arm(let clock, let at):
            timers[clock]?.cancel()
            timers[clock] = loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(min(at, .max / 4))) {
                [weak self] in self?.handle(.timer(clock))
            }
        case .deliver(let verdict): deliver(verdict)
        }
    }

    /// Before anything that the command wrote: of a run that was ended at once, nobody has said that it began.
    private func announce() {
        guard !isAnnounced else { return }
        isAnnounced = true
        owner?.runStarted(channel: channel)
    }

    private func deliver(_ verdict: RunMachine.Verdict) {
        for timer in timers.values { timer.cancel() }
        timers = [:]
        // Before it lets go of what it has read.
        let end = end(verdict)
        onEnd(verdict)
        answerSampleWaiters()
        owner?.runEnded(channel: channel, end)
        owner = nil
        stdin?.close()
        output.close()
        onTold(verdict, end)
    }

    private func end(_ verdict: RunMachine.Verdict) -> Result<RunResult, ServiceError> {
        switch verdict {
        case .ended(let outcome, let report): .success(result(outcome, report))
        case .notStarted(let failure): end(failure)
        case .refused(let error): .failure(error)
        }
    }

    /// A command that the sandbox would not execute was denied; all else that fails before the start is an error.
    private func end(_ failure: LaunchFailure) -> Result<RunResult, ServiceError> {
        guard failure.stage == .commandExecute, failure.errno == EACCES,
            failure.denials.contains(where: { $0.kind == .execution })
        else { return .failure(ServiceError(failure, request: plan)) }
        let denials = failure.denials.map(policy.denial)
        let refused = denials.last { $0.kind == .exec }
        let message = "policy '\(plan.policy)' (\(refused?.rule ?? "")) refused to execute \(refused?.subject ?? "")"
        return .success(
            RunResult(
                id: id, policy: plan.policy, backend: compiled.backend,
                outcome: Outcome(reason: .denied, message: message), limits: limits,
                denials: denials, trace: trace, weaker: weaker))
    }

    private func result(_ outcome: Outcome, _ report: RunReport?) -> RunResult {
        var usage = report.map { Usage($0) } ?? Usage()
        (usage.stdoutBytes, usage.stdoutTruncated) = output.report(.stdout)
        (usage.stderrBytes, usage.stderrTruncated) = output.report(.stderr)
        let sentAt = stamps.sentAt ?? 0
        usage.queueMilliseconds = stamps.arrivedAt.fractionalMilliseconds(until: sentAt)
        usage.startMilliseconds = stamps.startedAt.map { sentAt.fractionalMilliseconds(until: $0) }
        var outcome = outcome
        if let report, weaker?.contains(Weakness.cpuTime.name) == true {
            outcome.takeProcessLimit(report, limits: limits, advice: LimitAdvice(policy, inForce: limits))
        }
        let cancelled = "the run was cancelled"
        if outcome.reason == .cancelled, let cancellation, outcome.message.hasPrefix(cancelled) {
            outcome.message = "\(cancelled) \(cancellation)" + outcome.message.dropFirst(cancelled.count)
        }
        let hits = report.map { LimitHit.list($0, limits: limits, policy: compiled) } ?? []
        return RunResult(
            id: id, policy: plan.policy, backend: compiled.backend, outcome: outcome, usage: usage, limits: limits,
            limitsHit: hits,
            denials: report?.denials.map(policy.denial) ?? [], trace: trace, weaker: weaker)
    }

    private var trace: StartTrace? { isTraced ? stamps.trace : nil }

    // MARK: - Streams

    private func connectStreams() {
        stdin?.onTaken = { [weak self] count in self?.took(count) }
        output.isOpen = { [weak self] in self?.hasBegun() ?? false }
        output.takesOutput = { [weak self] in self?.owner?.takesOutput ?? false }
        output.onBytes = { [weak self] kind, bytes in
            guard let self else { return }
            announce()
            owner?.runWrote(channel: channel, kind, bytes)
        }
        output.onOffer = { [weak self] kind, pipe, count in
            guard let self, let owner else { return .refused }
            announce()
            return owner.runOffers(channel: channel, kind, pipe: pipe, count: count)
        }
        output.onOmission = { [weak self] kind, bytes in
            guard let self else { return }
            announce()
            owner?.runOmitted(channel: channel, kind, bytes: bytes)
        }
        output.onActivity = { [weak self] in self?.handle(.output) }
        output.onExcess = { [weak self] limit, observed in self?.handle(.outputOverflow(limit, observed: observed)) }
        output.onDone = { [weak self] in self?.endIfDrained() }
    }

    /// What it writes is the first word of many a command: a start that nobody waits for is told some milliseconds late.
    func watchForOutput() {
        if machine.isStarting { output.start() }
    }

    private func hasBegun() -> Bool {
        if machine.isStarting, output.hasUnread { handle(.output) }
        return !machine.isStarting
    }

    private func took(_ count: Int) {
        let returned = min(count, Self.stdinWindow - inputLeft)
        guard returned > 0 else { return }
        inputLeft += returned
        owner?.runTook(channel: channel, inputBytes: returned)
    }

    /// The result waits for the last output, and so for a client that takes it: in this and nothing else the time of the
    /// end is the client's.
    private func drain() {
        stdin?.close()
        output.writersAreGone()
        endIfDrained()
    }

    private func endIfDrained() {
        if machine.isDraining, output.isDone { handle(.drained) }
    }
}

extension UInt64 {
    /// Milliseconds, to the microsecond, from here to a later time.
    fileprivate func fractionalMilliseconds(until later: UInt64) -> Double {
        later > self ? Double((later - self) / 1000) / 1000 : 0
    }
}
