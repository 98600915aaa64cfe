import CSandbox
import Glibc
import LaunchPlan
import LinuxSystem

/// What the launcher holds of the host for as long as it lives.
final class Host {
    let rights: HostRights
    let proc: Directory
    /// The host's mount namespace, or without root a copy that follows it, to come back to. The launcher stays in it and
    /// mounts nothing there: a workspace on a mount that was made after the daemon's start must be that mount, and not what it
    /// covers.
    let home: OwnedDescriptor
    /// A sealed copy of sandbox-init: no sandbox can change what the next one runs (CVE-2019-5736).
    let initExecutable: OwnedDescriptor
    /// The same of sandbox-probe.
    let probeExecutable: OwnedDescriptor
    let groups: any ControlGroupHierarchy
    let slots: IdentitySlots
    let landlock: Landlock
    let memory: MemoryProtection
    /// What sandboxes run at: what whoever started sandboxd had.
    let niceness: Int32

    private init(
        rights: HostRights, proc: Directory, home: consuming OwnedDescriptor, initExecutable: consuming OwnedDescriptor,
        probeExecutable: consuming OwnedDescriptor, groups: any ControlGroupHierarchy, slots: IdentitySlots,
        landlock: Landlock, niceness: Int32
    ) {
        self.rights = rights
        self.proc = proc
        self.home = home
        self.initExecutable = initExecutable
        self.probeExecutable = probeExecutable
        self.groups = groups
        self.slots = slots
        self.landlock = landlock
        memory = MemoryProtection(proc: proc, rights: rights)
        self.niceness = niceness
    }

    /// - Parameter isService: this is no daemon for one call.
    static func prepare(control: Int32, isService: Bool) throws(LaunchFailure) -> Host {
        try at(.descriptors) { () throws(SystemError) in
            try settle(control: control)
        }
        let rights = try HostRights.take()
        let niceness = Niceness.own
        Niceness.lower(to: Niceness.ofService)
        let proc = try at(.descriptors) { () throws(SystemError) in try Directory("/proc") }
        let home = try at(.template) { () throws(SystemError) in
            try MountNamespace.open(of: getpid(), proc: proc)
        }
        let executable = try at(.descriptors) { () throws(SystemError) in
            try InitExecutable.sealedCopy(of: "sandbox-init")
        }
        let probe = try at(.descriptors) { () throws(SystemError) in
            try InitExecutable.sealedCopy(of: ProbePlan.program)
        }
        let (slots, groups) = try IdentitySlots.reserve(rights, isService: isService, proc: proc)
        #if SANDBOX_FAULTS
            Fault.reach(.claimed)
        #endif
        let landlock = try at(.commandLandlock) { () throws(SystemError) in try Landlock() }
        return Host(
            rights: rights, proc: proc, home: home, initExecutable: executable, probeExecutable: probe, groups: groups,
            slots: slots,
            landlock: landlock, niceness: niceness)
    }

    /// Runs `body` with the caller's rights on files, which without root are this process's own: `Clients` admits nobody else.
    func asCaller<Value: ~Copyable>(
        _ caller: PeerIdentity, _ body: () throws(SystemError) -> Value
    ) throws(SystemError) -> Value {
        try rights.isRoot ? PathWalk.asCaller(caller, body) : body()
    }

    /// Runs `spawn` with the score that sandboxes have when the host's memory runs out, where only this process itself can give
    /// it to them: without root they are no children whose files are its own to write. It may raise its own and take that back.
    func bearingSandboxScore(_ spawn: () -> Int32) throws(SystemError) -> Int32 {
        guard !rights.isRoot else { return spawn() }
        let own = try MemoryPressureScore.get(of: getpid(), proc: proc)
        guard own < MemoryPressureScore.ofSandboxes else { return spawn() }
        try MemoryPressureScore.set(MemoryPressureScore.ofSandboxes, of: getpid(), proc: proc)
        let result = spawn()
        try MemoryPressureScore.set(own, of: getpid(), proc: proc)
        return result
    }

    /// Every command gets a limit of one byte on core dumps, which is the value at which the kernel starts no handler of
    /// the host either (core(5)). Whoever started this process may have set the hard limit to 0: only one who may raise
    /// it can undo that. Nobody need where the kernel writes files, and starts no handler: 0 is none then.
    private static func allowCoreLimit() throws(SystemError) {
        let core = __rlimit_resource_t(RLIMIT_CORE.rawValue)
        var limit = rlimit()
        try system("read the limit on core dumps") { getrlimit(core, &limit) }
        guard limit.rlim_max < 1 else { return }
        if geteuid() != 0, !startsCoreHandler(try wholeFile("/proc/sys/kernel/core_pattern")) { return }
        limit = rlimit(rlim_cur: 1, rlim_max: 1)
        try system("raise the hard limit on core dumps from 0 to 1 (start without ulimit -c 0)") {
            setrlimit(core, &limit)
        }
    }

    /// Whether core dumps go to a program, which a limit of 0 does not prevent, and 1 does, core(5). A socket (`@`, since
    /// Linux 6.16) no limit prevents: doctor tells of that.
    static func startsCoreHandler(_ pattern: String) -> Bool { pattern.hasPrefix("|") }

    /// Makes this process's own state independent of who started it.
    private static func settle(control: Int32) throws(SystemError) {
        // Terminal signals and the like are sandboxd's business; the end of its socket ends this process. What a parent
        // ignored must not stay ignored in the sandboxes.
        // What cannot be ignored refuses this, and need not be reset.
        for number in 1...64 { _ = sandbox_default_signal(Int32(number)) }
        var all = sigset_t()
        sigfillset(&all)
        sigprocmask(SIG_BLOCK, &all, nil)
        // Without root nobody can leave a group, and the sandboxes keep all of them (`HostRights.user`).
        if geteuid() == 0 { try system("leave all groups") { setgroups(0, nil) } }
        try allowCoreLimit()
        umask(0o022)
        try system("change directory", "/") { chdir("/") }
        // Nothing but standard input, output, error and the socket; and nobody inherits the socket.
        try system("close inherited descriptors") { sandbox_close_from(UInt32(control) + 1) }
        try system("mark the socket") { fcntl(control, F_SETFD, FD_CLOEXEC) }
        // What is opened from here on is above those that sandbox_spawn_init uses.
        while true {
            let filler = try system("open", "/dev/null") { open("/dev/null", O_RDWR | O_CLOEXEC) }
            if filler >= SANDBOX_SPAWN_END - 1 { return }
        }
    }
}

/// Runs a step and names it when a system call of it fails.
func at<Value: ~Copyable>(
    _ stage: LaunchStage, _ body: () throws(SystemError) -> Value
) throws(LaunchFailure) -> Value {
    do {
        #if SANDBOX_FAULTS
            try Fault.step(stage.rawValue, stage.name)
        #endif
        return try body()
    } catch {
        throw LaunchFailure(stage, error)
    }
}

extension LaunchFailure {
    init(_ stage: LaunchStage, _ error: SystemError) {
        let subject = error.subject.isEmpty ? error.call : "\(error.call) \(error.subject)"
        self.init(stage, errno: error.errno, subject)
    }
}
