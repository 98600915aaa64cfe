import Glibc
import LaunchPlan
import LinuxSystem

/// A sandbox without a command: all that depends on its policy alone is done or under way in it, and its pid 1 and the
/// process that becomes the command wait for a request. It serves one and is never used again.
final class PreparedSandbox {
    /// Among those that wait; 0 for one that was made for its request.
    var number: UInt64 = 0
    /// The preparer's, if it made this.
    var order: UInt64?
    /// pid 1 has said so.
    var isReady = false
    /// An engine made it, in a container.
    var container: ContainerRoom?
    /// It was given a directory of the host's, in which there may be sockets.
    private(set) var hasWayOut = false
    let slot: IdentitySlot
    let group: any ControlGroup
    let process: ForkedChild
    /// pid 1's socket; its reports come here.
    let socket: OwnedDescriptor
    /// The socket of the process that becomes the command.
    let commandSocket: OwnedDescriptor

    init(
        slot: IdentitySlot, group: any ControlGroup, process: consuming ForkedChild,
        socket: consuming OwnedDescriptor, commandSocket: consuming OwnedDescriptor
    ) {
        self.slot = slot
        self.group = group
        self.process = process
        self.socket = socket
        self.commandSocket = commandSocket
    }

    /// Gives it its request: to the command's process, which then goes on to execute, and to pid 1 what that has to do before.
    ///
    /// - Parameters:
    ///   - workspace: the detached mount, if one was asked for.
    ///   - descriptors: standard input, output and error; for a probe its program as well.
    ///   - isCounted: as `CommandMessage` has it.
    /// - Returns: when it was about to get the last of it: after that it can execute before this returns.
    func handOver(
        _ request: LaunchRequest, of policy: CompiledPolicy, workspace: Int32?, descriptors: [Int32],
        isCounted: Bool
    ) throws(SystemError) -> UInt64 {
        hasWayOut = workspace != nil
        let word = WorkspaceMessage(request.limits, of: policy, hasMount: workspace != nil)
        // One that is not ready is still to take what the command's process gives up when it executes.
        let awaitsInit = !isReady || !word.changesNothing
        let command = CommandMessage.encode(request, awaitsInit: awaitsInit, isCounted: isCounted)
        if command.count > 64 << 10 { try MessageSocket.growBuffers(of: commandSocket.number, to: 2 * command.count) }
        // No message here can block: each socket's buffer holds all that it is sent. pid 1 first: it works while the
        // other reads.
        if awaitsInit {
            // In a container it is in its place already.
            let mounts = container == nil ? workspace.map { [$0] } ?? [] : []
            try MessageSocket.send(word.encoded, descriptors: mounts, over: socket.number)
        }
        let now = monotonicNanoseconds()
        try MessageSocket.send(command, descriptors: descriptors, over: commandSocket.number)
        return now
    }
}
