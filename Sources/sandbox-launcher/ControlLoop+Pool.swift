import Glibc
import LaunchPlan
import LinuxSystem

/// Sandboxes that are made ahead.
extension ControlLoop {
    /// When the policies are complete. Without a preparer every sandbox is made when it is asked for.
    mutating func startPreparer(capacity: UInt32) {
        // Without root there is a daemon for one call, which is done before anything that was made ahead could be of use.
        pool = WarmPool(capacity: host.rights.isRoot ? Int(min(capacity, Self.maximumWarm)) : 0)
        if pool.capacity > 0 { forkPreparer() }
    }

    /// The policies are others: what is made ahead of requests for those before is of no use any more.
    mutating func renewPool() {
        guard pool.capacity > 0 else { return }
        // Who waits for one of those gets one now.
        makeQueue()
        for sandbox in pool.removeAll() { discard(sandbox) }
        endPreparer()
        pool.startAnew()
        forkPreparer()
    }

    private mutating func forkPreparer() {
        policyNames = policies.keys.sorted()
        do throws(SystemError) {
            let link = try Preparer.start(host, policyNames.compactMap { policies[$0] }, inherited: inherited)
            try readiness.add(link.socket.number, token: Kind.preparer.token())
            preparer = link
            preparerRevival.began(at: monotonicNanoseconds())
        } catch {
            say("no preparer can be started (\(error)): sandboxes are made when they are asked for")
            pool = WarmPool(capacity: 0)
        }
    }

    /// On standard error, which is sandboxd's log.
    func say(_ text: String) {
        let line = "sandbox-launcher: \(text)\n"
        // A log that nobody reads holds nobody up.
        var state = pollfd(fd: 2, events: Int16(POLLOUT), revents: 0)
        guard poll(&state, 1, 0) > 0 else { return }
        _ = line.withCString { write(2, $0, strlen($0)) }
    }

    /// What the policy hides must be hidden now, whatever the host did to it since: the kernel drops a cover with the file
    /// under it, in every sandbox that was made and is not used yet. Those are given up, also the ones that are being made.
    mutating func cover(_ policy: PreparedPolicy) throws(LaunchFailure) {
        guard !policy.policy.hidePaths.isEmpty else { return }
        // Until it is known that there was nothing to do: what failed half-way may have covered something.
        var isNews = true
        defer { if isNews { giveUp(policy) } }
        isNews = try policy.inTemplate(of: host) { () throws(SystemError) in
            try TemplateNamespace.keepHidden(policy.policy.hidePaths)
        }
    }

    private mutating func giveUp(_ policy: PreparedPolicy) {
        policy.generation += 1
        for stale in pool.removeAll(of: policy.policy.name) { discard(stale) }
    }

    /// A sandbox for a request, if one waits.
    mutating func takeWarm(
        for request: LaunchRequest, _ policy: PreparedPolicy
    ) throws(LaunchFailure) -> PreparedSandbox? {
        guard isCurrent(policy), canUsePrepared(request.limits, policy) else { return nil }
        // A probe is nobody's use of a policy.
        return pool.take(request.policy, now: monotonicNanoseconds(), isUse: !request.probe)
    }

    /// A sandbox for the request that waits for its policy's probe, made while that runs. It gets the request, as any that
    /// waits, when sandboxd sends that. What fails here fails again, and is told, when the request comes.
    mutating func prepareOne(of name: String) {
        servesOneCall = preparer == nil
        guard policies[name]?.policy.container == nil, sealed, preparer == nil, let policy = policies[name],
            !pool.hasWaiting(name),
            sandboxes.count + waiting.count < maximumSandboxes, let slot = host.slots.take()
        else { return }
        do throws(LaunchFailure) {
            try cover(policy)
            let preparation = Preparation(host: host, policy: policy, slot: slot)
            welcome(try preparation.make("ahead-\(nextWaiting)", limits: policy.policy.maximum), of: name)
        } catch {
            host.slots.giveBack(slot)
        }
    }

    /// Orders what the pool needs. Returns in how many nanoseconds to look again, if at all.
    mutating func fillPool() -> UInt64? {
        guard let preparer, reload?.completeSince == nil else { return nil }
        while true {
            let now = monotonicNanoseconds()
            switch pool.next(now: now, policies: { policies[$0] != nil }) {
            case .nothing: return nil
            case .later(let wait): return wait
            case .discard(let sandbox): discard(sandbox)
            case .order(let policy):
                guard let place = policyNames.firstIndex(of: policy), let slot = host.slots.take() else {
                    pool.failed(policy, now: now)
                    failQueue(of: policy, LaunchFailure(.slots, errno: EAGAIN, "no identity is free"))
                    continue
                }
                let order = Preparer.Order(number: nextOrder, policy: UInt32(place), slot: slot.number)
                nextOrder += 1
                if pool.ordered.isEmpty { heardPreparerAt = now }
                pool.hasOrdered(order.number, of: policy, generation: policies[policy]?.generation ?? 0)
                slots[order.number] = slot
                do throws(SystemError) {
                    try PreparerMessage.send(order, over: preparer.socket.number)
                } catch {
                    guard error.errno == EAGAIN else { return losePreparer() }
                    // It is behind: requests are served without it for a while.
                    _ = pool.answered(order.number)
                    pool.failed(policy, now: now)
                    slots[order.number] = nil
                    host.slots.giveBack(slot)
                    makeQueue()
                }
            }
        }
    }

    mutating func hearPreparer() {
        defer { sendRemains() }
        while let preparer {
            let heard = preparer.hear(host) { number in
                guard let slot = slots[number], let order = pool.ordered[number], let prepared = policies[order.policy]
                else { return nil }
                return (prepared.policy.maximum, slot)
            }
            heardPreparerAt = monotonicNanoseconds()
            switch heard {
            case .nothing: return
            case .gone:
                _ = losePreparer()
                return
            case .made(let number, let sandbox):
                slots[number] = nil
                let order = pool.answered(number)
                let isCurrent = order.map { policies[$0.policy]?.generation == $0.generation } ?? false
                welcome(sandbox, of: isCurrent ? order?.policy : nil)
            case .failed(let number, let failure, let dead):
                if let policy = pool.answered(number)?.policy {
                    pool.failed(policy, now: monotonicNanoseconds())
                    failQueue(of: policy, failure)
                }
                mourn(number, dead)
            }
        }
    }

    /// Its pid 1 is watched: one that dies while it waits makes place for another.
    ///
    /// - Parameter policy: `nil` where it is not needed any more.
    private mutating func welcome(_ sandbox: PreparedSandbox, of policy: String?) {
        let number = nextWaiting
        nextWaiting += 1
        sandbox.number = number
        waiting[number] = sandbox
        do throws(SystemError) {
            try readiness.add(sandbox.process.pidfd.number, token: Kind.waiting.token(number))
            if let policy { pool.add(sandbox, of: policy) } else { discard(sandbox) }
        } catch {
            sandbox.process.killAndReap()
            waiting[number] = nil
            release(sandbox)
        }
        if let policy { serveQueue(of: policy) }
    }

    /// The end of a sandbox that nobody uses, by its sockets' end; `buryWaiting` follows.
    mutating func discard(_ sandbox: PreparedSandbox) {
        // ESRCH: it has ended.
        try? sandbox.process.signal(SIGKILL)
    }

    /// A pid 1 without a run has ended.
    mutating func buryWaiting(_ number: UInt64) {
        guard let sandbox = waiting[number], (try? sandbox.process.reap(wait: false)) != nil else { return }
        readiness.forget(sandbox.process.pidfd.number)
        waiting[number] = nil
        pool.remove(sandbox)
        release(sandbox)
    }

    /// What a preparation that failed has left.
    private mutating func mourn(_ number: UInt64, _ dead: [ForkedChild.Box]) {
        for child in dead { child.process.killAndReap() }
        clear(Preparer.Remains(order: number, keepsNetwork: false, keepsGroup: false, group: "warm-\(number)"))
        if let slot = slots.removeValue(forKey: number) { host.slots.giveBack(slot) }
    }

    /// Requests go on to be served, each with a sandbox that is made for it, until there is another preparer.
    private mutating func losePreparer() -> UInt64? {
        guard preparer != nil else { return nil }
        say("the preparer has ended: sandboxes are made when they are asked for")
        preparerRevival.lost(at: monotonicNanoseconds())
        endPreparer()
        makeQueue()
        return nil
    }

    private mutating func endPreparer() {
        guard let preparer else { return }
        readiness.forget(preparer.socket.number)
        preparer.process.killAndReap()
        self.preparer = nil
        // Its unfinished work, which may still be dying, what it kept for others, and what it was told to remove.
        remains = []
        endUnknownChildren()
        let used = Set((Array(waiting.values) + sandboxes.values.map(\.prepared)).map(\.group.name))
        leftGroups = host.groups.names.filter { !used.contains($0) }
        slots = [:]
    }

    /// What a preparer was making when it ended is this process's child and known to nobody. Where it can be told from all others
    /// it ends now; else it does when it finds its socket closed, nobody can say when that is, and its identities (of four
    /// sandboxes at most) stay taken.
    private mutating func endUnknownChildren() {
        guard let children = try? host.proc.read("\(getpid())/task/\(getpid())/children") else { return }
        var known = Set(sandboxes.values.map { $0.prepared.process.pid } + waiting.values.map { $0.process.pid })
        if let reload { known.insert(reload.process.pid) }
        if let link = containers.link { known.insert(link.process.pid) }
        for child in children.split(separator: " ").compactMap({ Int32($0) }) where !known.contains(child) {
            // A child that is not reaped: the number is its own.
            Glibc.kill(child, SIGKILL)
            while waitpid(child, nil, 0) < 0, errno == EINTR {}
        }
        for slot in slots.values { host.slots.giveBack(slot) }
    }

    /// Makes another one some time after one has ended. Returns in how many nanoseconds to look again, if at all.
    mutating func revivePreparer() -> UInt64? {
        guard sealed, preparer == nil, pool.capacity > 0 else { return nil }
        let now = monotonicNanoseconds()
        guard preparerRevival.isDue(now) else { return preparerRevival.dueAt - now }
        pool.startAnew()
        forkPreparer()
        return nil
    }

    /// Without a preparer nothing is made ahead any more, whatever was meant to be.
    func reportPool() -> PoolReport {
        let counts = pool.counts.merging(containers.counts, uniquingKeysWith: +).sorted {
            $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
        }
        return PoolReport(
            capacity: preparer == nil ? 0 : UInt32(pool.capacity),
            waiting: counts.map { PoolReport.Waiting(policy: $0.key, count: UInt32($0.value)) },
            preparing: UInt32(slots.count + containers.arriving.count), hits: pool.hits, misses: pool.misses,
            dying: UInt32(dying))
    }

    /// At the end of the launcher.
    mutating func endPool() {
        // It ends with its socket, when it is done with what it does now, and what it has made dies with this process.
        if let preparer { preparer.process.killAndReap() }
        preparer = nil
        for sandbox in waiting.values { sandbox.process.killAndReap() }
        for sandbox in waiting.values { _ = sandbox.group.remove() }
        waiting = [:]
    }
}
