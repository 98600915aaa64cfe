import Glibc
import LaunchPlan
import LinuxSystem

/// From a request to a run.
extension ControlLoop {
    /// - Parameter receivedAt: CLOCK_MONOTONIC, nanoseconds.
    mutating func launch(_ request: LaunchRequest, _ descriptors: [Int32], receivedAt: UInt64) {
        #if SANDBOX_FAULTS
            Fault.reach(.requestReceived)
        #endif
        do throws(LaunchFailure) {
            let start = try check(request, descriptors, receivedAt)
            #if SANDBOX_FAULTS
                Fault.reach(.requestChecked)
            #endif
            if start.policy.policy.container != nil { return try launchInContainer(start) }
            try cover(start.policy)
            if let sandbox = try useWarm(start, hasWaited: false) { return try begin(sandbox) }
            if canBeMadeAhead(start) {
                queue.append(
                    try at(.descriptors) { () throws(SystemError) in try RunQueue.Entry(start) })
                pool.demand = queue.demand
            } else {
                let sandbox = try make(start)
                // What is made ahead where there is no preparer is made meanwhile, by this process.
                if request.probe, preparer == nil { Processor.leave(to: sandbox.prepared.process.pid) }
                try begin(sandbox)
            }
        } catch {
            send(.failed(run: request.run, failure: error))
        }
    }

    /// Gives those that wait what has been made for them.
    mutating func serveQueue(of policy: String) {
        defer { pool.demand = queue.demand }
        while pool.hasWaiting(policy), let entry = queue.next(of: policy) {
            do throws(LaunchFailure) {
                try cover(entry.start.policy)
                // What was there may have been given up, or may have died.
                guard let sandbox = try useWarm(entry.start, hasWaited: true) else {
                    queue.append(entry)
                    continue
                }
                try begin(sandbox, signals: entry.signals)
            } catch {
                send(.failed(run: entry.start.request.run, failure: error))
            }
        }
    }

    /// A run that waits is not begun any more: there is no process that could be asked to end in its own way.
    mutating func endWaiting(_ run: UInt64) {
        if queue.remove(run) || containers.queue.remove(run) { tellNeverBegun(run) }
    }

    /// Nothing is begun any more with the identity of a client that has left.
    mutating func endWaiting(of client: UInt32) {
        for run in queue.removeAll(of: client) + containers.queue.removeAll(of: client) { tellNeverBegun(run) }
    }

    private mutating func tellNeverBegun(_ run: UInt64) {
        pool.demand = queue.demand
        send(.failed(run: run, failure: LaunchFailure(.refused, errno: ECANCELED, "it was ended before it began")))
    }

    /// Those that wait for a sandbox of this policy get none.
    mutating func failQueue(of policy: String, _ failure: LaunchFailure) {
        while let entry = queue.next(of: policy) { send(.failed(run: entry.start.request.run, failure: failure)) }
        pool.demand = queue.demand
    }

    /// Returns in how many nanoseconds to look again, if at all.
    mutating func checkQueue() -> UInt64? {
        guard queue.count > 0 else { return nil }
        if isPreparerStuck { makeQueue() }
        // Whatever keeps a policy's sandboxes from being made ahead: nobody waits for ever. One at a time: between two of them
        // are others' kills and ends.
        if let entry = queue.next(before: monotonicNanoseconds() - Self.longestWait) {
            makeNow(entry)
            if queue.hasOne(before: monotonicNanoseconds() - Self.longestWait) { return 0 }
        }
        return queue.count > 0 ? Self.preparerPatience : nil
    }

    private var isPreparerStuck: Bool {
        !pool.ordered.isEmpty && monotonicNanoseconds() > heardPreparerAt + Self.preparerPatience
    }

    /// There is no preparer any more, or it is stuck.
    mutating func makeQueue() {
        while let entry = queue.next() { makeNow(entry) }
    }

    private mutating func makeNow(_ entry: RunQueue.Entry) {
        pool.demand = queue.demand
        do throws(LaunchFailure) {
            try cover(entry.start.policy)
            try begin(try make(entry.start), signals: entry.signals)
        } catch {
            send(.failed(run: entry.start.request.run, failure: error))
        }
    }

    /// - Parameter signals: that came for it meanwhile.
    mutating func begin(_ sandbox: Sandbox, signals: [Int32] = []) throws(LaunchFailure) {
        sandboxes[sandbox.run] = sandbox
        unheard[sandbox.run] = Unheard(dueAt: sandbox.stamps.handedOverAt + Self.startDelay)
        do throws(SystemError) {
            try watch(sandbox)
        } catch {
            unheard[sandbox.run] = nil
            sandboxes[sandbox.run] = nil
            sandbox.prepared.process.killAndReap()
            release(sandbox.prepared)
            throw LaunchFailure(.descriptors, error)
        }
        for signal in signals { sandbox.forward(signal) }
    }

    private mutating func check(
        _ request: LaunchRequest, _ descriptors: [Int32], _ receivedAt: UInt64
    ) throws(LaunchFailure) -> RunStart {
        guard sealed, request.run < 1 << 60, sandboxes[request.run] == nil, !queue.holds(request.run),
            !containers.queue.holds(request.run),
            descriptors.count == 3
        else { throw LaunchFailure(.refused, errno: EPERM, "this run can not be started") }
        let most = maximumSandboxes + (request.probe ? Self.mostProbesBeyond : 0)
        guard sandboxes.count + queue.count + waiting.count + containers.count < most else {
            throw LaunchFailure(
                .slots,
                "\(maximumSandboxes) sandboxes are alive; for more sandboxd needs a higher limit on descriptors")
        }
        let prepared = try policy(for: request)
        let request = request.probe ? try RequestCheck.probe(request, of: prepared) : request
        try RequestCheck.check(request, against: prepared.policy)
        for descriptor in descriptors { try RequestCheck.checkStandardStream(descriptor) }
        let caller = request.probe ? nil : try clients.identity(of: request.client)
        let executable = request.probe ? [host.probeExecutable.number] : []
        return RunStart(
            host: host, policy: prepared, request: request, caller: caller, descriptors: descriptors + executable,
            receivedAt: receivedAt)
    }

    private mutating func useWarm(_ start: RunStart, hasWaited: Bool) throws(LaunchFailure) -> Sandbox? {
        let request = start.request
        guard let warm = try takeWarm(for: request, start.policy) else { return nil }
        let sandbox = try start.use(
            warm, isWarm: !hasWaited, &workspaces, giveBack: { pool.giveBack(warm, of: request.policy) })
        guard let sandbox else {
            // It has died while it waited.
            discard(warm)
            return nil
        }
        waiting[warm.number] = nil
        if !request.probe { pool.served(fromPool: !hasWaited) }
        return sandbox
    }

    /// A probe is nobody's use of a policy.
    private func canBeMadeAhead(_ start: RunStart) -> Bool {
        preparer != nil && isCurrent(start.policy) && !isPreparerStuck && !start.request.probe
            && !pool.isPaused(start.request.policy, now: monotonicNanoseconds())
            && canUsePrepared(start.request.limits, start.policy)
    }

    /// Rates are set at a group's making; and a group that served before may be too full for a request with little memory. Where
    /// the policy has no more, its groups are new.
    func canUsePrepared(_ limits: LaunchLimits, _ policy: PreparedPolicy) -> Bool {
        let least = ControlGroupReuse.leastMemory
        return limits.readBytesPerSecond == nil && limits.writeBytesPerSecond == nil
            && (limits.memoryBytes >= least || policy.policy.maximum.memoryBytes < least
                || host.groups.resources.version != 1)
    }

    private mutating func make(_ start: RunStart) throws(LaunchFailure) -> Sandbox {
        guard let slot = host.slots.take() else { throw LaunchFailure(.slots, errno: EAGAIN, "no identity is free") }
        #if SANDBOX_FAULTS
            Fault.reach(.identityTaken)
        #endif
        do throws(LaunchFailure) {
            let sandbox = try start.make(in: slot, &workspaces)
            if !start.request.probe { pool.served(fromPool: false) }
            return sandbox
        } catch {
            host.slots.giveBack(slot)
            throw error
        }
    }

    private func watch(_ sandbox: Sandbox) throws(SystemError) {
        let prepared = sandbox.prepared
        try readiness.add(prepared.socket.number, token: Kind.report.token(sandbox.run))
        try readiness.add(prepared.process.pidfd.number, token: Kind.death.token(sandbox.run))
        if prepared.group.memoryEvents >= 0 {
            let (events, token) = (prepared.group.memoryEvents, Kind.memory.token(sandbox.run))
            if prepared.group.memoryEventsChange {
                try readiness.addChanging(events, token: token)
            } else {
                try readiness.add(events, token: token)
            }
        }
    }
}

/// A checked request on its way into a sandbox.
struct RunStart {
    let host: Host
    let policy: PreparedPolicy
    var request: LaunchRequest
    /// `nil` for a probe.
    let caller: PeerIdentity?
    /// Standard input, output and error; for a probe its program as well.
    let descriptors: [Int32]
    /// CLOCK_MONOTONIC, nanoseconds.
    let receivedAt: UInt64

    /// The same with other descriptors.
    func with(_ descriptors: [Int32]) -> RunStart {
        RunStart(
            host: host, policy: policy, request: request, caller: caller, descriptors: descriptors,
            receivedAt: receivedAt)
    }

    /// In a sandbox made now.
    func make(in slot: IdentitySlot, _ workspaces: inout WorkspaceOpener) throws(LaunchFailure) -> Sandbox {
        let workspace = try open(&workspaces, slot)
        let rates = try policy.rates.rates(
            enforceableLimits, policy: policy.policy, workspace: workspace?.mount.number,
            resources: host.groups.resources)
        let prepared = try Preparation(host: host, policy: policy, slot: slot)
            .make("run-\(request.run)", limits: request.limits, rates: rates)
        do throws(SystemError) {
            return try handOver(to: prepared, workspace, isWarm: false)
        } catch {
            let reason = InitFailure.told(after: error.errno, over: prepared.socket.number)
            prepared.process.killAndReap()
            _ = prepared.group.remove()
            throw reason ?? LaunchFailure(.handOver, error)
        }
    }

    /// Root refuses what this host cannot do. Without root that was for sandboxd to ask the caller about, and he puts up with it.
    private var enforceableLimits: LaunchLimits {
        var limits = request.limits
        guard !host.rights.isRoot else { return limits }
        if !host.groups.resources.features.contains(.readRate) { limits.readBytesPerSecond = nil }
        if !host.groups.resources.features.contains(.writeRate) { limits.writeBytesPerSecond = nil }
        return limits
    }

    /// In one that was made ahead. `nil` when that is of no use any more.
    ///
    /// - Parameter giveBack: called when the request came to nothing and the sandbox is as it was.
    func use(
        _ prepared: PreparedSandbox, isWarm: Bool, _ workspaces: inout WorkspaceOpener, giveBack: () -> Void
    ) throws(LaunchFailure) -> Sandbox? {
        let workspace = try open(&workspaces, prepared.slot, else: giveBack)
        do throws(SystemError) {
            try prepared.group.narrow(to: request.limits)
            return try handOver(to: prepared, workspace, isWarm: isWarm)
        } catch {
            return nil
        }
    }

    func handOver(
        to prepared: PreparedSandbox, _ workspace: OpenedWorkspace?, isWarm: Bool
    ) throws(SystemError) -> Sandbox {
        let handedOverAt = try prepared.handOver(
            request, of: policy.policy, workspace: workspace?.mount.number, descriptors: descriptors,
            isCounted: host.groups.resources.version != 0)
        #if SANDBOX_FAULTS
            Fault.reach(.handedOver)
        #endif
        return Sandbox(
            request: request, prepared: prepared, workspaceSize: workspace?.size,
            stamps: LaunchStamps(receivedAt: receivedAt, handedOverAt: handedOverAt, isWarm: isWarm))
    }

    /// - Parameter giveBack: called when it cannot be opened, and whatever was taken for the run is as it was.
    func open(
        _ workspaces: inout WorkspaceOpener, _ slot: IdentitySlot, else giveBack: () -> Void
    ) throws(LaunchFailure) -> OpenedWorkspace? {
        do throws(LaunchFailure) {
            return try open(&workspaces, slot)
        } catch {
            giveBack()
            throw error
        }
    }

    private func open(
        _ workspaces: inout WorkspaceOpener, _ slot: IdentitySlot
    ) throws(LaunchFailure) -> OpenedWorkspace? {
        guard let path = request.workspace, let caller else { return nil }
        let opened = try workspaces.open(path, as: caller, prepared: policy, limits: request.limits, slot: slot)
        #if SANDBOX_FAULTS
            Fault.reach(.workspaceOpened)
        #endif
        return opened
    }
}
