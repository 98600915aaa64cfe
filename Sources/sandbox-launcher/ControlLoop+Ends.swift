import CInitPlan
import Glibc
import LaunchPlan
import LinuxSystem

/// What sandboxes report, and their ends.
extension ControlLoop {
    mutating func hear(_ sandbox: Sandbox) {
        var startedAt: UInt64?
        while true {
            switch try? sandbox.hear() {
            case .started(let at): startedAt = at
            case .ending:
                #if SANDBOX_FAULTS
                    Fault.reach(.endHeard)
                #endif
                // Who hears of the end need not hear of the start before.
                if settle(sandbox) { startedAt = nil }
            case .report: continue
            case .nothing:
                if let startedAt { tellStart(of: sandbox, startedAt) }
                return
            case .closed, nil:
                if let startedAt { tellStart(of: sandbox, startedAt) }
                readiness.forget(sandbox.prepared.socket.number)
                return
            }
        }
    }

    private mutating func tellStart(of sandbox: Sandbox, _ at: UInt64) {
        #if SANDBOX_FAULTS
            Fault.reach(.startHeard)
        #endif
        unheard[sandbox.run] = nil
        send(.started(run: sandbox.run, at: at, stamps: sandbox.stamps))
    }

    /// Asks each pid 1 of which nothing is heard for its command's start. What does not even answer that is told of all the same:
    /// the pid 1 of a tree that has used up its share of CPU time waits for the next one, for seconds, and the tree's deadlines
    /// must not. Returns in how many nanoseconds the next one is due.
    mutating func tellUnheard() -> UInt64? {
        guard !unheard.isEmpty else { return nil }
        let now = monotonicNanoseconds()
        var next: UInt64?
        for (run, state) in unheard {
            guard state.dueAt <= now else {
                next = min(next ?? .max, state.dueAt - now)
                continue
            }
            unheard[run] = nil
            guard let sandbox = sandboxes[run], !sandbox.isEnding, sandbox.failure == nil else { continue }
            guard state.isAsked else {
                sandbox.askForStart()
                unheard[run] = Unheard(dueAt: now + Self.unheardPatience, isAsked: true)
                next = min(next ?? .max, Self.unheardPatience)
                continue
            }
            send(.handedOver(run: run, at: sandbox.stamps.handedOverAt))
        }
        return next
    }

    /// A run whose start is not told yet.
    struct Unheard {
        /// CLOCK_MONOTONIC, nanoseconds: when something is done about it.
        var dueAt: UInt64
        /// Its pid 1 was asked.
        var isAsked = false
    }

    mutating func hearAudit() {
        for (uid, denial) in audit?.drain() ?? [] {
            sandboxes.values.first { $0.prepared.slot.command == uid }?.note(denial)
        }
    }

    /// cgroup v1 tells of the limit just before it kills, as v2 does of a group that is an engine's, so the kill is looked for until it is counted. (It is counted
    /// before the signal is sent: who has ended of it, or whose child has, is never counted too late.)
    mutating func suspect(_ sandbox: Sandbox) {
        let group = sandbox.prepared.group
        if !group.takeMemoryEvent() { readiness.forget(group.memoryEvents) }
        suspects[sandbox.run] = monotonicNanoseconds() + 2_000_000_000
    }

    /// An out-of-memory kill of any process ends the run: what is left of it would be half a program.
    mutating func checkSuspects() {
        guard !suspects.isEmpty else { return }
        let now = monotonicNanoseconds()
        for (run, deadline) in suspects {
            guard let sandbox = sandboxes[run], now < deadline else {
                suspects[run] = nil
                continue
            }
            guard sandbox.prepared.group.memoryKills() > 0 else { continue }
            suspects[run] = nil
            kill(sandbox)
        }
    }

    mutating func kill(_ sandbox: Sandbox) {
        sandbox.kill()
        // Else its end is heard of when pid 1 has ended.
        guard sandbox.isEnding else { return }
        // What pid 1 has said before comes first.
        hear(sandbox)
        settle(sandbox)
    }

    /// Tells the end of a run that is over; one that is ending is looked at again. Returns whether it was told.
    @discardableResult
    mutating func settle(_ sandbox: Sandbox) -> Bool {
        let now = monotonicNanoseconds()
        let since = settling[sandbox.run] ?? now
        guard sandbox.settle(patient: now - since < Self.crowdPatience, proc: host.proc) else {
            settling[sandbox.run] = since
            return false
        }
        settling[sandbox.run] = nil
        tell(sandbox)
        return true
    }

    mutating func checkSettling() {
        for run in settling.keys {
            guard let sandbox = sandboxes[run], !sandbox.isTold else {
                settling[run] = nil
                continue
            }
            settle(sandbox)
        }
    }

    mutating func takeSamples() {
        guard host.groups.needsSamples, !sandboxes.isEmpty else { return }
        let now = monotonicNanoseconds()
        guard now >= nextSamples else { return }
        nextSamples = now + 100_000_000
        for sandbox in sandboxes.values { sandbox.prepared.group.sample() }
    }

    /// The end for sandboxd. What is left to do is for nobody to wait for: 10,000 zombies are reaped one by one, a gigabyte
    /// is freed page by page.
    mutating func tell(_ sandbox: Sandbox) {
        guard !sandbox.isTold else { return }
        unheard[sandbox.run] = nil
        guard sandbox.failure == nil, dying < Self.maximumDying else {
            leaving[sandbox.run] = 0
            return
        }
        hearAudit()
        sandbox.isTold = true
        dying += 1
        #if SANDBOX_FAULTS
            Fault.reach(.beforeEndTold)
        #endif
        send(.finished(run: sandbox.run, report: sandbox.report()))
        #if SANDBOX_FAULTS
            Fault.reach(.endTold)
        #endif
        // After a probe comes a judgement, and time for it to go; and a daemon for one call waits for it.
        let isAtOnce = dying >= Self.maximumDying / 2 || sandbox.request.probe || servesOneCall
        leaving[sandbox.run] = monotonicNanoseconds() + (isAtOnce ? 0 : Self.leavingDelay)
    }

    /// Lets the pid 1s go that wait for it. Returns in how many nanoseconds the next one is due.
    mutating func letGo() -> UInt64? {
        guard !leaving.isEmpty else { return nil }
        let now = monotonicNanoseconds()
        var next: UInt64?
        for (run, dueAt) in leaving {
            guard dueAt <= now else {
                next = min(next ?? .max, dueAt - now)
                continue
            }
            leaving[run] = nil
            guard let sandbox = sandboxes[run] else { continue }
            // Nothing more comes from there but its end.
            readiness.forget(sandbox.prepared.socket.number)
            shutdown(sandbox.prepared.socket.number, Int32(SHUT_RDWR))
        }
        return next
    }

    /// pid 1 has ended, and with it every process of its namespace.
    mutating func bury(_ sandbox: Sandbox) throws(LaunchFailure) {
        let reaped = try at(.descriptors) { () throws(SystemError) in try sandbox.prepared.process.reap(wait: false) }
        guard reaped != nil else { return }
        hear(sandbox)
        hearAudit()
        audit?.forget(sandbox.prepared.slot.command)
        readiness.forget(sandbox.prepared.process.pidfd.number)
        readiness.forget(sandbox.prepared.socket.number)
        if sandbox.prepared.group.memoryEvents >= 0 { readiness.forget(sandbox.prepared.group.memoryEvents) }
        sandboxes[sandbox.run] = nil
        unheard[sandbox.run] = nil
        leaving[sandbox.run] = nil
        settling[sandbox.run] = nil
        if sandbox.isTold {
            dying -= 1
        } else if let failure = sandbox.failure {
            send(.failed(run: sandbox.run, failure: failure))
        } else {
            send(.finished(run: sandbox.run, report: sandbox.report()))
        }
        release(sandbox.prepared)
    }

    mutating func release(_ prepared: PreparedSandbox) {
        #if SANDBOX_FAULTS
            Fault.reach(.beforeRemoval)
        #endif
        host.slots.giveBack(prepared.slot)
        if let room = prepared.container { return remove(room.order) }
        let keepsGroup = prepared.order != nil && preparer != nil && prepared.group.mayServeAgain
        if keepsGroup { preparer?.keep(prepared.group) }
        clear(
            Preparer.Remains(
                order: prepared.order, keepsNetwork: !prepared.hasWayOut, keepsGroup: keepsGroup,
                group: prepared.group.name))
    }

    /// To remove a group takes a lock that whoever on the host moves into one by `cgroup.procs` holds for 15 ms: not here, where
    /// everybody's requests would wait for it.
    mutating func clear(_ left: Preparer.Remains) {
        // What the preparer made it is always told of: it keeps a network namespace and a group for it until then. There are no
        // more of these than sandboxes.
        guard preparer != nil, left.order != nil || remains.count < Self.mostRemains else {
            leftGroups.append(left.group)
            return leftGroups.removeAll { host.groups.remove($0) }
        }
        remains.append(left)
        sendRemains()
    }

    /// Returns in how many nanoseconds to try again, if at all: a preparer that was behind may have nothing to say when it is
    /// not any more.
    mutating func retryRemains() -> UInt64? {
        if !leftGroups.isEmpty { leftGroups.removeAll { host.groups.remove($0) } }
        if !remains.isEmpty { sendRemains() }
        return remains.isEmpty && leftGroups.isEmpty ? nil : Self.remainsPause
    }

    /// What a preparer that is behind does not take now is for the next time that it says something, or for a while later.
    mutating func sendRemains() {
        guard let preparer else { return }
        var sent = 0
        while sent < remains.count, (try? PreparerMessage.send(remains[sent], over: preparer.socket.number)) != nil {
            sent += 1
        }
        remains.removeFirst(sent)
    }
}
