import LaunchPlan
import LinuxSystem
import NIOCore
import SandboxEngine
import SandboxModel
import SandboxWire

/// What the hello of this server says of itself: name and version.
private let serverName = "sandboxd \(ProductVersion.text)"
/// Messages that this server takes beyond those that every server of this version takes.
private let serverCapabilities = [
    WireCapability.acceptWeaker, WireCapability.host, WireCapability.policies, WireCapability.reload,
    WireCapability.service, WireCapability.metrics, WireCapability.trace, WireCapability.usage,
    WireCapability.verify,
]

extension Connection {
    /// - Parameter readAt: CLOCK_MONOTONIC, nanoseconds.
    func handle(_ frame: InboundFrame, readAt: UInt64) {
        switch frame.kind {
        case .control: handleControl(frame.payload, readAt)
        case .stdin, .credit: handleData(frame)
        case .stdout, .stderr: fail("\(frame.kind) frames come from the server only")
        }
    }

    private func handleControl(_ payload: ByteBuffer, _ readAt: UInt64) {
        do throws(ControlCoding.Refusal) {
            handle(try ControlCoding.clientMessage(from: Array(payload.readableBytesView)), readAt)
        } catch {
            refuse(error)
        }
    }

    /// What is no message ends the connection. A `run` that says for which channel it is, is one, whatever its request
    /// says: that gets an answer, as any other request that cannot be carried out.
    private func refuse(_ refusal: ControlCoding.Refusal) {
        guard state == .open, let channel = refusal.channel else { return fail("\(refusal.error)") }
        guard isFree(channel), let client else { return }
        let answer =
            switch refusal.error {
            case .request(let error): error
            case .malformed(let reason): ServiceError(.invalidRequest, reason)
            case .unknownFrame, .oversized, .truncated: ServiceError(.invalidRequest, "\(refusal.error)")
            }
        send(.error(channel: channel, error: answer))
        engine.noteRefusal(answer, policy: nil, of: client)
    }

    /// A frame for a channel without a run is not an error: the run may have ended while it was on its way.
    private func handleData(_ frame: InboundFrame) {
        guard state == .open else { return fail("the first message must be hello") }
        var payload = frame.payload
        guard let channel = frame.continued ?? payload.readInteger(as: UInt32.self) else {
            return fail("\(WireError.truncated(kind: frame.kind))")
        }
        if frame.kind == .credit {
            guard let bytes = payload.readInteger(as: UInt32.self), payload.readableBytes == 0 else {
                return fail("a credit frame's payload has 8 bytes")
            }
            entries[channel]?.run.grant(bytes)
        } else if let entry = entries[channel], !entry.run.write(payload) {
            fail("more standard input on channel \(channel) than its window takes")
        }
    }

    private func handle(_ message: ClientMessage, _ readAt: UInt64) {
        guard state == .open else {
            guard case .hello(let version, _) = message else { return fail("the first message must be hello") }
            guard version == wireVersion else {
                return fail("version \(version) is not spoken here; version \(wireVersion) is")
            }
            greeted()
            return send(.hello(version: wireVersion, capabilities: serverCapabilities, server: serverName))
        }
        switch message {
        case .hello: fail("hello came twice")
        case .run(let channel, let request, let window): start(channel, request, window, readAt)
        case .cancel(let channel, let now): entries[channel]?.run.cancel(now: now)
        case .signal(let channel, let signal):
            attempt(channel) { run throws(ServiceError) in try run.signal(signal) }
        case .resize(let channel, let size):
            attempt(channel) { run throws(ServiceError) in try run.resize(size) }
        case .list, .stats, .kill, .host, .service, .metrics, .policies, .policy, .verify, .reload:
            guard let client else { return }
            answer(message, of: client)
        }
    }

    /// Questions: each has one answer.
    private func answer(_ question: ClientMessage, of client: Client) {
        switch question {
        case .list(let channel, let usage):
            later(channel, of: client, isList: true) { [engine] then in
                engine.list(for: client, usage: usage) { then(.runs(channel: channel, runs: $0)) }
            }
        case .stats(let channel, let id):
            later(channel, of: client) { [engine] then throws(ServiceError) in
                try engine.stats(id: id, for: client) { then(.stats(channel: channel, run: $0)) }
            }
        case .service(let channel):
            later(channel, of: client) { [engine] then in
                engine.service(for: client) { then(.service(channel: channel, service: $0)) }
            }
        case .metrics(let channel):
            later(channel, of: client) { [engine] then in
                engine.metrics(for: client) { then(.metrics(channel: channel, text: $0)) }
            }
        case .verify(let channel, let policy, let allChecks):
            later(channel, of: client) { [engine] then throws(ServiceError) in
                try engine.verify(policy: policy, allChecks: allChecks, for: client) {
                    then(.verified(channel: channel, policies: $0))
                }
            }
        case .reload(let channel):
            later(channel, of: client) { [engine] then throws(ServiceError) in
                try engine.reload(for: client) { result in
                    switch result {
                    case .success(let report): then(.reloaded(channel: channel, reload: report))
                    case .failure(let error): then(.error(channel: channel, error: error))
                    }
                }
            }
        case .kill(let channel, let id, let now):
            // Whoever has asked too much can still end what he started.
            atOnce(channel, of: nil) { () throws(ServiceError) in
                try engine.kill(id: id, now: now, for: client)
                return .killed(channel: channel, id: id)
            }
        case .host(let channel): atOnce(channel, of: client) { .host(channel: channel, host: engine.host()) }
        case .policies(let channel):
            atOnce(channel, of: client) { .policies(channel: channel, policies: engine.policyList(for: client)) }
        case .policy(let channel, let name):
            atOnce(channel, of: client) { () throws(ServiceError) in
                .policy(channel: channel, policy: try engine.policy(named: name, for: client))
            }
        case .hello, .run, .cancel, .signal, .resize: break
        }
    }

    private func atOnce(
        _ channel: UInt32, of client: Client?, _ body: () throws(ServiceError) -> ServerMessage
    ) {
        guard isFree(channel) else { return }
        do throws(ServiceError) {
            if let client { try engine.admitQuestion(of: client) }
            send(try body())
        } catch {
            send(.error(channel: channel, error: error))
        }
    }

    /// A question whose answer takes time: a probe's, or the launcher's. The channel is in use until then. How many are open
    /// at once is the engine's to bound.
    private func later(
        _ channel: UInt32, of client: Client, isList: Bool = false,
        _ body: (_ then: @escaping (ServerMessage) -> Void) throws(ServiceError) -> Void
    ) {
        guard isFree(channel) else { return }
        asking.insert(channel)
        do throws(ServiceError) {
            try engine.admitQuestion(of: client, isList: isList)
            try body { [weak self] answer in
                self?.asking.remove(channel)
                self?.send(answer)
            }
        } catch {
            asking.remove(channel)
            send(.error(channel: channel, error: error))
        }
    }

    /// The launcher is asked before the client is told: that is on the way to the command's start, this is not.
    private func start(_ channel: UInt32, _ request: RunRequest, _ window: UInt32?, _ readAt: UInt64) {
        #if SANDBOX_FAULTS
            Fault.reach(.frameDecoded)
        #endif
        guard let client, isFree(channel) else { return }
        do throws(ServiceError) {
            let started = try engine.start(
                request, channel: channel, window: window, client: client, owner: self, readAt: readAt)
            switch started {
            case .running(let run):
                entries[channel] = Entry(run: run)
                send(.accepted(channel: channel, id: run.id, stdinWindow: UInt32(Run.stdinWindow)), soon: true)
            case .denied(let result): send(.result(channel: channel, result: result))
            }
        } catch {
            send(.error(channel: channel, error: error))
            engine.noteRefusal(error, policy: request.policy ?? "default", of: client)
        }
    }

    /// In place of an answer that is larger than a frame can be.
    static func refusal(ofTooMany bytes: Int, channel: UInt32?) -> ServerMessage {
        let text = "an answer of \(bytes) bytes is more than a message may have"
        return .error(channel: channel, error: ServiceError(.overloaded, text, category: .temporary))
    }

    /// An answer on a channel in use would be taken for its run's.
    private func isFree(_ channel: UInt32) -> Bool {
        guard entries[channel] != nil || asking.contains(channel) else { return true }
        fail("channel \(channel) is in use")
        return false
    }

    /// Signals and sizes have no answer on success, and an error for the channel would be its run's end: what cannot be
    /// right whatever the run's state breaks the protocol.
    private func attempt(_ channel: UInt32, _ body: (Run) throws(ServiceError) -> Void) {
        guard let run = entries[channel]?.run else { return }
        do throws(ServiceError) {
            try body(run)
        } catch {
            fail(error.message)
        }
    }
}
