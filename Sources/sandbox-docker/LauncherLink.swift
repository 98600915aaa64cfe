import Dispatch
import Glibc
import LaunchPlan
import LinuxSystem

/// The launcher's socket from this side: commands as they come, on a thread that does nothing but wait for them.
final class LauncherLink: Sendable {
    let commands: AsyncStream<ContainerCommand>
    private let socket: Int32

    init(_ socket: Int32) {
        self.socket = socket
        let (stream, continuation) = AsyncStream.makeStream(of: ContainerCommand.self)
        commands = stream
        let thread = DispatchQueue(label: "launcher")
        thread.async {
            // An error here means the same as the end: nothing but the launcher's death makes one.
            while let message = try? MessageSocket.receive(from: socket, maximum: ContainerCommand.maximumBytes) {
                message.closeAll()
                guard let command = try? ContainerCommand(decoding: message.bytes) else { break }
                continuation.yield(command)
            }
            continuation.finish()
        }
    }

    /// The launcher reads at once, or is gone.
    func send(_ event: ContainerEvent) { try? MessageSocket.send(event.encoded, over: socket) }
}
