public import SandboxModel

/// What happens in a run, in order.
public enum RunEvent: Sendable, Equatable {
    /// The command has been executed.
    case started
    case standardOutput([UInt8])
    case standardError([UInt8])
    /// What the run has used so far, at the interval that its request asked for. Events that wait for a slow consumer are
    /// one: the latest. The daemon leaves some out, too, where this program does not read.
    case usage(UsageSample)
    /// So many bytes of a stream are not carried, because the request's `keep` did not ask for them. They belong between
    /// what came of that stream before and what follows.
    case omitted(StreamName, bytes: UInt64)
    /// The end: always the last event.
    case result(RunResult)

    static func output(_ bytes: [UInt8], isError: Bool) -> RunEvent {
        isError ? .standardError(bytes) : .standardOutput(bytes)
    }

    /// The event's bytes, where it is output of that stream.
    func output(isError: Bool) -> [UInt8]? {
        switch self {
        case .standardOutput(let bytes): isError ? nil : bytes
        case .standardError(let bytes): isError ? bytes : nil
        case .started, .usage, .omitted, .result: nil
        }
    }

    var outputBytes: Int { (output(isError: false) ?? output(isError: true))?.count ?? 0 }
}

/// The events of one run, for one consumer.
///
/// Taking an event is what lets the command write more: a consumer that stops taking them stops the command's pipe.
/// Cancelling the task that waits for the next one cancels the run.
public struct RunEvents: AsyncSequence, Sendable {
    public typealias Element = RunEvent
    let handle: RunHandle

    public func makeAsyncIterator() -> Iterator { Iterator(handle: handle) }

    public struct Iterator: AsyncIteratorProtocol {
        let handle: RunHandle

        public mutating func next() async throws -> RunEvent? { try await next(isolation: nil) }

        /// The next event, `nil` after the result. Throws `ServiceError` when the run or the connection failed, and
        /// `CancellationError`.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(any Error) -> RunEvent? {
            do {
                return try await handle.channel.nextEvent(isolation: actor)
            } catch let error as CancellationError {
                handle.channel.abandon()
                throw error
            }
        }
    }
}

/// Keeps a run alive: when the last `Run`, sequence and iterator is gone, nobody can learn of its end, and it is
/// cancelled. Keeps the connection open, too.
final class RunHandle: Sendable {
    let channel: RunChannel
    private let client: SandboxClient

    init(channel: RunChannel, client: SandboxClient) {
        self.channel = channel
        self.client = client
    }

    deinit { channel.abandon() }
}
