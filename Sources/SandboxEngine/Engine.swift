package import LaunchPlan
package import LinuxSystem
package import Logging
package import NIOCore
package import SandboxModel
package import SandboxPolicy

/// A connected client, as the kernel named it when it connected.
package final class Client {
    package let peer: PeerIdentity
    let number: UInt32
    var runs = 0
    var hasLeft = false
    /// Answers that wait for the launcher.
    var questions = 0

    init(number: UInt32, peer: PeerIdentity) {
        self.number = number
        self.peer = peer
    }
}

/// How many of everything the daemon serves at once.
package struct EngineLimits: Sendable {
    package var runs = 1024
    package var connections = 256
    package var runsPerConnection = 64
    /// One user's share of both: the others are served whatever one does.
    package var runsPerUser = 256
    package var connectionsPerUser = 64
    /// Bytes of output that runs may ask to have kept for its end (`OutputKeep`), and one user's share.
    package var tailBytes = 256 << 20
    package var tailBytesPerUser = 64 << 20
    /// How long a policy's probe may take.
    package var probeNanoseconds = ProbeRun.deadline
    /// How long an answer with what runs use may wait for the launcher: a healthy one needs a millisecond.
    package var sampleNanoseconds: UInt64 = 5_000_000_000

    package init() {}
}

/// All runs: takes requests, asks the launcher, and routes what the launcher says. Confined to the loop.
package final class Engine {
    package let loop: any EventLoop
    /// Those in force; a reload replaces them.
    package internal(set) var policies: PolicySet
    /// As the launcher counts them.
    var generation: UInt32 = 0
    var reloading: Reloading?
    /// Makes policies of what root has read. `nil`: this daemon's policies are for its life.
    package var readPolicies: (@Sendable (PolicyTexts) throws -> PolicySet)?
    /// Called when a reload begins, and when it has ended, however.
    package var onReload: (_ isUnderWay: Bool) -> Void = { _ in }
    /// Called when sandboxd and its launcher have come apart, and only a restart can help.
    package var onDisagreement: (_ reason: String) -> Void = { _ in }
    let launcher: LauncherLink
    let monitor: ReadinessMonitor
    package let afterwards: Afterwards
    let metrics = RunMetrics()
    let pipes: PipeReserve
    /// What the launcher found on the host. Not known before it has said so, which is before there is a client.
    package var resources: ResourceControl { didSet { verifier.host.take(resources) } }
    /// Why a daemon that is not root has no group for its sandboxes, where that is known.
    package var groupAbsence: String?
    let log: Logger
    let limits: EngineLimits
    var runs: [UInt64: Run] = [:]
    /// Runs that wait for their policy's probe.
    var held: [UInt64: HeldLaunch] = [:]
    /// Questions about runs, policies and the host: 200 at once, and as many each second.
    var questions = UserQuota(burst: 200, interval: 5_000_000)
    /// Refusals that get a record each: 100 of one user at once, and 20 a second. The others are counted.
    var refusals = UserQuota(burst: 100, interval: 50_000_000)
    /// How many were, of each user, since the last one that got a record.
    var unrecorded: [UInt32: UInt64] = [:]
    /// Which policies are served, and why the others are not.
    package let verifier: PolicyVerifier
    var numbers: [String: UInt64] = [:]
    /// Who waits to hear of the launcher's pool.
    var inquiry = PoolInquiry()
    private var clients: [UInt32: Client] = [:]
    private var nextRun: UInt64 = 1
    private var nextClient: UInt32 = 1
    var isDraining = false
    /// The next look at runs that are starting.
    private var startCheck: Scheduled<Void>?
    var compiled: [String: CompiledPolicy] = [:]

    /// Called with what the launcher says of the policies that it was told and of its host.
    package var onStartUpAnswer: ((LauncherEvent) -> Void)?
    /// Called when the launcher is gone and every run has ended as `lost`.
    package var onLauncherGone: () -> Void = {}
    /// Called when the last run has ended while the engine is draining.
    package var onDrained: () -> Void = {}

    package init(
        loop: any EventLoop, policies: PolicySet, launcher: LauncherLink, resources: ResourceControl,
        limits: EngineLimits = EngineLimits(), log: Logger
    ) throws(SystemError) {
        self.loop = loop
        self.policies = policies
        self.launcher = launcher
        self.resources = resources
        self.limits = limits
        self.log = log
        monitor = try ReadinessMonitor(loop: loop)
        afterwards = Afterwards(loop: loop)
        pipes = PipeReserve(afterwards)
        verifier = PolicyVerifier(
            policies: policies, loop: loop, launcher: launcher, monitor: monitor, log: log,
            deadline: limits.probeNanoseconds)
        for name in policies.names { compiled[name] = policies[name]?.compiled() }
        launcher.onEvent = { [weak self] event in self?.received(event) }
        launcher.onEnd = { [weak self] reason in self?.launcherEnded(reason) }
        try launcher.start()
    }

    package var runCount: Int { runs.count }

    // MARK: - Clients

    /// Admits the peer of a connected socket, which stays the caller's.
    package func admit(socket: Int32) throws(ServiceError) -> Client {
        guard clients.count < limits.connections else { throw overloaded("connections", limits.connections) }
        let peer: PeerIdentity
        do throws(SystemError) {
            peer = try PeerIdentity(ofPeerAt: socket)
        } catch {
            throw ServiceError(.overloaded, "\(error)", category: .temporary)
        }
        guard !SandboxIdentities.contains(peer.uid) else {
            throw ServiceError(.denied, "this connection comes from inside a sandbox, which is served nothing")
        }
        guard clients.values.count(where: { $0.peer.uid == peer.uid }) < limits.connectionsPerUser else {
            throw overloaded("connections of one user", limits.connectionsPerUser)
        }
        let copy: Int32
        do throws(SystemError) {
            copy = try duplicateDescriptor(socket).release()
        } catch {
            throw ServiceError(.overloaded, "\(error)", category: .temporary)
        }
        while clients[nextClient] != nil || nextClient == 0 { nextClient &+= 1 }
        let client = Client(number: nextClient, peer: peer)
        nextClient &+= 1
        clients[client.number] = client
        launcher.send(.admit(client: client.number), descriptors: [copy])
        return client
    }

    /// The client's connection has ended. Its runs must have been abandoned before.
    package func leave(_ client: Client) {
        client.hasLeft = true
        dismissIfDone(client)
    }

    private func dismissIfDone(_ client: Client) {
        guard client.hasLeft, client.runs == 0, clients.removeValue(forKey: client.number) != nil else { return }
        launcher.send(.dismiss(client: client.number))
    }

    // MARK: - Requests

    /// What became of a request that was not an error.
    package enum Started {
        case running(Run)
        /// The policy refused it.
        case denied(RunResult)
    }

    /// Checks a request and asks the launcher for it. Every argument is untrusted.
    ///
    /// - Parameter readAt: when its frame was read; CLOCK_MONOTONIC, nanoseconds.
    package func start(
        _ request: RunRequest, channel: UInt32, window: UInt32?, client: Client, owner: any RunOwner,
        readAt: UInt64? = nil
    ) throws(ServiceError) -> Started {
        let stamps = StartStamps(readAt: readAt, arrivedAt: monotonicNanoseconds())
        let trace = request.trace ? stamps.trace : nil
        try checkCapacity(client)
        try RequestValidation.check(request)
        try checkTails(request, client)
        let name = request.policy ?? "default"
        guard let policy = policies[name], let compiled = compiled[name] else {
            throw unknownPolicy(name, for: client)
        }
        let id = runIdentifier()
        // First of all: whoever may not use a policy learns nothing of it.
        if let denial = policy.refusal(client.peer) {
            return .denied(refused(by: denial, id: id, policy: name, limits: Limits(), trace, client))
        }
        if let refusal = verifier.refusal(of: name) { throw refusal }
        let inForce = try policy.narrowed(by: request.limits, workspaceInMemory: request.workspace == nil)
        var environment: [String]
        switch judge(request, policy) {
        case .success(let allowed): environment = allowed
        case .failure(let refusal):
            return .denied(refused(by: refusal.denial, id: id, policy: name, limits: inForce, trace, client))
        }
        let weaker = try weaknesses(of: request, limits: inForce, policy: name)
        // A terminal that nobody has described would be a dumb one; this is what nearly every emulator understands.
        if request.terminal != nil, !environment.contains(where: { $0.hasPrefix("TERM=") }) {
            environment.append("TERM=xterm-256color")
        }
        try RequestValidation.checkLength(argv: request.argv, environment: environment)
        #if SANDBOX_FAULTS
            Fault.reach(.validated)
        #endif
        let plan = LaunchRequest(
            run: nextRun, policy: name, client: client.number, workspace: request.workspace,
            cwd: request.cwd ?? ".", argv: request.argv, environment: environment,
            limits: LaunchLimits(inForce, maximum: compiled.maximum), terminal: request.terminal != nil,
            generation: generation, id: compiled.container == nil ? "" : id)
        nextRun += 1
        let run = try launch(
            plan, request, policy, compiled, inForce, id: id, channel, window, client, owner, stamps)
        run.weaker = weaker
        return .running(run)
    }

    private func refused(
        by denial: Denial, id: String, policy: String, limits: Limits, _ trace: StartTrace?, _ client: Client
    ) -> RunResult {
        noteRefusal(by: denial, id: id, policy: policy, client)
        let message = "policy '\(policy)' (\(denial.rule)) refused \(denial.subject.shown)"
        return RunResult(
            id: id, policy: policy, backend: compiled[policy]?.backend ?? "native",
            outcome: Outcome(reason: .denied, message: message), limits: limits, denials: [denial], trace: trace)
    }

    private func launch(
        _ plan: LaunchRequest, _ request: RunRequest, _ policy: Policy, _ compiled: CompiledPolicy,
        _ inForce: Limits, id: String, _ channel: UInt32, _ window: UInt32?, _ client: Client,
        _ owner: any RunOwner, _ stamps: StartStamps
    ) throws(ServiceError) -> Run {
        let streams: RunStreams
        let descriptors: [Int32]
        do throws(SystemError) {
            (streams, descriptors) = try RunStreams.create(
                request, loop: loop, monitor: monitor, reserve: pipes)
        } catch {
            throw ServiceError(.overloaded, "\(error)", category: .temporary, retryAfterMilliseconds: 100)
        }
        #if SANDBOX_FAULTS
            Fault.reach(.pipesMade)
        #endif
        // The launcher first: all that follows is done while that has the request already.
        let launch = HeldLaunch(plan: plan, descriptors: descriptors)
        let sentAt = isServed(plan.policy) ? sendNow(launch) : nil
        let run = Run(
            id: id, channel: channel, client: client, plan: plan, policy: policy, compiled: compiled,
            limits: inForce, request: request, window: window, stamps: stamps, streams: streams, owner: owner,
            engine: self)
        run.onEnd = { [weak self, unowned run] verdict in self?.ended(run, verdict) }
        run.onTold = { [weak self, unowned run] verdict, told in
            guard let self else { return }
            // Strongly, from here on.
            let run = run
            afterwards.add { [weak self] in self?.record(run, verdict, told) }
        }
        run.onSent = { [weak self] in self?.checkStarts(at: $0) }
        run.onStop = { [weak self] in self?.launcher.send(.stop(run: plan.run)) }
        run.onKill = { [weak self] in self?.kill(plan.run) }
        runs[plan.run] = run
        numbers[id] = plan.run
        client.runs += 1
        if let sentAt { run.wasSent(at: sentAt) } else { hold(run, launch) }
        pipes.refillSoon()
        afterwards.add { [weak run] in run?.watchForOutput() }
        return run
    }

    private func checkCapacity(_ client: Client) throws(ServiceError) {
        if isDraining { throw .stopping }
        guard client.runs < limits.runsPerConnection else {
            throw overloaded("runs on this connection", limits.runsPerConnection)
        }
        let user = client.peer.uid
        guard clients.values.reduce(0, { $0 + ($1.peer.uid == user ? $1.runs : 0) }) < limits.runsPerUser else {
            throw overloaded("runs of one user", limits.runsPerUser)
        }
        guard runs.count < limits.runs, !launcher.isCongested else { throw overloaded("runs", limits.runs) }
    }

    /// What runs keep of their output for its end is held here: each user has a share of it, as of everything.
    private func checkTails(_ request: RunRequest, _ client: Client) throws(ServiceError) {
        guard let keep = request.keep else { return }
        let user = client.peer.uid
        var (all, users) = (keep.tailBytes, keep.tailBytes)
        for run in runs.values where run.output.tailCapacity > 0 {
            all += run.output.tailCapacity
            if run.client.peer.uid == user { users += run.output.tailCapacity }
        }
        guard users <= limits.tailBytesPerUser else {
            throw overloaded("bytes of output kept for the end, of one user", limits.tailBytesPerUser)
        }
        guard all <= limits.tailBytes else { throw overloaded("bytes of output kept for the end", limits.tailBytes) }
    }

    private func overloaded(_ what: String, _ most: Int) -> ServiceError {
        ServiceError(
            .overloaded, "the maximum of \(most) \(what) is reached", category: .temporary,
            retryAfterMilliseconds: 100)
    }

    private struct Refusal: Error {
        var denial: Denial
    }

    /// The command's whole environment, or what the policy refuses: the command first, then a variable.
    private func judge(_ request: RunRequest, _ policy: Policy) -> Result<[String], Refusal> {
        if case .denied(let denial) = policy.judge(argv: request.argv) {
            return .failure(Refusal(denial: denial))
        }
        do throws(EnvironmentRefusal) {
            return .success(try policy.environment(requested: request.environment))
        } catch {
            return .failure(Refusal(denial: error.denial))
        }
    }

    /// One look for all: nearly every run has started long before its launcher's patience ends.
    private func checkStarts(at time: UInt64) {
        guard startCheck == nil else { return }
        startCheck = loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(time)) { [weak self] in
            self?.startCheck = nil
            self?.checkStarts()
        }
    }

    private func checkStarts() {
        let now = monotonicNanoseconds()
        var next: UInt64?
        for run in Array(runs.values) where run.machine.isStarting {
            guard let due = run.stamps.sentAt.map({ $0 + RunMachine.launcherPatience }) else { continue }
            if due <= now { run.handle(.timer(.launcher)) } else { next = min(next ?? .max, due) }
        }
        if let next { checkStarts(at: next) }
    }

    // MARK: - The end

    /// Lets go of the launcher and of the watching thread.
    package func stop() {
        afterwards.doAll()
        launcher.stop()
        monitor.stop()
    }

    private func received(_ event: LauncherEvent) {
        if let run = event.run, verifier.handle(event, run: run) { return }
        #if SANDBOX_FAULTS
            reach(event)
        #endif
        switch event {
        case .started(let number, let at, let stamps): runs[number]?.started(at: at, stamps)
        case .handedOver(let number, let at): runs[number]?.handle(.handedOver(at: at))
        case .failed(let number, let failure): runs[number]?.handle(.launchFailed(failure))
        case .finished(let number, let report): runs[number]?.handle(.exited(report))
        case .sampled(let number, let usage): runs[number]?.handle(.sampled(usage))
        case .pool(let report): received(report)
        case .policyText, .policiesReplaced, .reloadFailed: receivedOfReload(event)
        case .policyReady, .policyRefused, .auditing, .auditRefused, .sealed:
            guard let onStartUpAnswer else { return log.warning("the launcher answered what was not asked") }
            onStartUpAnswer(event)
        }
    }

    #if SANDBOX_FAULTS
        private func reach(_ event: LauncherEvent) {
            switch event {
            case .started: Fault.reach(.startTaken)
            case .finished: Fault.reach(.endTaken)
            default: break
            }
        }
    #endif

    private func launcherEnded(_ reason: String) {
        log.note(.launcherGone, ["reason": "\(reason.shown)", "runs": "\(runs.count)"], at: .critical)
        isDraining = true
        for run in runs.values { run.handle(.launcherGone) }
        for body in inquiry.end() { body(nil) }
        endReload(.failure(ServiceError(.launcherGone, "the launcher has ended", category: .temporary)))
        verifier.stop(reason)
        onLauncherGone()
    }

    private func ended(_ run: Run, _ verdict: RunMachine.Verdict) {
        runs[run.number] = nil
        numbers[run.id] = nil
        if let launch = held.removeValue(forKey: run.number) { launch.close() }
        run.client.runs -= 1
        dismissIfDone(run.client)
        // Not before this run's owner has heard of its end, which comes next.
        if isDraining, runs.isEmpty { loop.assumeIsolated().execute { [weak self] in self?.onDrained() } }
    }
}
