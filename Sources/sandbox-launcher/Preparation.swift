import CInitPlan
import CSandbox
import Glibc
import LaunchPlan
import LinuxSystem

/// The way from a policy to a prepared sandbox. What fails leaves nothing behind.
struct Preparation {
    let host: Host
    let policy: PreparedPolicy
    let slot: IdentitySlot
    /// In a preparer: the sandbox is a child of the launcher's, who is told of one that came to nothing.
    var mourner: Mourner?
    /// This process is in a network namespace that is the sandbox's alone.
    var hasNetwork = false

    /// Takes what only the launcher can reap.
    final class Mourner {
        /// pidfds, of this object.
        private(set) var dead: [Int32] = []

        func take(_ child: borrowing ForkedChild) {
            // ESRCH: it has ended.
            try? child.signal(SIGKILL)
            if let pidfd = try? child.pidfd.duplicate() { dead.append(pidfd.release()) }
        }

        deinit {
            for pidfd in dead { close(pidfd) }
        }
    }

    private func bury(_ child: borrowing ForkedChild) {
        if let mourner { mourner.take(child) } else { child.killAndReap() }
    }

    /// - Parameters:
    ///   - name: of the group.
    ///   - limits: of the group: the policy's, or, where the request is known, the request's.
    func make(_ name: String, limits: LaunchLimits, rates: [DiskRate] = []) throws(LaunchFailure) -> PreparedSandbox {
        let group = try at(.cgroup) { () throws(SystemError) in
            try host.groups.create(name, limits: limits, rates: rates)
        }
        do {
            return try make(in: group)
        } catch {
            _ = group.remove()
            throw error
        }
    }

    /// What fails leaves the group, which is the caller's.
    func make(in group: any ControlGroup) throws(LaunchFailure) -> PreparedSandbox {
        #if SANDBOX_FAULTS
            Fault.reach(.groupMade)
        #endif
        let initSockets = try Self.sockets()
        let commandSockets = try Self.sockets()
        let process = try spawn(
            initSocket: initSockets.second.number, commandSocket: commandSockets.second.number, group: group)
        #if SANDBOX_FAULTS
            Fault.reach(.initCloned)
        #endif
        do throws(LaunchFailure) {
            try identify(process.pid)
            #if SANDBOX_FAULTS
                Fault.reach(.mapsWritten)
            #endif
            if mourner == nil, host.rights.isRoot {
                let (pid, proc) = (process.pid, host.proc)
                try at(.clone) { () throws(SystemError) in
                    try MemoryPressureScore.set(MemoryPressureScore.ofSandboxes, of: pid, proc: proc)
                }
            }
            let socket = initSockets.first.number
            try at(.handOver) { () throws(SystemError) in
                #if SANDBOX_FAULTS
                    let word = [firstWord] + Fault.forSandbox()
                    if word[1] != 0 { Fault.tellSandbox(process.pid) }
                #else
                    let word = [firstWord]
                #endif
                try MessageSocket.send(word, over: socket)
                try MessageSocket.send(policy.message, over: socket)
            }
        } catch {
            let reason =
                error.stage == .handOver ? InitFailure.told(after: error.errno, over: initSockets.first.number) : nil
            bury(process)
            throw reason ?? error
        }
        return PreparedSandbox(
            slot: slot, group: group, process: process, socket: initSockets.closingSecond(),
            commandSocket: commandSockets.closingSecond())
    }

    /// Not through `at`: Swift 6.3.1 with optimization does not destroy a pair of noncopyable values that came out of a
    /// generic function, and its descriptors stay open.
    private static func sockets() throws(LaunchFailure) -> DescriptorPair {
        do throws(SystemError) {
            return try DescriptorPair.sockets(SOCK_SEQPACKET)
        } catch {
            throw LaunchFailure(.descriptors, error)
        }
    }

    /// pid 1, born in the policy's template. This process is in the template's namespace only for the clone.
    private func spawn(
        initSocket: Int32, commandSocket: Int32, group: any ControlGroup
    ) throws(LaunchFailure) -> ForkedChild {
        var namespaces: Namespaces = [.user, .mount, .pid, .network, .ipc, .uts]
        if hasNetwork { namespaces.remove(.network) }
        let entrances = try at(.attach) { () throws(SystemError) in try group.entrances() }
        var spawn = sandbox_init_spawn()
        spawn.executable = host.initExecutable.number
        spawn.init_socket = initSocket
        spawn.command_socket = commandSocket
        spawn.namespaces = UInt64(UInt32(bitPattern: namespaces.rawValue))
        spawn.cgroup = group.birthDescriptor
        spawn.nice = host.niceness
        spawn.for_parent = mourner == nil ? 0 : 1
        precondition(entrances.descriptors.count <= Int(SANDBOX_MAXIMUM_ENTRANCES))
        withUnsafeMutableBytes(of: &spawn.entrances) { entrances.descriptors.withUnsafeBytes($0.copyMemory) }
        spawn.entrance_count = Int32(entrances.descriptors.count)
        var pidfd: Int32 = -1
        var stage: Int32 = 0
        var code: Int32 = 0
        let pid = try policy.inTemplate(of: host) { () throws(SystemError) -> Int32 in
            // The launcher covers (`ControlLoop.cover`): a second one who did would keep from it that there was something to do.
            try TemplateNamespace.requireHidden(policy.policy.hidePaths)
            return try host.bearingSandboxScore {
                let pid = sandbox_spawn_init(&spawn, &pidfd, &stage)
                code = errno
                return pid
            }
        }
        extendLifetime(entrances)
        guard pid > 0 else {
            if pidfd >= 0 { bury(ForkedChild(pid: 0, pidfd: OwnedDescriptor(owning: pidfd))) }
            if stage == 3 { throw LaunchFailure(.attach, errno: code, "enter a control group") }
            throw LaunchFailure(.clone, errno: code, stage == 1 ? "clone3" : "execute sandbox-init")
        }
        return ForkedChild(pid: pid, pidfd: OwnedDescriptor(owning: pidfd))
    }

    /// What pid 1 hears first of all.
    private var firstWord: UInt8 {
        guard host.rights.isRoot else { return UInt8(INIT_WORD_SINGLE) }
        return UInt8(policy.sealsMemoryFiles ? INIT_WORD_SEAL : INIT_WORD_MAPPED)
    }

    private func identify(_ pid: Int32) throws(LaunchFailure) {
        let maps = slot.maps
        try at(.maps) { () throws(SystemError) in
            try IdentityMap.write(uids: maps.uids, gids: maps.gids, of: pid, proc: host.proc)
        }
    }
}

extension PreparedPolicy {
    /// Runs `body` in the template's mount namespace and comes back.
    func inTemplate<Value>(
        of host: Host, _ body: () throws(SystemError) -> Value
    ) throws(LaunchFailure) -> Value {
        try at(.template) { () throws(SystemError) in try MountNamespace.enter(template) }
        var failure: SystemError?
        var value: Value?
        do throws(SystemError) { value = try body() } catch { failure = error }
        // A root process that is lost in a tenant's view of the file system must not go on.
        guard (try? MountNamespace.enter(host.home)) != nil else { fatalError("failed to return to the host's mounts") }
        guard let value else {
            throw LaunchFailure(.template, failure ?? SystemError("enter a template", errno: EINVAL))
        }
        return value
    }
}
