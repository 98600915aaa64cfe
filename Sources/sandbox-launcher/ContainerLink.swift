import Glibc
import LaunchPlan
import LinuxSystem

/// The launcher's end of sandbox-docker.
final class ContainerLink {
    let process: ChildProcess
    let socket: OwnedDescriptor
    private static let bufferBytes = 1 << 20

    /// Starts it as a user of its own in the group of the engine's socket, which is all that it needs, and more than enough:
    /// whoever may use that socket is root.
    init(_ settings: ContainerSettings) throws(SystemError) {
        var status = stat()
        try system("find the engine's socket", settings.engine) { stat(settings.engine, &status) }
        let (own, theirs) = try DescriptorPair.sockets(SOCK_SEQPACKET).release()
        let other = OwnedDescriptor(owning: theirs)
        socket = OwnedDescriptor(owning: own)
        for end in [own, theirs] { try MessageSocket.growBuffers(of: end, to: Self.bufferBytes) }
        let program = try InitExecutable.siblingPath(ContainerCommand.program)
        process = try ChildProcess(
            executing: program,
            arguments: [ContainerCommand.program, "\(SandboxIdentities.engineClient)", "\(status.st_gid)"],
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], socket: other.number)
        try send(.settings(settings))
    }

    /// EAGAIN: it is behind.
    func send(_ command: ContainerCommand) throws(SystemError) {
        try MessageSocket.send(command.encoded, over: socket.number, wait: false)
    }

    enum Heard {
        case nothing
        case event(ContainerEvent)
        /// It has ended, or says what cannot be understood.
        case gone
    }

    func hear() -> Heard {
        do throws(SystemError) {
            guard
                let message = try MessageSocket.receive(
                    from: socket.number, maximum: ContainerEvent.maximumBytes, wait: false)
            else { return .gone }
            message.closeAll()
            guard let event = try? ContainerEvent(decoding: message.bytes) else { return .gone }
            return .event(event)
        } catch {
            return error.errno == EAGAIN ? .nothing : .gone
        }
    }

    /// It removes its containers when its socket ends, and then ends itself.
    func end(patience milliseconds: Int32) {
        // One that is not let may not begin to clear away: another one is started, and runs go on.
        if milliseconds == 0 { kill(process.pid, SIGKILL) }
        shutdown(socket.number, Int32(SHUT_RDWR))
        guard !process.wait(milliseconds: milliseconds) else { return }
        // This process's child, which is not reaped: the number is its own.
        kill(process.pid, SIGKILL)
        _ = process.wait(milliseconds: 1000)
    }
}
