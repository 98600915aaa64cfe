import Glibc
import LinuxSystem
import Logging
import SandboxEngine
import Synchronization

/// Records with fields, for journald.
struct JournalLog: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    let sink: JournalSink

    init(level: Logger.Level, sink: JournalSink) {
        logLevel = level
        self.sink = sink
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { sink.write(event.level, event.message, LoggedText.metadata(event, over: metadata)) }
}

/// journald's socket. Nothing here waits: a record that it does not take now is dropped and counted, and how many were is said
/// in front of the next one that it takes. Where it is gone, and another one is not there, lines go to standard error.
final class JournalSink: Sendable {
    private struct State: ~Copyable {
        var socket: OwnedDescriptor
        var dropped: UInt64 = 0
    }

    private enum Outcome { case taken, full, gone }

    private let path: String
    private let state: Mutex<State>
    private let fallback: LineSink
    /// Room for some hundred records that journald has not read.
    private static let bufferBytes: Int32 = 1 << 20

    /// Connects, which a daemon does while it is trusted: what it becomes need not see the socket.
    init(path: String, fallback: LineSink = LineSink()) throws(SystemError) {
        self.path = path
        self.fallback = fallback
        state = Mutex(State(socket: try Self.connect(path)))
    }

    private static func connect(_ path: String) throws(SystemError) -> OwnedDescriptor {
        let socket = try DatagramSocket.connect(path, "the journal")
        var size = bufferBytes
        // What the host allows is enough for a record.
        setsockopt(socket.number, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        return socket
    }

    func write(_ level: Logger.Level, _ message: Logger.Message, _ metadata: [(key: String, value: String)]) {
        let record = JournalEntry(level, message, metadata).bytes
        let outcome = state.withLock { state in
            if state.dropped > 0 {
                let count = [(key: "count", value: "\(state.dropped)")]
                let told = JournalEntry(.warning, "\(LogRecord.recordsDropped.rawValue)", count).bytes
                if send(told, &state) == .taken { state.dropped = 0 }
            }
            // Not before that has been told.
            let outcome = state.dropped > 0 ? .full : send(record, &state)
            if outcome == .full { state.dropped += 1 }
            return outcome
        }
        if outcome == .gone { fallback.write(level, LoggedText.line(message, metadata)) }
    }

    private func send(_ bytes: [UInt8], _ state: inout State) -> Outcome {
        let outcome = Self.send(bytes, state.socket.number)
        // A journald that was stopped, and is there again.
        guard outcome == .gone, let socket = try? Self.connect(path) else { return outcome }
        state.socket = socket
        return Self.send(bytes, state.socket.number)
    }

    private static func send(_ bytes: [UInt8], _ socket: Int32) -> Outcome {
        while true {
            let count = bytes.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
            if count >= 0 { return .taken }
            switch errno {
            case EINTR: continue
            case EAGAIN, ENOBUFS, ENOMEM, EMSGSIZE: return .full
            default: return .gone
            }
        }
    }
}
