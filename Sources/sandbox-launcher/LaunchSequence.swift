import CSandbox
import Glibc
import LaunchPlan
import LinuxSystem

/// The way from a checked request to a running pid 1. What fails leaves nothing behind.
struct LaunchSequence {
    let host: Host
    let prepared: PreparedPolicy
    let request: LaunchRequest
    let slot: IdentitySlot
    /// The detached workspace, if one was asked for.
    let workspace: Int32?
    /// Standard input, output and error.
    let descriptors: [Int32]

    func start() throws(LaunchFailure) -> Sandbox {
        let group = try at(.cgroup) { () throws(SystemError) in
            try host.groups.create("run-\(request.run)", limits: request.limits)
        }
        do {
            return try start(in: group)
        } catch {
            _ = group.remove()
            throw error
        }
    }

    private func start(in group: any ControlGroup) throws(LaunchFailure) -> Sandbox {
        let initSockets = try Self.sockets()
        let commandSockets = try Self.sockets()
        let process = try spawn(
            initSocket: initSockets.second.number, commandSocket: commandSockets.second.number, group: group)
        do throws(LaunchFailure) {
            try identify(process.pid)
            if group.birthDescriptor < 0 {
                try at(.attach) { () throws(SystemError) in try group.attach(process.pid) }
            }
            try handOver(initSocket: initSockets.first.number, commandSocket: commandSockets.first.number)
        } catch {
            process.killAndReap()
            throw error
        }
        return Sandbox(
            run: request.run, request: request, slot: slot, group: group, process: process,
            socket: initSockets.closingSecond())
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
        let namespaces: Namespaces = [.user, .mount, .pid, .network, .ipc, .uts]
        var spawn = sandbox_init_spawn(
            executable: host.initExecutable.number, init_socket: initSocket, command_socket: commandSocket,
            namespaces: UInt64(UInt32(bitPattern: namespaces.rawValue)), cgroup: group.birthDescriptor)
        try at(.template) { () throws(SystemError) in try MountNamespace.enter(prepared.template) }
        var pidfd: Int32 = -1
        var stage: Int32 = 0
        let exposed = failureToHide()
        let pid = exposed == nil ? sandbox_spawn_init(&spawn, &pidfd, &stage) : -1
        let code = errno
        // A root process that is lost in a tenant's view of the file system must not go on.
        guard (try? MountNamespace.enter(host.home)) != nil else { fatalError("failed to return to the host's mounts") }
        if let exposed { throw LaunchFailure(.template, exposed) }
        guard pid > 0 else {
            if pidfd >= 0 { ForkedChild(pid: 0, pidfd: OwnedDescriptor(owning: pidfd)).killAndReap() }
            throw LaunchFailure(.clone, errno: code, stage == 1 ? "clone3" : "execute sandbox-init")
        }
        return ForkedChild(pid: pid, pidfd: OwnedDescriptor(owning: pidfd))
    }

    /// What the policy hides must be hidden now, whatever the host did to it since the template was made.
    private func failureToHide() -> SystemError? {
        do throws(SystemError) {
            try TemplateNamespace.keepHidden(prepared.policy.hidePaths)
            return nil
        } catch {
            return error
        }
    }

    /// The sandbox's two users: 0 and 1000 inside, two numbers of nobody else's outside.
    private func identify(_ pid: Int32) throws(LaunchFailure) {
        let map = "0 \(slot.root) 1\n1000 \(slot.command) 1\n"
        try at(.maps) { () throws(SystemError) in
            try IdentityMap.write(uids: map, gids: map, of: pid, proc: host.proc)
        }
    }

    private func handOver(initSocket: Int32, commandSocket: Int32) throws(LaunchFailure) {
        let command = CommandMessage.encode(request)
        try at(.handOver) { () throws(SystemError) in
            if command.count > 64 << 10 { try MessageSocket.growBuffers(of: commandSocket, to: 2 * command.count) }
            // No message here can block: each socket's buffer holds all that it is sent.
            try MessageSocket.send([prepared.sealsMemoryFiles ? 2 : 1], over: initSocket)
            try MessageSocket.send(prepared.message, over: initSocket)
            try MessageSocket.send(
                WorkspaceMessage.encode(hasMount: workspace != nil), descriptors: workspace.map { [$0] } ?? [],
                over: initSocket)
            let executable = request.probe ? [host.probeExecutable.number] : []
            try MessageSocket.send(command, descriptors: descriptors + executable, over: commandSocket)
        }
    }
}
