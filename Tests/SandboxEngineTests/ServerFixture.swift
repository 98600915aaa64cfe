import Glibc
import LaunchPlan
import LinuxSystem
import Logging
import NIOCore
import NIOPosix
import SandboxEngine
import SandboxModel
import SandboxPolicy
import SandboxServer
import SandboxWire
import Synchronization

struct Silence: Error {}

/// A whole server over a fake launcher, and clients connected to it.
final class ServerFixture: Sendable {
    struct Parts {
        var engine: Engine
        var server: Server
    }

    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let launcher: FakeLauncher
    let parts: NIOLoopBound<Parts>

    init(
        limits: EngineLimits = EngineLimits(), budget: FrameBudget.Limits = FrameBudget.Limits(),
        policies: PolicySet? = nil, records: LogRecords? = nil
    ) throws {
        signal(SIGPIPE, SIG_IGN)
        let (own, theirs) = try DescriptorPair.sockets(SOCK_SEQPACKET).release()
        try MessageSocket.growBuffers(of: own, to: 1 << 20)
        launcher = FakeLauncher(socket: theirs)
        let loop = group.next()
        parts = try loop.submit {
            let log = Logger(label: "test") { _ in
                records.map { RecordingLog(records: $0) as any LogHandler } ?? SwiftLogNoOpLogHandler()
            }
            let link = LauncherLink(socket: OwnedDescriptor(owning: own), loop: loop)
            let engine = try Engine(
                loop: loop, policies: try policies ?? PolicySet.builtIn(), launcher: link,
                resources: ResourceControl(version: 2, features: .all), limits: limits, log: log)
            let server = Server(engine: engine, budget: budget, log: log)
            return NIOLoopBound(Parts(engine: engine, server: server), eventLoop: loop)
        }.wait()
    }

    /// As in a daemon for one call.
    func beginAhead(with policy: String) throws {
        try group.next().submit { [parts] in parts.value.engine.beginAhead(with: policy) }.wait()
    }

    func launcherIsReady() throws {
        try group.next().submit { [parts] in parts.value.engine.verifier.launcherIsReady() }.wait()
    }

    deinit { group.shutdownGracefully { _ in } }

    func connect(hello: Bool = true) throws -> RawClient {
        let (own, theirs) = try DescriptorPair.sockets(SOCK_STREAM).release()
        let parts = parts
        try group.next().flatSubmit { parts.value.server.serve(connected: theirs) }.wait()
        let client = RawClient(socket: own, of: self)
        if hello {
            try client.send(.hello(version: 1, capabilities: []))
            _ = try client.message()
        }
        return client
    }

    func runCount() throws -> Int {
        let parts = parts
        return try group.next().submit { parts.value.engine.runCount }.wait()
    }

    /// Waits for something that another thread does.
    func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
        for _ in 0..<2000 {
            if try condition() { return true }
            usleep(2000)
        }
        return false
    }
}

/// What was logged, one line an event.
final class LogRecords: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
}

struct RecordingLog: LogHandler {
    let records: LogRecords
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        records.add("\(event.level) \(event.message) \(all.joined(separator: " "))")
    }
}

/// A client in blocking calls, that speaks frames and nothing more.
final class RawClient {
    private let socket: Int32
    private let fixture: ServerFixture
    private var decoder = FrameDecoder()

    /// Keeps the server alive as long as the client.
    init(socket: Int32, of fixture: ServerFixture) {
        self.socket = socket
        self.fixture = fixture
        var time = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { Glibc.close(socket) }

    func send(_ message: ClientMessage) throws { send(try ControlCoding.frame(message)) }

    func send(_ frame: Frame) { send(raw: frame.encoded) }

    func send(raw bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes { write(socket, $0.baseAddress! + offset, $0.count - offset) }
            guard count > 0 else { return }
            offset += count
        }
    }

    /// The next frame, `nil` at the end of the connection.
    func frame() throws -> Frame? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let frame = try decoder.next() { return frame }
            let count = read(socket, &buffer, buffer.count)
            if count == 0 || (count < 0 && errno == ECONNRESET) { return nil }
            guard count > 0 else { throw Silence() }
            decoder.append(buffer.prefix(count))
        }
    }

    func message() throws -> ServerMessage? {
        guard let frame = try frame() else { return nil }
        guard frame.kind == .control else { throw Silence() }
        return try ControlCoding.decode(ServerMessage.self, from: frame.payload)
    }

    /// Everything up to the end of a run.
    struct Ended {
        var stdout: [UInt8] = []
        var stderr: [UInt8] = []
        var started = false
        var credited = 0
        /// Bytes that were left out, and how many of the stream had come before.
        var omitted: [StreamName: (bytes: UInt64, after: Int)] = [:]
        var samples: [UsageSample] = []
        var result: RunResult?
        var error: ServiceError?
    }

    func run(_ request: RunRequest, channel: UInt32 = 1, window: UInt32? = nil) throws -> Ended {
        try send(.run(channel: channel, request: request, window: window))
        return try finish(channel)
    }

    /// Reads on to the next end of a run; `grant` is credit sent on `channel` for each output frame.
    func finish(_ channel: UInt32 = 1, grant: Bool = false) throws -> Ended {
        var ended = Ended()
        while let frame = try frame() {
            switch frame.kind {
            case .stdout: ended.stdout += frame.payload.dropFirst(4)
            case .stderr: ended.stderr += frame.payload.dropFirst(4)
            case .credit: ended.credited += Int(frame.creditBytes ?? 0)
            case .stdin: throw Silence()
            case .control:
                switch try ControlCoding.decode(ServerMessage.self, from: frame.payload) {
                case .started: ended.started = true
                case .result(_, let result):
                    ended.result = result
                    return ended
                case .error(_, let error):
                    ended.error = error
                    return ended
                case .usage(_, let usage): ended.samples.append(usage)
                case .omitted(_, let stream, let bytes):
                    ended.omitted[stream] = (bytes, stream == .stdout ? ended.stdout.count : ended.stderr.count)
                case .hello, .accepted, .runs, .stats, .host, .service, .metrics, .reloaded, .killed, .policies,
                    .policy,
                    .verified:
                    break
                }
            }
            if grant, frame.kind == .stdout { send(.credit(channel: channel, bytes: UInt32(frame.payload.count - 4))) }
        }
        return ended
    }
}
