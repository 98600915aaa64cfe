import Glibc
import LaunchPlan
import LinuxSystem

/// The launcher's life: commands from sandboxd, reports from sandboxes, and their ends. One thread, one epoll.
struct ControlLoop: ~Copyable {
    let control: Int32
    let host: Host
    let readiness: ReadinessSet
    /// What sandboxd's messages are received in.
    let inbox = UnsafeMutableRawBufferPointer.allocate(byteCount: LauncherCommand.maximumBytes, alignment: 16)
    var policies: [String: PreparedPolicy] = [:]
    var sealed = false
    /// One more with each reload.
    var generation: UInt32 = 0
    var previous: PreviousPolicies?
    /// `nil`: this daemon's policies are for its life.
    var policyReader: PolicyReader?
    var reload: PolicyReload?
    var clients: Clients
    var workspaces: WorkspaceOpener
    var sandboxes: [UInt64: Sandbox] = [:]
    /// Groups that the kernel would not yet let go.
    var leftGroups: [String] = []

    /// Runs whose group has met its memory limit and whose kill is not yet counted, and until when to look for it
    /// (CLOCK_MONOTONIC, nanoseconds).
    var suspects: [UInt64: UInt64] = [:]
    /// Runs that are ending and were not over when they were last looked at, and since when (CLOCK_MONOTONIC, nanoseconds).
    var settling: [UInt64: UInt64] = [:]
    /// Runs that sandboxd knows the end of and that are not buried yet.
    var dying = 0
    /// Runs whose pid 1 has the command and has said nothing yet.
    var unheard: [UInt64: Unheard] = [:]
    /// Runs whose pid 1 waits to be let go, and when that is to be (CLOCK_MONOTONIC, nanoseconds).
    var leaving: [UInt64: UInt64] = [:]
    /// When groups whose peaks the kernel does not keep are looked at again.
    var nextSamples: UInt64 = 0

    /// `nil`: there is none, and no sandbox is made ahead.
    var preparer: PreparerLink?
    var preparerRevival = PreparerRevival()
    var pool = WarmPool(capacity: 0)
    /// The policies' names in the preparer's order.
    var policyNames: [String] = []
    /// Prepared sandboxes without a run, by number; also those that are about to end.
    var waiting: [UInt64: PreparedSandbox] = [:]
    var nextWaiting: UInt64 = 1
    /// What the preparer is to clear away and has not been told of.
    var remains: [Preparer.Remains] = []
    /// Runs for which none waited, in the order of their requests.
    var queue = RunQueue()
    /// Sandboxes that an engine makes.
    var containers = Containers()
    /// When the preparer last answered, or was last asked when it owed nothing (CLOCK_MONOTONIC, nanoseconds).
    var heardPreparerAt: UInt64 = 0
    /// Identities of sandboxes that the preparer was asked for.
    var slots: [UInt64: IdentitySlot] = [:]
    var nextOrder: UInt64 = 1
    /// This is a daemon for one call, which ends when all is cleared away: nobody asks another to prepare one.
    var servesOneCall = false

    /// `nil`: nobody asked for it.
    var audit: LandlockAudit?

    static let maximumPolicies = PoolReport.maximumPolicies
    static let maximumWarm: UInt32 = 1024
    static let mostSandboxes = 4096
    /// What a sandbox takes of them here: its sockets, its pidfd, and the files of its group.
    static let descriptorsOfSandbox = 16
    /// Beyond the others: who proves policies is not kept from it by them. It is sandboxd's word that a run is a probe.
    static let mostProbesBeyond = 8
    /// As many as this process has descriptors for, beside what it holds anyway.
    let maximumSandboxes: Int
    /// Open when this process had nothing but its host: what a preparer needs beside its policies, whenever it is forked.
    let inherited: Set<Int32>
    /// So many may die behind their answers; of more, the end is told when they are gone. What dies holds its memory and
    /// takes its CPU time as long as it is there.
    static let maximumDying = 32
    /// How long a tree may take to die before those of it that only wait for a core are not waited for.
    static let crowdPatience: UInt64 = 30_000_000
    /// How long a pid 1 waits after an answer: while the answer goes its way, and mostly the next request comes, the kernel
    /// need not take namespaces apart (with RCU grace periods on all cores: 200 us of an answer, measured).
    static let leavingDelay: UInt64 = 2_000_000

    /// A command that ends within this is told of once: its start would wake up its pid 1, this process, sandboxd and the client.
    static let startDelay: UInt64 = 5_000_000
    /// So long a pid 1 that was asked may take to say that its command has begun.
    static let unheardPatience: UInt64 = 5_000_000

    /// A preparer that says nothing for so long while it owes something is not waited for: 5 times what it may take.
    static let preparerPatience: UInt64 = 100_000_000
    /// Beyond so many, this process clears away itself.
    static let mostRemains = 256
    static let remainsPause: UInt64 = 20_000_000
    /// Milliseconds that sandbox-docker has for removing its containers when the launcher ends.
    static let containersPatience: Int32 = 4000
    /// How long a run may wait for a sandbox to be made ahead.
    static let longestWait: UInt64 = 1_000_000_000

    /// What an epoll token is about: the kind in the upper bits, the run below.
    enum Kind: UInt64 {
        case control = 0
        case report = 1
        case death = 2
        case memory = 3
        case audit = 4
        case preparer = 5
        /// A prepared sandbox that waits, or is not needed any more.
        case waiting = 6
        /// A process that reads policies for a reload.
        case reader = 7
        /// sandbox-docker.
        case engine = 8
        /// The socket that a container's pid 1 comes to; then what it says; then its death while it waits. By order.
        case rendezvous = 9
        case arriving = 10
        case waitingContainer = 11

        func token(_ run: UInt64 = 0) -> UInt64 { rawValue << 60 | run }
    }

    /// - Parameter open: this process's descriptors.
    init(control: Int32, host: Host, open: Set<Int32>) throws(LaunchFailure) {
        self.control = control
        self.host = host
        maximumSandboxes = min(
            Self.mostSandboxes, max(1, (DescriptorLimit.current - 512) / Self.descriptorsOfSandbox))
        clients = Clients(host.rights)
        workspaces = WorkspaceOpener(host: host)
        inherited = open.subtracting([control])
        readiness = try at(.descriptors) { () throws(SystemError) in
            let readiness = try ReadinessSet()
            try readiness.add(control, token: Kind.control.token())
            return readiness
        }
    }

    /// Returns never: it ends with sandboxd.
    mutating func run() throws(LaunchFailure) -> Never {
        while true {
            let wait = [
                checkReload(), revivePreparer(), fillPool(), letGo(), tellUnheard(), checkQueue(), retryRemains(),
                fillContainers(),
            ]
            .compactMap(\.self).min()
            for token in try at(
                .descriptors, { () throws(SystemError) in try readiness.wait(milliseconds: patience(wait)) })
            {
                try handle(token)
            }
            checkSuspects()
            checkSettling()
            takeSamples()
        }
    }

    /// For how many milliseconds there is nothing to do if nothing happens; `nil`: for ever.
    ///
    /// - Parameter wait: in how many nanoseconds something is due.
    func patience(_ wait: UInt64?) -> Int32? {
        guard let wait else { return patience }
        return min(patience ?? .max, Int32(min(wait / 1_000_000 + 1, 1_000_000)))
    }

    private var patience: Int32? {
        if !suspects.isEmpty { return 1 }
        if let youngest = settling.values.max() {
            // Most take no millisecond; what takes longer waits for a disk.
            return monotonicNanoseconds() - youngest < 50_000_000 ? 1 : 10
        }
        return host.groups.needsSamples && !sandboxes.isEmpty ? 100 : nil
    }

    mutating func handle(_ token: UInt64) throws(LaunchFailure) {
        let run = token & ((1 << 60) - 1)
        switch Kind(rawValue: token >> 60) {
        case .control: try receiveCommand()
        case .report: sandboxes[run].map { hear($0) }
        case .death: try sandboxes[run].map { sandbox throws(LaunchFailure) in try bury(sandbox) }
        case .memory: sandboxes[run].map { suspect($0) }
        case .audit: hearAudit()
        case .preparer: hearPreparer()
        case .waiting: buryWaiting(run)
        case .reader: hearReader()
        case .engine: hearContainers()
        case .rendezvous: hearRendezvous(run)
        case .arriving: hearArriving(run)
        case .waitingContainer: buryWaitingContainer(run)
        case nil: break
        }
    }

    // MARK: commands

    mutating func receiveCommand() throws(LaunchFailure) {
        let message: MessageSocket.Message?
        do throws(SystemError) {
            message = try MessageSocket.receive(from: control, into: inbox, wait: false)
        } catch {
            // Too large a message or too many descriptors: all of it is gone, and nothing is done.
            if error.errno == EAGAIN || error.errno == EMSGSIZE { return }
            throw LaunchFailure(.handOver, error)
        }
        guard let message else { finish() }
        let now = monotonicNanoseconds()
        defer { message.closeAll() }
        guard let command = try? LauncherCommand(decoding: message.bytes) else { return }
        perform(command, descriptors: message.descriptors, receivedAt: now)
    }

    mutating func perform(_ command: LauncherCommand, descriptors: [Int32], receivedAt: UInt64) {
        switch command {
        case .policy(let policy): add(policy)
        case .audit: startAudit()
        case .seal(let warm):
            guard !sealed else { return }
            sealed = true
            startPreparer(capacity: warm)
            send(.sealed(host.groups.resources))
        case .trust:
            if !sealed, descriptors.count == 1 { try? clients.trust(descriptors[0]) }
        case .admit(let client):
            // Refused: the client's requests will be, by name.
            if descriptors.count == 1 { try? clients.admit(client, socket: descriptors[0]) }
        case .dismiss(let client):
            clients.dismiss(client)
            endWaiting(of: client)
        case .launch(let request): launch(request, descriptors, receivedAt: receivedAt)
        case .prepare(let policy): prepareOne(of: policy)
        case .signal(let run, let signal):
            guard (1..<32).contains(signal) else { return }
            if let sandbox = sandboxes[run] { return sandbox.forward(signal) }
            queue.note(signal, for: run)
            containers.queue.note(signal, for: run)
        case .stop(let run):
            sandboxes[run]?.stop()
            endWaiting(run)
        case .kill(let run):
            sandboxes[run].map { kill($0) }
            endWaiting(run)
        case .sample(let run):
            if let sandbox = sandboxes[run] {
                send(.sampled(run: run, usage: sandbox.prepared.group.usage(ended: false)))
            }
        case .pool: send(.pool(reportPool()))
        case .reader(let arguments): setReader(arguments, descriptors)
        case .reload: startReload()
        case .adopted(let generation): adopted(generation)
        case .engine(let socket):
            if !sealed, policies.isEmpty { containers.engine = socket }
        }
    }

    mutating func add(_ policy: CompiledPolicy) {
        do throws(LaunchFailure) {
            guard !sealed, policies[policy.name] == nil, policies.count < Self.maximumPolicies else {
                throw LaunchFailure(.refused, errno: EPERM, "no more policies are taken")
            }
            policies[policy.name] = try PreparedPolicy(policy, host: host, isAudited: audit != nil)
            if policy.container != nil { containers.isNeeded = true }
            #if SANDBOX_FAULTS
                Fault.reach(.policyTaken)
            #endif
            send(.policyReady(name: policy.name))
        } catch {
            send(.policyRefused(name: policy.name, failure: error))
        }
    }

    mutating func startAudit() {
        do throws(LaunchFailure) {
            guard !sealed, audit == nil, policies.isEmpty else {
                throw LaunchFailure(.refused, errno: EPERM, "audit comes first")
            }
            let audit = try LandlockAudit(landlock: host.landlock)
            let number = audit.number
            try at(.audit) { () throws(SystemError) in try readiness.add(number, token: Kind.audit.token()) }
            self.audit = consume audit
            send(.auditing)
        } catch {
            send(.auditRefused(failure: error))
        }
    }

    /// Blocks when sandboxd does not read: then there is nothing to do for it anyway.
    func send(_ event: LauncherEvent) {
        // EPIPE: sandboxd is gone, and the next receive says so.
        try? MessageSocket.send(event.encoded, over: control)
    }

    /// sandboxd is gone. Nothing of it stays.
    mutating func finish() -> Never {
        // Whoever is connected hears of the end when the last copy of his socket is closed.
        clients.dismissAll()
        endReload()
        for sandbox in sandboxes.values {
            // Of a run that is over only pid 1 is left to be killed.
            if sandbox.isTold { try? sandbox.prepared.process.signal(SIGKILL) } else { sandbox.kill() }
        }
        for sandbox in sandboxes.values { sandbox.prepared.process.killAndReap() }
        for sandbox in sandboxes.values { _ = sandbox.prepared.group.remove() }
        endContainers()
        endPool()
        if host.groups.removeAll() { host.slots.forgetRecord() }
        exit(0)
    }
}
