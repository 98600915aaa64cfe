public import SandboxModel
import SandboxWire

/// A run that has been started: its events, its input, and the ways to end it.
///
/// A value that is dropped without its events having been taken to the end cancels the run.
public struct Run: Sendable {
    /// The run's unguessable id, for `SandboxClient.kill` and for the daemon's records.
    public let id: String
    private let handle: RunHandle

    init(id: String, handle: RunHandle) {
        self.id = id
        self.handle = handle
    }

    /// What happens in the run. For one consumer; output that was taken once does not come again.
    public var events: RunEvents { RunEvents(handle: handle) }

    /// Writes to the command's standard input, and suspends while the command does not read.
    ///
    /// The request must say `stdin: true`. Throws when the run has ended or its input was closed. Writes of several
    /// tasks at once may be mixed.
    public func write(_ bytes: [UInt8]) async throws { try await handle.channel.write(bytes[...]) }

    /// Suspends until the command's input has room: for how many bytes `write` will not suspend. For a program that
    /// must not read more of its own input than it can pass on.
    public func inputRoom() async throws -> Int { try await handle.channel.waitForInputRoom() }

    /// The command reads end of file after what was written. The second call does nothing.
    public func closeInput() async throws { try await handle.channel.closeInput() }

    /// Ends the run; its result still comes, with the reason `cancelled`.
    ///
    /// Where its policy gives it a grace, the command is asked to end first and killed when that is over. A second call
    /// ends the grace, and so does `now`. A daemon that is older than this knows no grace and kills at once.
    public func cancel(now: Bool = false) { handle.channel.cancel(now: now) }

    /// Sends a signal, by number, to the command's process group.
    public func signal(_ signal: Int32) async throws {
        try await handle.channel.send { .signal(channel: $0, signal: signal) }
    }

    /// Tells the command's terminal its new size.
    public func resize(_ size: TerminalSize) async throws {
        try await handle.channel.send { .resize(channel: $0, size: size) }
    }
}
