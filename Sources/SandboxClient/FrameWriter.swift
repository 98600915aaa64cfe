import Glibc
import SandboxModel
import SandboxWire

/// Writes a connection's frames in order: at once while the socket takes them, on a thread of its own otherwise.
///
/// The queue is bounded: `send` suspends while it is full. Nothing here fails: after a write error frames are dropped,
/// the daemon's last words are still read, and the reader's end of file tells every waiting call why.
final class FrameWriter: Sendable {
    /// Bytes that may wait for the socket before senders do.
    static let maximumQueuedBytes = 1 << 20

    private struct State: Sendable {
        /// What the socket has not taken yet, in order.
        var queue: [[UInt8]] = []
        var queuedBytes = 0
        /// The thread has taken the queue and not finished it: nobody may overtake.
        var isThreadWriting = false
        var isStopped = false
    }

    private let socket: Socket
    private let monitor = Monitor(State())
    /// The thread reads the first end; a byte in the second wakes it.
    private let wakeReader: CInt
    private let wakeWriter: CInt

    init(socket: Socket) throws(ServiceError) {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ServiceError(
                .overloaded, "failed to make a socket pair: \(ErrorNumber.current)", category: .temporary)
        }
        self.socket = socket
        wakeReader = ends[0]
        wakeWriter = ends[1]
        try Threads.start { [self] in writeUntilStopped() }
    }

    deinit {
        close(wakeReader)
        close(wakeWriter)
    }

    /// Takes a frame, once there is room for it. Throws `CancellationError` only, and then took nothing.
    func send(_ frame: Frame) async throws {
        let bytes = frame.encoded
        let needsThread = try await monitor.wait { [self] state -> Bool? in
            guard state.isStopped || state.queuedBytes < Self.maximumQueuedBytes else { return nil }
            return push(bytes, &state)
        }
        if needsThread { wakeThread() }
    }

    /// Takes a frame now. For what is bounded by other frames: credit by the data that it answers, one cancel per run.
    func sendWithoutWaiting(_ frame: Frame) {
        let bytes = frame.encoded
        if monitor.peek({ [self] in push(bytes, &$0) }) { wakeThread() }
    }

    /// Drops the queue, lets every sender go, and ends the thread.
    func stop() {
        monitor.update { state in
            state.isStopped = true
            state.queue = []
            state.queuedBytes = 0
        }
        wakeThread()
    }

    /// Sends or queues. Returns whether the thread must be woken.
    private func push(_ bytes: [UInt8], _ state: inout State) -> Bool {
        guard !state.isStopped else { return false }
        guard state.queue.isEmpty, !state.isThreadWriting else {
            state.queue.append(bytes)
            state.queuedBytes += bytes.count
            return false
        }
        var sent = 0
        // A failure other than a full socket is left to the thread, which meets it again.
        if case .success(let count) = socket.sendNow(bytes[...]) { sent = count }
        guard sent < bytes.count else { return false }
        state.queue.append(Array(bytes[sent...]))
        state.queuedBytes += bytes.count - sent
        return true
    }

    private func wakeThread() {
        var byte: UInt8 = 0
        while write(wakeWriter, &byte, 1) < 0 && errno == EINTR {}
    }

    private func writeUntilStopped() {
        var byte: UInt8 = 0
        while !monitor.peek({ $0.isStopped }) {
            guard read(wakeReader, &byte, 1) == 1 || errno == EINTR else { return }
            guard drain() else { break }
        }
        monitor.update { $0.isStopped = true }
        socket.shutDownSending()
    }

    /// Writes until the queue is empty. Returns `false` after an error.
    private func drain() -> Bool {
        while true {
            let batch = monitor.peek { state in
                let batch = state.queue
                state.queue = []
                state.isThreadWriting = !batch.isEmpty
                return batch
            }
            guard !batch.isEmpty else { return true }
            for bytes in batch {
                guard socket.sendAll(bytes) == nil else { return false }
                monitor.update { $0.queuedBytes = max(0, $0.queuedBytes - bytes.count) }
            }
        }
    }
}
