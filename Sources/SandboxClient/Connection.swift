import Glibc
import SandboxModel
import SandboxWire
import Synchronization

/// One connection: the reader thread, the writer, and who waits for what on which channel.
///
/// The reader thread owns a reference until the socket ends; `close` and `fail` end the socket.
final class Connection: Sendable {
    /// Who reads a channel's messages.
    private enum Slot: Sendable {
        case run(RunChannel)
        case answer(Monitor<Answer?>)
    }

    /// The answer to a request that has exactly one.
    enum Answer: Sendable {
        case message(ServerMessage)
        case failure(ServiceError)
    }

    private struct State: Sendable {
        var slots: [UInt32: Slot] = [:]
        var lastChannel: UInt32 = 0
        var failure: ServiceError?

        mutating func take(_ slot: Slot) -> UInt32 {
            repeat { lastChannel &+= 1 } while slots[lastChannel] != nil
            slots[lastChannel] = slot
            return lastChannel
        }
    }

    private let socket: Socket
    private let state = Mutex(State())
    private let greeting = Monitor<Answer?>(nil)
    let writer: FrameWriter

    init(descriptor: CInt) throws(ServiceError) {
        socket = Socket(descriptor: descriptor)
        writer = try FrameWriter(socket: socket)
        do throws(ServiceError) {
            try Threads.start { [self] in readUntilEnd() }
        } catch {
            writer.stop()
            throw error
        }
    }

    /// Says hello and waits for the daemon's. Once, before anything else.
    func greet() async throws -> ServerHello {
        try await writer.send(Self.frame(.hello(version: wireVersion, capabilities: [])))
        guard case .hello(let version, let capabilities, let server) = try await Self.message(of: greeting) else {
            throw fail(.init(.protocolViolation, "sandboxd did not answer with hello"))
        }
        guard version == wireVersion else {
            let text = "sandboxd speaks protocol version \(version), this client \(wireVersion)"
            throw fail(.init(.protocolViolation, text))
        }
        return ServerHello(server: server, protocolVersion: version, capabilities: capabilities)
    }

    /// Sends a request that has one answer, and waits for it.
    func ask(_ message: (UInt32) -> ClientMessage) async throws -> ServerMessage {
        let answer = Monitor<Answer?>(nil)
        let channel = try open(.answer(answer))
        // A request whose answer nobody awaits any more keeps its channel until the answer comes.
        do {
            try await writer.send(Self.frame(message(channel)))
        } catch {
            release(channel)
            throw error
        }
        return try await Self.message(of: answer)
    }

    /// Sends a run and returns its channel, before the daemon has answered.
    func startRun(_ request: RunRequest) async throws -> RunChannel {
        let run = RunChannel(connection: self, acceptsInput: request.stdin)
        let channel = try open(.run(run))
        run.setNumber(channel)
        do {
            let message = ClientMessage.run(channel: channel, request: request, window: UInt32(EventQueue.window))
            let frame = try Self.frame(message)
            guard frame.payload.count <= Frame.maximumControlBytes else {
                throw ServiceError(.argumentsTooLong, "the request is larger than \(Frame.maximumControlBytes) bytes")
            }
            try await writer.send(frame)
        } catch {
            release(channel)
            throw error
        }
        return run
    }

    /// Nothing that is sent now arrives.
    var hasEnded: Bool { state.withLock { $0.failure != nil } }

    /// Ends the connection; every waiting call throws.
    func close() {
        fail(ServiceError(.notConnected, "the connection was closed by this program"))
    }

    static func frame(_ message: ClientMessage) throws -> Frame {
        do throws(WireError) {
            return try ControlCoding.frame(message)
        } catch {
            throw ServiceError(.invalidRequest, error.description)
        }
    }

    /// Ends the connection for a reason; the first one stays. Returns that.
    @discardableResult
    private func fail(_ error: ServiceError) -> ServiceError {
        let (reason, slots) = state.withLock { state in
            let reason = state.failure ?? error
            state.failure = reason
            defer { state.slots = [:] }
            return (reason, Array(state.slots.values))
        }
        writer.stop()
        socket.shutDown()
        greeting.update { $0 = $0 ?? .failure(reason) }
        for slot in slots {
            switch slot {
            case .run(let run): run.end(.failure(reason))
            case .answer(let answer): answer.update { $0 = .failure(reason) }
            }
        }
        return reason
    }

    private func open(_ slot: Slot) throws(ServiceError) -> UInt32 {
        let result: Result<UInt32, ServiceError> = state.withLock { state in
            if let failure = state.failure { return .failure(failure) }
            return .success(state.take(slot))
        }
        return try result.get()
    }

    private func release(_ channel: UInt32) {
        state.withLock { _ = $0.slots.removeValue(forKey: channel) }
    }

    private static func message(of answer: Monitor<Answer?>) async throws -> ServerMessage {
        switch try await answer.wait({ $0 }) {
        case .message(let message): return message
        case .failure(let error): throw error
        }
    }
}

// The reader thread.
extension Connection {
    private func readUntilEnd() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 << 10, alignment: 16)
        defer { buffer.deallocate() }
        var decoder = FrameDecoder()
        while true {
            switch socket.receive(into: buffer) {
            case .success(0):
                fail(ServiceError(.notConnected, "sandboxd closed the connection", category: .temporary))
                return
            case .failure(let reason):
                fail(ServiceError(.notConnected, "failed to read from sandboxd: \(reason)", category: .temporary))
                return
            case .success(let count):
                decoder.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
            do throws(WireError) {
                while let frame = try decoder.next() { try take(frame) }
            } catch {
                fail(ServiceError(.protocolViolation, "failed to read from sandboxd: \(error)"))
                return
            }
        }
    }

    private func take(_ frame: Frame) throws(WireError) {
        switch frame.kind {
        case .control: try take(ControlCoding.decode(ServerMessage.self, from: frame.payload))
        case .stdout: try takeOutput(frame, isError: false)
        case .stderr: try takeOutput(frame, isError: true)
        case .credit:
            guard let bytes = frame.creditBytes else { throw .truncated(kind: .credit) }
            run(on: frame.channel)?.takeInputCredit(bytes)
        case .stdin: throw .malformed("a daemon sends no stdin frames")
        }
    }

    private func takeOutput(_ frame: Frame, isError: Bool) throws(WireError) {
        // A frame for a channel that is free is output that crossed our last words: nobody wants it.
        guard let run = run(on: frame.channel) else { return }
        guard run.takeOutput(frame.payload.dropFirst(4), isError: isError) else {
            throw .malformed("more output than the window of \(EventQueue.window) bytes allows")
        }
    }

    private func take(_ message: ServerMessage) throws(WireError) {
        switch message {
        case .hello: greeting.update { $0 = $0 ?? .message(message) }
        case .accepted(let channel, let id, let stdinWindow):
            run(on: channel)?.accept(id: id, inputCredit: stdinWindow)
        case .started(let channel): run(on: channel)?.takeStarted()
        case .usage(let channel, let usage): run(on: channel)?.takeUsage(usage)
        case .omitted(let channel, let stream, let bytes): run(on: channel)?.takeOmitted(stream, bytes: bytes)
        case .result(let channel, let result): endSlot(channel, .result(result), message)
        case .runs(let channel, _), .killed(let channel, _), .policies(let channel, _), .policy(let channel, _),
            .verified(let channel, _), .stats(let channel, _), .host(let channel, _), .service(let channel, _),
            .metrics(let channel, _), .reloaded(let channel, _):
            endSlot(channel, nil, message)
        case .error(nil, let error): fail(error)
        case .error(let channel?, let error): endSlot(channel, .failure(error), message)
        }
    }

    private func endSlot(_ channel: UInt32, _ end: RunChannel.End?, _ message: ServerMessage) {
        let slot = state.withLock { $0.slots.removeValue(forKey: channel) }
        switch slot {
        case .run(let run):
            run.end(end ?? .failure(ServiceError(.protocolViolation, "sandboxd gave a run another request's answer")))
        case .answer(let answer):
            if case .error(_, let error) = message {
                answer.update { $0 = .failure(error) }
            } else {
                answer.update { $0 = .message(message) }
            }
        case nil: break
        }
    }

    private func run(on channel: UInt32?) -> RunChannel? {
        guard let channel else { return nil }
        return state.withLock { state in
            guard case .run(let run)? = state.slots[channel] else { return nil }
            return run
        }
    }
}
