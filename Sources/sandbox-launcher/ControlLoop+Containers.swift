import CInitPlan
import Glibc
import LaunchPlan
import LinuxSystem

/// Runs in containers. What differs from a sandbox of this process's own is who makes it, and that it is asked for by way of
/// sandbox-docker; from the moment at which its sandbox-init is ready they are the same.
extension ControlLoop {
    /// A checked request of a policy with `backend: docker`.
    mutating func launchInContainer(_ start: RunStart) throws(LaunchFailure) {
        if try useContainer(start, hasWaited: false) { return }
        containers.queue.append(try at(.descriptors) { () throws(SystemError) in try RunQueue.Entry(start) })
    }

    /// Returns whether one that waited has it now.
    private mutating func useContainer(
        _ start: RunStart, hasWaited: Bool, signals: [Int32] = []
    ) throws(LaunchFailure) -> Bool {
        while let sandbox = containers.take(start.policy) {
            guard let room = sandbox.container else { continue }
            readiness.forget(sandbox.process.pidfd.number)
            var isGivenBack = false
            let used: Sandbox?
            do throws(LaunchFailure) {
                used = try start.useContainer(sandbox, room, &workspaces, giveBack: { isGivenBack = true })
            } catch {
                if isGivenBack { keep(sandbox, of: start.policy) } else { abandon(sandbox) }
                throw error
            }
            guard let used else {
                // It has died while it waited.
                abandon(sandbox)
                continue
            }
            if !start.request.id.isEmpty { tell(.name(order: room.order, name: start.request.id)) }
            if !start.request.probe { pool.served(fromPool: !hasWaited) }
            try begin(used, signals: signals)
            return true
        }
        return false
    }

    /// Orders what is needed, and gives up what has taken too long. Returns in how many nanoseconds to look again, if at all.
    mutating func fillContainers() -> UInt64? {
        guard containers.isNeeded, sealed else { return nil }
        let current = policies.values.filter { $0.policy.container != nil }
        startContainers(current)
        giveUpLate()
        for order in containers.unremoved { remove(order) }
        while let order = containers.surplus() { buryWaitingContainer(order) }
        while containers.link != nil || containers.queue.count > 0,
            let policy = containers.next(now: monotonicNanoseconds(), current: current)
        {
            do throws(LaunchFailure) {
                try order(policy)
            } catch {
                fail(policy, error)
            }
        }
        let now = monotonicNanoseconds()
        return containers.nextLook(now: now).map { $0 > now ? $0 - now : 0 }
    }

    private mutating func startContainers(_ current: [PreparedPolicy]) {
        if containers.link == nil, monotonicNanoseconds() >= containers.revival { connectContainers(current) }
        for number in containers.forget(except: { policy in
            current.contains { $0 === policy } || previous?.policies.values.contains { $0 === policy } == true
        }) {
            tell(.forget(policy: number))
            discardContainers()
        }
    }

    /// Ones of policies that nobody can name any more.
    private mutating func discardContainers() {
        for (order, entry) in containers.waiting where !containers.known.values.contains(where: { $0 === entry.policy })
        {
            if let sandbox = containers.remove(waiting: order) {
                readiness.forget(sandbox.process.pidfd.number)
                abandon(sandbox)
            }
        }
    }

    private mutating func connectContainers(_ current: [PreparedPolicy]) {
        do throws(SystemError) {
            let settings = ContainerSettings(
                engine: containers.engine, initPath: try InitExecutable.siblingPath("sandbox-init"),
                owner: Self.owner(host.slots.block ?? 0), deadOwners: host.slots.freeBlocks.map(Self.owner),
                living: containers.survivors)
            let link = try ContainerLink(settings)
            try readiness.add(link.socket.number, token: Kind.engine.token())
            containers.link = link
            for (number, policy) in containers.known { describe(policy, number) }
            for policy in current {
                let (number, isNew) = containers.number(of: policy)
                if isNew { describe(policy, number) }
            }
        } catch {
            let failure = LaunchFailure(
                .containerEngine, errno: error.errno, "\(error.call) \(error.subject)", retryAfterMilliseconds: 1000)
            containers.lost(failure)
            failContainerQueue(failure)
        }
    }

    /// Its word on whose a container is: blocks are this host's.
    private static func owner(_ block: UInt32) -> String { "block-\(block)" }

    private mutating func describe(_ policy: PreparedPolicy, _ number: UInt32) {
        tell(.policy(ContainerSpecification(number: number, policy: policy.policy, profile: policy.profile)))
    }

    private mutating func tell(_ command: ContainerCommand) {
        guard let link = containers.link, (try? link.send(command)) == nil else { return }
        // Its buffer holds all that can be asked for at once: it is stuck.
        loseContainers("does not listen")
    }

    // MARK: orders

    private mutating func order(_ policy: PreparedPolicy) throws(LaunchFailure) {
        guard let plan = policy.policy.container else { return }
        let (specification, isNew) = containers.number(of: policy)
        if isNew { describe(policy, specification) }
        guard containers.link != nil else { throw containers.hindrance }
        let number = containers.takeNumber()
        let slot: IdentitySlot
        if let user = plan.user {
            slot = IdentitySlot(number: 0, owner: .given(uid: user.uid, gid: user.gid))
        } else if let own = host.slots.take() {
            slot = own
        } else {
            throw LaunchFailure(.slots, errno: EAGAIN, "no identity is free")
        }
        do throws(LaunchFailure) {
            let path = "\(IdentitySlots.directory)/container-\(host.slots.block ?? 0)-\(number)"
            // Ones that are made ahead are anybody's.
            let request = plan.ahead == 0 ? containers.queue.firstUnordered(of: policy) : nil
            let arriving = try ArrivingContainer(
                number: number, policy: policy, slot: slot, run: request?.start.request.run, path: path)
            if let socket = arriving.rendezvous?.socket.number {
                try at(.descriptors) { () throws(SystemError) in
                    try readiness.add(socket, token: Kind.rendezvous.token(number))
                }
            }
            containers.began(arriving)
            request?.isOrdered = true
            tell(
                .make(
                    ContainerOrder(
                        number: number, policy: specification,
                        user: ContainerPlan.User(uid: slot.command, gid: slot.commandGroup), socket: path,
                        run: request?.start.request.id ?? "",
                        tenant: request?.start.caller.map { UInt64($0.uid) })))
        } catch {
            host.slots.giveBack(slot)
            throw error
        }
    }

    /// A container's sandbox-init has come.
    mutating func hearRendezvous(_ order: UInt64) {
        guard let arriving = containers.arriving[order] else { return }
        do throws(LaunchFailure) {
            guard try arriving.accept() else { return }
            if let socket = arriving.rendezvous?.socket.number { readiness.forget(socket) }
            arriving.closeRendezvous()
            try greet(arriving)
        } catch {
            fail(arriving, error)
        }
    }

    private mutating func greet(_ arriving: ArrivingContainer) throws(LaunchFailure) {
        let wasGreeted = arriving.sandbox != nil
        try arriving.greet(host)
        guard !wasGreeted, let sandbox = arriving.sandbox else { return }
        let socket = sandbox.socket.number
        try at(.descriptors) { () throws(SystemError) in
            try readiness.add(socket, token: Kind.arriving.token(arriving.number))
        }
    }

    /// It says that it is ready, or why it is not.
    mutating func hearArriving(_ order: UInt64) {
        guard let arriving = containers.arriving[order] else { return }
        do throws(LaunchFailure) {
            guard let sandbox = try arriving.hear() else { return }
            readiness.forget(sandbox.socket.number)
            try sandbox.container?.limitTerminals(host: host)
            if !arriving.policy.policy.loopback, arriving.policy.policy.container?.network == nil {
                try sandbox.container?.closeLoopback(host: host)
            }
            containers.isReady(sandbox, of: arriving.policy)
            keep(sandbox, of: arriving.policy)
            guard let run = arriving.run else { return serveContainers(arriving.policy) }
            // Else it is a surplus: whom it was made for is gone.
            if let entry = containers.queue.take(run) { serve(entry) }
        } catch {
            fail(arriving, error)
        }
    }

    /// It waits for a request, and is watched meanwhile.
    private mutating func keep(_ sandbox: PreparedSandbox, of policy: PreparedPolicy) {
        containers.giveBack(sandbox, of: policy)
        guard let order = sandbox.container?.order else { return }
        do throws(SystemError) {
            try readiness.add(sandbox.process.pidfd.number, token: Kind.waitingContainer.token(order))
        } catch {
            buryWaitingContainer(order)
        }
    }

    mutating func buryWaitingContainer(_ order: UInt64) {
        guard let sandbox = containers.remove(waiting: order) else { return }
        readiness.forget(sandbox.process.pidfd.number)
        abandon(sandbox)
    }

    private mutating func serveContainers(_ policy: PreparedPolicy) {
        while let entry = containers.queue.next(of: policy), serve(entry) {}
    }

    /// Returns whether there was a container for it; else it waits on.
    @discardableResult
    private mutating func serve(_ entry: RunQueue.Entry) -> Bool {
        do throws(LaunchFailure) {
            if try useContainer(entry.start, hasWaited: true, signals: entry.signals) { return true }
            entry.isOrdered = false
            containers.queue.putBack(entry)
            return false
        } catch {
            send(.failed(run: entry.start.request.run, failure: error))
            return true
        }
    }

    // MARK: sandbox-docker

    mutating func hearContainers() {
        while let link = containers.link {
            switch link.hear() {
            case .nothing: return
            case .gone: return loseContainers("has ended")
            case .event(.note(let text)): say(text)
            case .event(.removed(let order)):
                containers.gone(order)
                if let slot = containers.held.removeValue(forKey: order) { host.slots.giveBack(slot) }
            case .event(.failed(let order, let failure)):
                if let arriving = containers.arriving[order] { fail(arriving, failure) }
                containers.gone(order)
            case .event(.started(let order, let container, let environment)):
                containers.named(order, container)
                containers.succeeded()
                guard let arriving = containers.arriving[order] else {
                    // Given up meanwhile.
                    remove(order)
                    continue
                }
                arriving.started = (container, environment)
                do throws(LaunchFailure) { try greet(arriving) } catch { fail(arriving, error) }
            }
        }
    }

    private mutating func loseContainers(_ reason: String) {
        guard let link = containers.link else { return }
        say("sandbox-docker \(reason), and is started again")
        readiness.forget(link.socket.number)
        link.end(patience: 0)
        let failure = LaunchFailure(
            .containerEngine, errno: EPIPE, "sandbox-docker \(reason)", retryAfterMilliseconds: 1000)
        containers.lost(failure)
        for arriving in containers.arriving.values { fail(arriving, failure) }
    }

    // MARK: failures and ends

    /// An order came to nothing: whoever has waited longest for such a container gets none.
    private mutating func fail(_ arriving: ArrivingContainer, _ failure: LaunchFailure) {
        guard containers.arriving.removeValue(forKey: arriving.number) != nil else { return }
        if let socket = arriving.rendezvous?.socket.number { readiness.forget(socket) }
        if let sandbox = arriving.sandbox {
            readiness.forget(sandbox.socket.number)
            abandon(sandbox)
        } else {
            // Whatever became of it: only when its container is gone nobody has its identity.
            containers.held[arriving.number] = arriving.slot
            remove(arriving.number)
        }
        fail(arriving.policy, failure, run: arriving.run)
    }

    /// - Parameter run: whom it was for; `nil`: for whoever has waited longest.
    private mutating func fail(_ policy: PreparedPolicy, _ failure: LaunchFailure, run: UInt64? = nil) {
        containers.failed(policy, retryAfter: failure.retryAfterMilliseconds)
        if let run {
            if containers.queue.remove(run) { send(.failed(run: run, failure: failure)) }
        } else if let entry = containers.queue.next(of: policy) {
            send(.failed(run: entry.start.request.run, failure: failure))
        } else if !failure.isImageToCome {
            // That it is being fetched has been said when that began.
            say("policy '\(policy.policy.name)': no container is made ahead: \(failure.stage.name): \(failure.subject)")
        }
    }

    private mutating func failContainerQueue(_ failure: LaunchFailure) {
        while let entry = containers.queue.next() {
            send(.failed(run: entry.start.request.run, failure: failure))
        }
    }

    private mutating func giveUpLate() {
        let now = monotonicNanoseconds()
        // Behind others, for whom the engine has taken so long.
        while let entry = containers.queue.next(before: now - ArrivingContainer.patience) {
            let failure = LaunchFailure(
                .containerStart, errno: ETIMEDOUT, "the engine has not come to it in time", retryAfterMilliseconds: 5000
            )
            send(.failed(run: entry.start.request.run, failure: failure))
        }
        for arriving in containers.arriving.values where arriving.deadline <= now {
            fail(
                arriving,
                LaunchFailure(
                    .containerStart, errno: ETIMEDOUT, "the engine has not started the container in time",
                    retryAfterMilliseconds: 5000))
        }
    }

    /// The end of a container that serves nobody.
    private mutating func abandon(_ sandbox: PreparedSandbox) {
        // ESRCH: it has ended.
        try? sandbox.process.signal(SIGKILL)
        guard let room = sandbox.container else { return }
        // Nobody waits for its end here: its identity is free when the engine has nothing of it any more.
        containers.held[room.order] = sandbox.slot
        remove(room.order)
    }

    /// Its engine is to have nothing of it any more.
    mutating func remove(_ order: UInt64) {
        guard let link = containers.link, (try? link.send(.remove(order: order))) != nil else {
            containers.unremoved.insert(order)
            return
        }
        containers.unremoved.remove(order)
    }

    /// At the launcher's end.
    mutating func endContainers() {
        for entry in containers.waiting.values { try? entry.sandbox.process.signal(SIGKILL) }
        containers.arriving = [:]
        containers.link?.end(patience: Self.containersPatience)
        containers.link = nil
    }
}
