import CInitPlan
import Glibc
import LaunchPlan
import LinuxSystem

/// A container that was ordered, until its sandbox-init is ready: it must come to the one socket that only it is shown, as the user
/// that was asked for, out of the container that the engine names.
final class ArrivingContainer {
    let number: UInt64
    let policy: PreparedPolicy
    let slot: IdentitySlot
    /// Whom it was made for, as its labels say: nobody else gets it. `nil`: for whoever comes.
    let run: UInt64?
    /// CLOCK_MONOTONIC, nanoseconds: when nobody waits for it any more.
    let deadline: UInt64
    private(set) var rendezvous: Rendezvous?
    private var connections: [Rendezvous.Connection] = []
    /// As the engine calls it, with the image's variables.
    var started: (container: String, environment: [String])?
    private(set) var sandbox: PreparedSandbox?

    /// Less than sandboxd's patience with a start, so that it is this process that says what is wrong.
    static let patience: UInt64 = 25_000_000_000

    init(
        number: UInt64, policy: PreparedPolicy, slot: IdentitySlot, run: UInt64?, path: String
    ) throws(LaunchFailure) {
        self.run = run
        self.number = number
        self.policy = policy
        self.slot = slot
        deadline = monotonicNanoseconds() + Self.patience
        rendezvous = try at(.containerCreate) { () throws(SystemError) in try Rendezvous(path: path) }
    }

    /// Takes whoever comes. Returns whether both have.
    func accept() throws(LaunchFailure) -> Bool {
        while connections.count < 2, let rendezvous {
            let connection = try at(.containerEnter) { () throws(SystemError) in try rendezvous.accept() }
            guard let connection else { break }
            let peer = connection.peer
            guard peer.uid == slot.command, peer.gid == slot.commandGroup,
                connections.first.map({ $0.peer == peer }) ?? true
            else {
                throw LaunchFailure(.containerEnter, errno: EPERM, "another than the container's first process came")
            }
            connections.append(connection)
        }
        return connections.count == 2
    }

    /// Nobody else gets through that name, whatever the container's command finds there.
    func closeRendezvous() { rendezvous = nil }

    /// When both have come and the engine has said that it is started: gives pid 1 what depends on the policy alone.
    func greet(_ host: Host) throws(LaunchFailure) {
        guard sandbox == nil, connections.count == 2, let started else { return }
        let pid = connections[0].peer.pid
        let limits = policy.policy.maximum
        let (own, commands) = (connections[0].socket.number, connections[1].socket.number)
        let made = try at(.containerEnter) { () throws(SystemError) in
            let process = try ForkedChild(stranger: pid)
            // It is the one at the other end still: what its pid says is about it.
            var state = pollfd(fd: own, events: 0, revents: 0)
            guard poll(&state, 1, 0) == 0 else { throw SystemError("meet the container's first process", errno: ESRCH) }
            let group = try host.groups.foreign(of: pid, named: started.container, limits: limits)
            let room = try ContainerRoom(
                order: number, environment: started.environment, pid: pid, proc: host.proc)
            let sandbox = PreparedSandbox(
                slot: slot, group: group, process: process, socket: try duplicateDescriptor(own),
                commandSocket: try duplicateDescriptor(commands))
            sandbox.container = room
            // It lives: all that was opened by its number since is its own.
            guard try sandbox.process.reap(wait: false) == nil else {
                throw SystemError("meet the container's first process", errno: ESRCH)
            }
            return sandbox
        }
        connections = []
        try at(.handOver) { () throws(SystemError) in
            #if SANDBOX_FAULTS
                let word = [UInt8(INIT_WORD_CONTAINER)] + Fault.forSandbox()
            #else
                let word = [UInt8(INIT_WORD_CONTAINER)]
            #endif
            try MessageSocket.send(word, over: made.socket.number)
            try MessageSocket.growBuffers(of: made.socket.number, to: 2 * policy.message.count)
            try MessageSocket.send(policy.message, over: made.socket.number)
        }
        sandbox = made
    }

    /// pid 1 says that it is ready, or what failed. Returns the sandbox when it is.
    func hear() throws(LaunchFailure) -> PreparedSandbox? {
        guard let sandbox else { return nil }
        let message: MessageSocket.Message?
        do throws(SystemError) {
            message = try MessageSocket.receive(
                from: sandbox.socket.number, maximum: MemoryLayout<init_denial>.size, wait: false)
        } catch {
            if error.errno == EAGAIN { return nil }
            throw LaunchFailure(.initReceive, error)
        }
        guard let message else {
            throw LaunchFailure(.initReceive, errno: ECHILD, "the container's first process has ended")
        }
        message.closeAll()
        if let failure = LaunchFailure(report: message.bytes) { throw failure }
        sandbox.isReady = true
        return sandbox
    }
}
