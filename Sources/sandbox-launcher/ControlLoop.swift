import Glibc
import LaunchPlan
import LinuxSystem

/// The launcher's life: commands from sandboxd, reports from sandboxes, and their ends. One thread, one epoll.
struct ControlLoop: ~Copyable {
    private let control: Int32
    private let host: Host
    private let readiness: ReadinessSet
    private var policies: [String: PreparedPolicy] = [:]
    private var sealed = false
    private var clients = Clients()
    private var workspaces: WorkspaceOpener
    private var sandboxes: [UInt64: Sandbox] = [:]
    /// Groups that the kernel would not yet let go.
    private var leftGroups: [any ControlGroup] = []

    /// Runs whose group has met its memory limit and whose kill is not yet counted, and how often to look again.
    private var suspects: [UInt64: Int] = [:]

    /// `nil`: nobody asked for it.
    private var audit: LandlockAudit?

    private static let maximumPolicies = 256
    private static let maximumSandboxes = 4096

    /// What an epoll token is about: the kind in the upper bits, the run below.
    private enum Kind: UInt64 {
        case control = 0
        case report = 1
        case death = 2
        case memory = 3
        case audit = 4

        func token(_ run: UInt64 = 0) -> UInt64 { rawValue << 60 | run }
    }

    init(control: Int32, host: Host) throws(LaunchFailure) {
        self.control = control
        self.host = host
        workspaces = WorkspaceOpener(host: host)
        readiness = try at(.descriptors) { () throws(SystemError) in
            let readiness = try ReadinessSet()
            try readiness.add(control, token: Kind.control.token())
            return readiness
        }
    }

    /// Returns never: it ends with sandboxd.
    mutating func run() throws(LaunchFailure) -> Never {
        while true {
            let patience: Int32? = suspects.isEmpty ? nil : 2
            for token in try at(.descriptors, { () throws(SystemError) in try readiness.wait(milliseconds: patience) })
            {
                try handle(token)
            }
            checkSuspects()
        }
    }

    private mutating func handle(_ token: UInt64) throws(LaunchFailure) {
        let run = token & ((1 << 60) - 1)
        switch Kind(rawValue: token >> 60) {
        case .control: try receiveCommand()
        case .report: sandboxes[run].map { hear($0) }
        case .death: try sandboxes[run].map { sandbox throws(LaunchFailure) in try bury(sandbox) }
        case .memory: sandboxes[run].map { suspect($0) }
        case .audit: hearAudit()
        case nil: break
        }
    }

    // MARK: commands

    private mutating func receiveCommand() throws(LaunchFailure) {
        let message: MessageSocket.Message?
        do throws(SystemError) {
            message = try MessageSocket.receive(from: control, maximum: LauncherCommand.maximumBytes, wait: false)
        } catch {
            // Too large a message or too many descriptors: all of it is gone, and nothing is done.
            if error.errno == EAGAIN || error.errno == EMSGSIZE { return }
            throw LaunchFailure(.handOver, error)
        }
        guard let message else { finish() }
        defer { message.closeAll() }
        guard let command = try? LauncherCommand(decoding: message.bytes) else { return }
        perform(command, descriptors: message.descriptors)
    }

    private mutating func perform(_ command: LauncherCommand, descriptors: [Int32]) {
        switch command {
        case .policy(let policy): add(policy)
        case .audit: startAudit()
        case .seal:
            sealed = true
            send(.sealed(limits: host.groups.name))
        case .trust:
            if !sealed, descriptors.count == 1 { try? clients.trust(descriptors[0]) }
        case .admit(let client):
            // Refused: the client's requests will be, by name.
            if descriptors.count == 1 { try? clients.admit(client, socket: descriptors[0]) }
        case .dismiss(let client): clients.dismiss(client)
        case .launch(let request): launch(request, descriptors)
        case .signal(let run, let signal):
            if (1..<32).contains(signal) { sandboxes[run]?.forward(signal) }
        case .kill(let run): sandboxes[run]?.kill()
        case .sample(let run):
            if let sandbox = sandboxes[run] { send(.sampled(run: run, usage: sandbox.group.usage())) }
        }
    }

    private mutating func add(_ policy: CompiledPolicy) {
        do throws(LaunchFailure) {
            guard !sealed, policies[policy.name] == nil, policies.count < Self.maximumPolicies else {
                throw LaunchFailure(.refused, errno: EPERM, "no more policies are taken")
            }
            policies[policy.name] = try PreparedPolicy(policy, host: host, isAudited: audit != nil)
            send(.policyReady(name: policy.name))
        } catch {
            send(.policyRefused(name: policy.name, failure: error))
        }
    }

    private mutating func startAudit() {
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

    // MARK: runs

    private mutating func launch(_ request: LaunchRequest, _ descriptors: [Int32]) {
        do throws(LaunchFailure) {
            let sandbox = try start(request, descriptors)
            sandboxes[request.run] = sandbox
            do throws(SystemError) {
                try watch(sandbox)
            } catch {
                sandboxes[request.run] = nil
                sandbox.process.killAndReap()
                release(sandbox)
                throw LaunchFailure(.descriptors, error)
            }
        } catch {
            send(.failed(run: request.run, failure: error))
        }
    }

    private mutating func start(_ request: LaunchRequest, _ descriptors: [Int32]) throws(LaunchFailure) -> Sandbox {
        guard sealed, request.run < 1 << 60, sandboxes[request.run] == nil, descriptors.count == 3,
            sandboxes.count < Self.maximumSandboxes
        else { throw LaunchFailure(.refused, errno: EPERM, "this run can not be started") }
        guard let prepared = policies[request.policy] else {
            throw LaunchFailure(.refused, errno: ENOENT, "no policy \(request.policy)")
        }
        let request = request.probe ? try RequestCheck.probe(request, of: prepared) : request
        try RequestCheck.check(request, against: prepared.policy)
        for descriptor in descriptors { try RequestCheck.checkStandardStream(descriptor) }
        let caller = request.probe ? nil : try clients.identity(of: request.client)
        guard let slot = host.slots.take() else { throw LaunchFailure(.slots, errno: EAGAIN, "no identity is free") }
        do throws(LaunchFailure) {
            return try start(request, descriptors, prepared, caller, slot)
        } catch {
            host.slots.giveBack(slot)
            throw error
        }
    }

    private mutating func start(
        _ request: LaunchRequest, _ descriptors: [Int32], _ prepared: PreparedPolicy, _ caller: PeerIdentity?,
        _ slot: IdentitySlot
    ) throws(LaunchFailure) -> Sandbox {
        func sequence(_ workspace: Int32?) -> LaunchSequence {
            LaunchSequence(
                host: host, prepared: prepared, request: request, slot: slot, workspace: workspace,
                descriptors: descriptors)
        }
        guard let path = request.workspace, let caller else { return try sequence(nil).start() }
        let workspace = try workspaces.open(path, as: caller, prepared: prepared, slot: slot)
        return try sequence(workspace.number).start()
    }

    private func watch(_ sandbox: Sandbox) throws(SystemError) {
        try readiness.add(sandbox.socket.number, token: Kind.report.token(sandbox.run))
        try readiness.add(sandbox.process.pidfd.number, token: Kind.death.token(sandbox.run))
        if sandbox.group.memoryEvents >= 0 {
            try readiness.add(sandbox.group.memoryEvents, token: Kind.memory.token(sandbox.run))
        }
    }

    // MARK: reports and ends

    private func hear(_ sandbox: Sandbox) {
        while true {
            switch try? sandbox.hear() {
            case .started(let at): send(.started(run: sandbox.run, at: at))
            case .report: continue
            case .nothing: return
            case .closed, nil:
                readiness.forget(sandbox.socket.number)
                return
            }
        }
    }

    private mutating func hearAudit() {
        for (uid, denial) in audit?.drain() ?? [] {
            sandboxes.values.first { $0.slot.command == uid }?.note(denial)
        }
    }

    /// cgroup v1 tells of the limit just before it kills, so the kill is looked for until it is counted.
    private mutating func suspect(_ sandbox: Sandbox) {
        var count: UInt64 = 0
        _ = read(sandbox.group.memoryEvents, &count, 8)
        suspects[sandbox.run] = 500
    }

    /// An out-of-memory kill of any process ends the run: what is left of it would be half a program.
    private mutating func checkSuspects() {
        for (run, looks) in suspects {
            guard let sandbox = sandboxes[run], looks > 0 else {
                suspects[run] = nil
                continue
            }
            suspects[run] = looks - 1
            guard sandbox.group.usage().memoryKills > 0 else { continue }
            suspects[run] = nil
            sandbox.kill()
        }
    }

    /// pid 1 has ended, and with it every process of its namespace.
    private mutating func bury(_ sandbox: Sandbox) throws(LaunchFailure) {
        let reaped = try at(.descriptors) { () throws(SystemError) in try sandbox.process.reap(wait: false) }
        guard reaped != nil else { return }
        hear(sandbox)
        hearAudit()
        audit?.forget(sandbox.slot.command)
        readiness.forget(sandbox.process.pidfd.number)
        readiness.forget(sandbox.socket.number)
        if sandbox.group.memoryEvents >= 0 { readiness.forget(sandbox.group.memoryEvents) }
        sandboxes[sandbox.run] = nil
        if let failure = sandbox.failure {
            send(.failed(run: sandbox.run, failure: failure))
        } else {
            send(.finished(run: sandbox.run, report: sandbox.report()))
        }
        release(sandbox)
    }

    private mutating func release(_ sandbox: Sandbox) {
        leftGroups.append(sandbox.group)
        leftGroups.removeAll { $0.remove() }
        host.slots.giveBack(sandbox.slot)
    }

    /// Blocks when sandboxd does not read: then there is nothing to do for it anyway.
    private func send(_ event: LauncherEvent) {
        // EPIPE: sandboxd is gone, and the next receive says so.
        try? MessageSocket.send(event.encoded, over: control)
    }

    /// sandboxd is gone. Nothing of it stays.
    private mutating func finish() -> Never {
        for sandbox in sandboxes.values { sandbox.kill() }
        for sandbox in sandboxes.values { sandbox.process.killAndReap() }
        for sandbox in sandboxes.values { _ = sandbox.group.remove() }
        for group in leftGroups { _ = group.remove() }
        host.groups.removeAll()
        exit(0)
    }
}
