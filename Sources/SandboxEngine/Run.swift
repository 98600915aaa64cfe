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
    /// So many bytes of standard input are no longer held here.
    func runTook(channel: UInt32, inputBytes: Int)
    /// The end, once, after the last output.
    func runEnded(channel: UInt32, _ end: Result<RunResult, ServiceError>)
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
    let limits: Limits
    let arrivedAt: UInt64
    private let loop: any EventLoop
    private let launcher: LauncherLink
    private(set) weak var owner: (any RunOwner)?
    /// Called once, with the end, before the owner hears of it: the engine forgets the run.
    var onEnd: (RunMachine.Verdict) -> Void = { _ in }
    /// Ends the whole tree, or what has not become one yet.
    var onKill: () -> Void = {}

    private(set) var machine: RunMachine
    private var streams: RunStreams
    private var timers: [RunMachine.Clock: Scheduled<Void>] = [:]
    private var sentAt: UInt64 = 0
    private var startedAt: UInt64?
    /// Output bytes that the client is ready for; `nil` when its connection's flow control is all there is.
    private var credit: UInt64?
    private var inputLeft = Run.stdinWindow
    private var observedOutput: UInt64 = 0
    private var discards = false

    init(
        id: String, number: UInt64, channel: UInt32, client: Client, plan: LaunchRequest, policy: Policy,
        limits: Limits, window: UInt32?, arrivedAt: UInt64, streams: RunStreams, owner: any RunOwner, engine: Engine
    ) {
        self.id = id
        self.number = number
        self.channel = channel
        self.client = client
        self.plan = plan
        self.policy = policy
        self.limits = limits
        self.arrivedAt = arrivedAt
        self.streams = streams
        self.owner = owner
        loop = engine.loop
        launcher = engine.launcher
        credit = window.map(UInt64.init)
        machine = RunMachine(limits: limits, cpuMillicores: plan.limits.cpuMillicores)
        connectStreams()
    }

    // MARK: - What the client asks

    package func cancel() { handle(.cancel) }

    /// The client's connection is gone: nobody takes the rest, and nobody needs it.
    package func abandon() {
        owner = nil
        streams.close()
        handle(.clientGone)
    }

    package func signal(_ number: Int32) throws(ServiceError) {
        try RequestValidation.checkSignal(number)
        // Before the start there is no process to get it, and a launcher that is behind has no time for it.
        guard machine.name == "running", !launcher.isCongested else { return }
        launcher.send(.signal(run: self.number, signal: number))
    }

    package func resize(_ size: TerminalSize) throws(ServiceError) {
        guard plan.terminal else { throw ServiceError(.invalidRequest, "run \(id) has no terminal") }
        guard let master = streams.stdout?.descriptor, master >= 0 else { return }
        do throws(SystemError) {
            try Terminal.resize(master, columns: size.columns, rows: size.rows)
        } catch {
            throw ServiceError(.invalidRequest, "\(error)")
        }
    }

    /// The client is ready for so many bytes more.
    package func grant(_ bytes: UInt32) {
        guard let credit else { return }
        self.credit = min(credit + UInt64(bytes), UInt64(UInt32.max))
        resumeOutput()
    }

    /// Bytes for standard input; empty is its end. Returns `false` when the client has sent more than its window.
    package func write(_ bytes: ByteBuffer) -> Bool {
        let count = bytes.readableBytes
        guard count <= inputLeft else { return false }
        guard count > 0 else {
            streams.stdin?.end()
            return true
        }
        inputLeft -= count
        if let stdin = streams.stdin { stdin.write(bytes) } else { took(count) }
        return true
    }

    /// Reads on, after credit came or the owner can take output again.
    package func resumeOutput() {
        streams.stdout?.resume()
        streams.stderr?.resume()
    }

    // MARK: - What happens

    /// The launcher has been asked.
    func wasSent() {
        sentAt = monotonicNanoseconds()
        for action in machine.begin(now: sentAt) { perform(action) }
    }

    func handle(_ event: RunMachine.Event) {
        if case .started(let at) = event { startedAt = at }
        for action in machine.handle(event, now: monotonicNanoseconds()) { perform(action) }
        if case .exited = event, machine.isDraining { drain() }
    }

    private func perform(_ action: RunMachine.Action) {
        switch action {
        case .announce:
            owner?.runStarted(channel: channel)
            streams.stdout?.start()
            streams.stderr?.start()
        case .kill: onKill()
        case .sample: launcher.send(.sample(run: number))
        case .arm(let clock, let at):
            timers[clock] = loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(min(at, .max / 4))) {
                [weak self] in self?.handle(.timer(clock))
            }
        case .deliver(let verdict): deliver(verdict)
        }
    }

    private func deliver(_ verdict: RunMachine.Verdict) {
        for timer in timers.values { timer.cancel() }
        timers = [:]
        streams.close()
        onEnd(verdict)
        switch verdict {
        case .ended(let outcome, let report):
            owner?.runEnded(channel: channel, .success(result(outcome, report)))
        case .notStarted(let failure):
            owner?.runEnded(channel: channel, end(failure))
        case .refused(let error): owner?.runEnded(channel: channel, .failure(error))
        }
        owner = nil
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
                id: id, policy: plan.policy, outcome: Outcome(reason: .denied, message: message), limits: limits,
                denials: denials))
    }

    private func result(_ outcome: Outcome, _ report: RunReport?) -> RunResult {
        var usage = report.map { Usage($0) } ?? Usage()
        usage.stdoutBytes = streams.stdout?.forwarded ?? 0
        usage.stderrBytes = streams.stderr?.forwarded ?? 0
        usage.stdoutTruncated = streams.stdout?.truncated ?? false
        usage.stderrTruncated = streams.stderr?.truncated ?? false
        usage.queueMilliseconds = arrivedAt.fractionalMilliseconds(until: sentAt)
        usage.startMilliseconds = startedAt.map { sentAt.fractionalMilliseconds(until: $0) }
        let hits = report.map { LimitHit.list($0.usage, limits: limits) } ?? []
        return RunResult(
            id: id, policy: plan.policy, outcome: outcome, usage: usage, limits: limits, limitsHit: hits,
            denials: report?.denials.map(policy.denial) ?? [])
    }

    // MARK: - Streams

    private func connectStreams() {
        streams.stdin?.onTaken = { [weak self] count in self?.took(count) }
        for (kind, stream) in [(OutputKind.stdout, streams.stdout), (.stderr, streams.stderr)] {
            guard let stream else { continue }
            stream.demand = { [weak self] in self?.demand() ?? .none }
            stream.onBytes = { [weak self, unowned stream] bytes in self?.forward(kind, stream, bytes) }
            stream.onDiscard = { [unowned stream] _ in stream.truncated = true }
            stream.onEnd = { [weak self] in self?.streamEnded() }
        }
    }

    private func demand() -> OutputStream.Demand {
        // The client hears of the start before it gets output, though the pipes may be faster than the launcher.
        if machine.name == "starting" { return .none }
        if discards { return .discard }
        guard let owner, owner.takesOutput else { return .none }
        guard let credit else { return .bytes(.max) }
        return credit == 0 ? .none : .bytes(Int(credit))
    }

    private func forward(_ kind: OutputKind, _ stream: OutputStream, _ bytes: ByteBuffer) {
        var bytes = bytes
        let before = observedOutput
        observedOutput += UInt64(bytes.readableBytes)
        handle(.output)
        let limit = limits.outputBytes ?? .max
        let overflows = observedOutput > limit
        if overflows {
            stream.truncated = true
            discards = true
            bytes.moveWriterIndex(to: bytes.readerIndex + Int(limit - min(before, limit)))
        }
        let count = UInt64(bytes.readableBytes)
        if let credit { self.credit = credit - min(credit, count) }
        stream.forwarded += count
        if count > 0 { owner?.runWrote(channel: channel, kind, bytes) }
        if overflows { handle(.outputOverflow(observed: observedOutput)) }
    }

    private func took(_ count: Int) {
        let returned = min(count, Self.stdinWindow - inputLeft)
        guard returned > 0 else { return }
        inputLeft += returned
        owner?.runTook(channel: channel, inputBytes: returned)
    }

    private func drain() {
        streams.stdin?.close()
        streams.stdout?.writersAreGone = true
        streams.stderr?.writersAreGone = true
        resumeOutput()
        streamEnded()
    }

    private func streamEnded() {
        guard machine.isDraining, streams.stdout?.hasEnded ?? true, streams.stderr?.hasEnded ?? true else { return }
        handle(.drained)
    }
}

extension UInt64 {
    /// Milliseconds, to the microsecond, from here to a later time.
    fileprivate func fractionalMilliseconds(until later: UInt64) -> Double {
        later > self ? Double((later - self) / 1000) / 1000 : 0
    }
}
