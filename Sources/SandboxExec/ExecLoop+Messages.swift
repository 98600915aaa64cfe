import SandboxClient
import SandboxModel
import SandboxWire

/// What goes to the service, and what comes from it.
extension ExecLoop {
    /// Says hello, and, unless the service has to be asked something first, sends the run in the same breath.
    mutating func greet() throws(ServiceError) {
        try link.add(.hello(version: wireVersion, capabilities: []))
        if explain == nil, run.request.needs.isEmpty { try sendRun() }
    }

    private mutating func sendRun() throws(ServiceError) {
        guard !run.isSent else { return }
        run.isSent = true
        try link.add(
            .run(channel: ExecRun.channel, request: run.request, window: UInt32(EventQueue.window)))
    }

    /// Takes everything that has arrived. What is wrong with the connection is the end of the run, behind its events.
    mutating func takeFrames() throws {
        do throws(ServiceError) {
            try link.receive()
        } catch {
            return run.fail(error)
        }
        do {
            while !run.isOver, let frame = try link.next() { try take(frame) }
        } catch let error as WireError {
            run.fail(ServiceError(.protocolViolation, "failed to read from sandboxd: \(error)"))
        }
    }

    private mutating func take(_ frame: Frame) throws {
        switch frame.kind {
        case .control: try take(try ControlCoding.decode(ServerMessage.self, from: frame.payload))
        case .stdout, .stderr:
            guard run.events.append(frame.payload.dropFirst(4), isError: frame.kind == .stderr) else {
                throw WireError.malformed("more output than the window of \(EventQueue.window) bytes allows")
            }
        case .credit:
            guard let bytes = frame.creditBytes else { throw WireError.truncated(kind: .credit) }
            input.takeCredit(bytes)
        case .stdin: throw WireError.malformed("a daemon sends no stdin frames")
        }
    }

    private mutating func take(_ message: ServerMessage) throws {
        switch message {
        case .hello(let version, let capabilities, let server):
            try takeHello(ServerHello(server: server, protocolVersion: version, capabilities: capabilities))
        case .policy(_, let summary) where !run.isSent:
            try explain?(summary)
            try sendRun()
        case .accepted(_, let id, let stdinWindow):
            run.id = id
            input.takeCredit(stdinWindow)
            if options.tty { Terminal.makeRaw() }
        case .started: run.events.append(.started)
        case .usage(_, let usage): run.events.append(usage: usage)
        case .omitted(_, let stream, let bytes): run.events.append(.omitted(stream, bytes: bytes))
        case .result(_, let result): run.finish(result)
        case .error(_, let error): run.fail(error)
        case .runs, .killed, .policies, .policy, .verified, .stats, .host, .service, .metrics, .reloaded:
            run.fail(ServiceError(.protocolViolation, "sandboxd gave a run another request's answer"))
        }
    }

    private mutating func takeHello(_ server: ServerHello) throws(ServiceError) {
        guard server.protocolVersion == wireVersion else {
            let text = "sandboxd speaks protocol version \(server.protocolVersion), this client \(wireVersion)"
            throw ServiceError(.protocolViolation, text)
        }
        run.server = server
        guard !run.isSent else { return }
        try server.require(run.request.needs)
        guard explain != nil else { return try sendRun() }
        try server.require([.policies])
        try link.add(.policy(channel: ExecRun.channel, name: run.request.policy ?? "default"))
    }
}
