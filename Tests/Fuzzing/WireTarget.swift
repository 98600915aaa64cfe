import NIOCore
import SandboxEngine
import SandboxModel
import SandboxServer
import SandboxWire

/// The clients' protocol. An even first byte: the rest is a stream of frames. An odd one: the rest is the payload of one
/// control frame, so that the JSON is reached without guessing its length.
enum WireTarget {
    static func run(_ bytes: [UInt8]) {
        guard let mode = bytes.first else { return }
        let rest = Array(bytes.dropFirst())
        if mode & 1 == 1 { return control(rest) }
        let whole = frames(of: rest, inPiecesOf: rest.count)
        // However the stream was cut on its way, and whichever of the two decoders reads it, it is the same.
        let piece = max(1, Int(mode >> 1))
        require(frames(of: rest, inPiecesOf: piece) == whole, "in pieces of \(piece) the stream reads as another")
        require(inboundFrames(of: rest) == whole, "the server's decoder reads the stream as another")
        let written = whole.frames.flatMap(\.encoded)
        require(written == Array(rest.prefix(written.count)), "frames are not written as they were read")
        for frame in whole.frames {
            require(frame.payload.count <= Frame.maximumBytes(frame.kind), "an oversized frame")
            if frame.kind == .control { control(frame.payload) } else { require(frame.channel != nil, "no channel") }
        }
    }

    // MARK: frames

    private struct Stream: Equatable {
        var frames: [Frame] = []
        var error: WireError?
    }

    private static func frames(of bytes: [UInt8], inPiecesOf size: Int) -> Stream {
        var decoder = FrameDecoder()
        var stream = Stream()
        var offset = 0
        while offset < bytes.count, stream.error == nil {
            let end = min(offset + size, bytes.count)
            decoder.append(bytes[offset..<end])
            offset = end
            do throws(WireError) {
                while let frame = try decoder.next() { stream.frames.append(frame) }
            } catch {
                stream.error = error
            }
        }
        return stream
    }

    private static func inboundFrames(of bytes: [UInt8]) -> Stream {
        var decoder = InboundFrameDecoder()
        var buffer = ByteBuffer(bytes: bytes)
        var stream = Stream()
        do {
            while let frame = try decoder.decode(buffer: &buffer) {
                let payload = Array(buffer: frame.payload)
                if frame.continued != nil, let last = stream.frames.popLast() {
                    stream.frames.append(Frame(kind: last.kind, payload: last.payload + payload))
                } else {
                    stream.frames.append(Frame(kind: frame.kind, payload: payload))
                }
            }
            // What is only a beginning is no frame to the other decoder.
            if decoder.isInside { _ = stream.frames.popLast() }
        } catch {
            stream.error = error as? WireError
            require(stream.error != nil, "an error of another kind: \(error)")
        }
        return stream
    }

    // MARK: messages

    private static func control(_ payload: [UInt8]) {
        check(ClientMessage.self, payload) { message in
            if case .run(_, let request, _) = message { validate(request) }
        }
        check(ServerMessage.self, payload) { _ in }
        bounded(payload)
    }

    /// The server's reading, which stores less of what is too much, has the same opinion.
    private static func bounded(_ payload: [UInt8]) {
        do throws(ControlCoding.Refusal) {
            let message = try ControlCoding.clientMessage(from: payload)
            require((try? ControlCoding.decode(ClientMessage.self, from: payload)) == message, "read as another")
        } catch {
            guard (try? ControlCoding.decode(ClientMessage.self, from: payload)) != nil else { return }
            fatalError("refused where it is too little to be: \(error)")
        }
    }

    /// What can be read can be written and reads as the same; what cannot is a `WireError`.
    private static func check<Message: Codable & Equatable>(
        _ type: Message.Type, _ payload: [UInt8], then use: (Message) -> Void
    ) {
        let message: Message
        do throws(WireError) {
            message = try ControlCoding.decode(type, from: payload)
        } catch {
            // An impossible number is an answer to whoever sent it, and is fit to be shown.
            guard case .request(let refusal) = error else { return }
            let codes: Set = [ServiceError.Code.limitNotAllowed, .argumentsTooLong]
            require(codes.contains(refusal.code), "refused for another reason: \(refusal)")
            return require(refusal.message.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, refusal.message)
        }
        guard let written = try? ControlCoding.json(message) else { fatalError("a message cannot be written") }
        let again = try? ControlCoding.decode(type, from: written)
        require(again == message, "a message reads back as another: \(String(decoding: written, as: UTF8.self))")
        use(message)
    }

    /// The daemon's first look at a request: an error of the service, or strings that a command can be started with.
    private static func validate(_ request: RunRequest) {
        do throws(ServiceError) {
            try RequestValidation.check(request)
        } catch {
            return require(!error.message.isEmpty, "an error without a message")
        }
        require(request.argv.first?.isEmpty == false, "no program")
        let strings = request.argv + Array(request.environment.values) + [request.workspace ?? "", request.cwd ?? ""]
        require(strings.allSatisfy { !$0.utf8.contains(0) }, "a NUL inside a string")
    }

    // MARK: seeds

    static var seeds: [[UInt8]] {
        let clients = clientMessages.compactMap { try? ControlCoding.json($0) }
        let servers = serverMessages.compactMap { try? ControlCoding.json($0) }
        let stream =
            (clients.prefix(2).map { Frame(kind: .control, payload: $0) } + [
                .data(.stdin, channel: 1, Array("input".utf8)), .data(.stdin, channel: 1, []),
                .credit(channel: 1, bytes: 65536), .data(.stdout, channel: 1, Array("output".utf8)),
                .data(.stderr, channel: 1, Array("error".utf8)),
            ]).flatMap(\.encoded)
        return (clients + servers).map { [1] + $0 } + [[0] + stream, [6] + stream]
    }

    private static var clientMessages: [ClientMessage] {
        let limits = Limits(
            memoryBytes: 64 << 20, cpus: 1.5, processes: 10, openFiles: 32, fileSizeBytes: 1 << 20,
            outputBytes: 1 << 20, stdoutBytes: 1 << 19, readBytesPerSecond: 1 << 20, wallMilliseconds: 1000,
            cpuMilliseconds: 500, idleMilliseconds: 100, graceMilliseconds: 0)
        let request = RunRequest(
            argv: ["sh", "-c", "echo \u{e9}\n"], policy: "shell", workspace: "/home/user/project", cwd: "src",
            environment: ["LANG": "C.UTF-8"], limits: limits, stdin: true,
            terminal: TerminalSize(columns: 80, rows: 24))
        return [
            .hello(version: 1, capabilities: ["x"]), .run(channel: 1, request: request, window: 65536),
            .run(channel: 2, request: RunRequest(argv: ["true"]), window: nil), .cancel(channel: 1, now: false),
            .signal(channel: 1, signal: 15), .resize(channel: 1, size: TerminalSize(columns: 100, rows: 40)),
            .list(channel: 3, usage: true), .kill(channel: 4, id: "r-1", now: true), .stats(channel: 5, id: "r-1"),
            .host(channel: 6), .service(channel: 8), .metrics(channel: 8), .list(channel: 3, usage: false),
            .cancel(channel: 1, now: true),
            .run(
                channel: 7,
                request: RunRequest(
                    argv: ["yes"], limits: Limits(swapBytes: 0, stdoutBytes: 1 << 30, graceMilliseconds: 500),
                    keep: OutputKeep(stdout: .init(headBytes: 4096, tailBytes: 4096), stderr: .init(tailBytes: 1)),
                    usageIntervalMilliseconds: 1000, trace: true), window: nil),
        ]
    }

    private static var summary: RunSummary {
        var usage = UsageSample()
        usage.elapsedMilliseconds = 2000
        usage.userMilliseconds = 1980
        usage.memoryPeakBytes = 13 << 20
        usage.ioStallMilliseconds = 3
        return RunSummary(
            id: "r-1", policy: "default", program: "sh", state: "stopping", ageMilliseconds: 2100, uid: 1000,
            usage: usage, limits: Limits(wallMilliseconds: 30_000))
    }

    private static var trace: StartTrace {
        var trace = StartTrace()
        trace.warm = true
        trace.decodeMicroseconds = 30
        return trace
    }

    private static var serverMessages: [ServerMessage] {
        let outcome = Outcome(reason: .memoryLimit, signal: 9, limit: 64 << 20, observed: 65 << 20, message: "memory")
        let result = RunResult(
            id: "r-1", policy: "python", outcome: outcome,
            limitsHit: [LimitHit(limit: "processes", value: 64, count: 12)],
            denials: [Denial(kind: .command, rule: "python.yaml:31", subject: "rm -rf /", hint: "name a folder")],
            trace: trace)
        return [
            .hello(version: 1, capabilities: [], server: "sandboxd"),
            .accepted(channel: 1, id: "r-1", stdinWindow: 65536), .started(channel: 1),
            .result(channel: 1, result: result), .runs(channel: 3, runs: []), .killed(channel: 4, id: "r-1"),
            .error(channel: 1, error: ServiceError(.invalidRequest, "argv is empty")),
            .usage(channel: 1, usage: summary.usage ?? UsageSample()), .stats(channel: 5, run: summary),
            .omitted(channel: 1, stream: .stdout, bytes: 123_456),
            .service(
                channel: 8,
                service: ServiceStats(runs: 2, warm: WarmStats(capacity: 8, waiting: ["default": 4], hits: 3), dying: 0)
            ),
            .host(
                channel: 6,
                host: HostReport(findings: [.init(name: "cgroup", isFound: false, detail: "v1", remedy: "v2")])),
        ]
    }
}
