import NIOCore
import SandboxEngine
import SandboxModel
import SandboxWire

/// What the hello of this server says of itself.
private let serverName = "sandboxd"
/// Messages that this server takes beyond those that every server of this version takes.
private let serverCapabilities = [WireCapability.policies, WireCapability.verify]

extension Connection {
    func handle(_ frame: InboundFrame) {
        switch frame.kind {
        case .control: handleControl(frame.payload)
        case .stdin, .credit: handleData(frame)
        case .stdout, .stderr: fail("\(frame.kind) frames come from the server only")
        }
    }

    private func handleControl(_ payload: ByteBuffer) {
        do throws(WireError) {
            let message = try ControlCoding.decode(ClientMessage.self, from: Array(payload.readableBytesView))
            handle(message)
        } catch {
            fail("\(error)")
        }
    }

    /// A frame for a channel without a run is not an error: the run may have ended while it was on its way.
    private func handleData(_ frame: InboundFrame) {
        guard state == .open else { return fail("the first message must be hello") }
        var payload = frame.payload
        guard let channel = payload.readInteger(as: UInt32.self) else {
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

    private func handle(_ message: ClientMessage) {
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
        case .run(let channel, let request, let window): start(channel, request, window)
        case .cancel(let channel): entries[channel]?.run.cancel()
        case .signal(let channel, let signal):
            attempt(channel) { run throws(ServiceError) in try run.signal(signal) }
        case .resize(let channel, let size):
            attempt(channel) { run throws(ServiceError) in try run.resize(size) }
        case .list(let channel):
            guard let client, isFree(channel) else { return }
            send(.runs(channel: channel, runs: engine.list(for: client)))
        case .verify(let channel, let policy, let allChecks): verify(channel, policy, allChecks: allChecks)
        case .kill(let channel, let id):
            guard let client, isFree(channel) else { return }
            do throws(ServiceError) {
                try engine.kill(id: id, for: client)
                send(.killed(channel: channel, id: id))
            } catch {
                send(.error(channel: channel, error: error))
            }
        case .policies(let channel):
            guard let client, isFree(channel) else { return }
            send(.policies(channel: channel, policies: engine.policyList(for: client)))
        case .policy(let channel, let name):
            guard let client, isFree(channel) else { return }
            do throws(ServiceError) {
                send(.policy(channel: channel, policy: try engine.policy(named: name, for: client)))
            } catch {
                send(.error(channel: channel, error: error))
            }
        }
    }

    /// The answer takes as long as the probes; the channel is in use until then.
    private func verify(_ channel: UInt32, _ policy: String?, allChecks: Bool) {
        guard let client, isFree(channel) else { return }
        do throws(ServiceError) {
            verifying.insert(channel)
            try engine.verify(policy: policy, allChecks: allChecks, for: client) { [weak self] verdicts in
                self?.verifying.remove(channel)
                self?.send(.verified(channel: channel, policies: verdicts))
            }
        } catch {
            verifying.remove(channel)
            send(.error(channel: channel, error: error))
        }
    }

    /// The launcher is asked before the client is told: that is on the way to the command's start, this is not.
    private func start(_ channel: UInt32, _ request: RunRequest, _ window: UInt32?) {
        guard let client, isFree(channel) else { return }
        do throws(ServiceError) {
            switch try engine.start(request, channel: channel, window: window, client: client, owner: self) {
            case .running(let run):
                entries[channel] = Entry(run: run)
                send(.accepted(channel: channel, id: run.id, stdinWindow: UInt32(Run.stdinWindow)))
            case .denied(let result): send(.result(channel: channel, result: result))
            }
        } catch {
            send(.error(channel: channel, error: error))
        }
    }

    /// An answer on a channel in use would be taken for its run's.
    private func isFree(_ channel: UInt32) -> Bool {
        guard entries[channel] != nil || verifying.contains(channel) else { return true }
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
