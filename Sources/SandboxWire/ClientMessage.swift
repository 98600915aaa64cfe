package import SandboxModel

/// What a client sends in control frames. `Protocol.md` lists each with its answer.
package enum ClientMessage: Sendable, Equatable {
    /// The first message of a connection.
    case hello(version: Int, capabilities: [String])
    /// Starts a run. The client chooses the channel number; it must not be in use on this connection.
    ///
    /// `window`: bytes of output that the client is ready to take before it sends credit. `nil`: no credit is needed,
    /// the connection's own flow control holds all of its runs.
    case run(channel: UInt32, request: RunRequest, window: UInt32?)
    /// Ends a run of this connection; its result still comes, with reason `cancelled`.
    case cancel(channel: UInt32)
    /// Sends a signal to the command's process group.
    case signal(channel: UInt32, signal: Int32)
    /// Sets the size of the command's terminal.
    case resize(channel: UInt32, size: TerminalSize)
    /// Asks for the runs that are alive and the caller's own.
    case list(channel: UInt32)
    /// Ends a run by id, also one of another connection of the same user.
    case kill(channel: UInt32, id: String)
    /// Asks for the policies that the caller may use.
    case policies(channel: UInt32)
    /// Asks for one of them with all that holds in it.
    case policy(channel: UInt32, name: String)
    /// Probes one policy or all of them anew. `allChecks`: of the one policy also those that held.
    case verify(channel: UInt32, policy: String?, allChecks: Bool)
}

extension ClientMessage: Codable {
    private enum Keys: String, CodingKey {
        case type, version, capabilities, channel, request, window, signal, size, id, name, policy
        case allChecks = "all_checks"
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Keys.self)
        func channel() throws -> UInt32 { try values.decode(UInt32.self, forKey: .channel) }
        let type = try values.decode(String.self, forKey: .type)
        switch type {
        case "hello":
            self = .hello(
                version: try values.decode(Int.self, forKey: .version),
                capabilities: try values.decodeIfPresent([String].self, forKey: .capabilities) ?? [])
        case "run":
            self = .run(
                channel: try channel(), request: try values.decode(RunRequest.self, forKey: .request),
                window: try values.decodeIfPresent(UInt32.self, forKey: .window))
        case "cancel": self = .cancel(channel: try channel())
        case "signal":
            self = .signal(channel: try channel(), signal: try values.decode(Int32.self, forKey: .signal))
        case "resize":
            self = .resize(channel: try channel(), size: try values.decode(TerminalSize.self, forKey: .size))
        case "list": self = .list(channel: try channel())
        case "verify":
            self = .verify(
                channel: try channel(), policy: try values.decodeIfPresent(String.self, forKey: .policy),
                allChecks: try values.decodeIfPresent(Bool.self, forKey: .allChecks) ?? false)
        case "kill": self = .kill(channel: try channel(), id: try values.decode(String.self, forKey: .id))
        case "policies": self = .policies(channel: try channel())
        case "policy": self = .policy(channel: try channel(), name: try values.decode(String.self, forKey: .name))
        default:
            throw DecodingError.dataCorruptedError(
                forKey: .type, in: values, debugDescription: "unknown message type '\(type.prefix(40))'")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Keys.self)
        switch self {
        case .hello(let version, let capabilities):
            try values.encode("hello", forKey: .type)
            try values.encode(version, forKey: .version)
            try values.encode(capabilities, forKey: .capabilities)
        case .run(let channel, let request, let window):
            try values.encode("run", forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encode(request, forKey: .request)
            try values.encodeIfPresent(window, forKey: .window)
        case .cancel(let channel):
            try values.encode("cancel", forKey: .type)
            try values.encode(channel, forKey: .channel)
        case .signal(let channel, let signal):
            try values.encode("signal", forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encode(signal, forKey: .signal)
        case .resize(let channel, let size):
            try values.encode("resize", forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encode(size, forKey: .size)
        case .list(let channel):
            try values.encode("list", forKey: .type)
            try values.encode(channel, forKey: .channel)
        case .kill(let channel, let id):
            try values.encode("kill", forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encode(id, forKey: .id)
        case .policies(let channel):
            try values.encode("policies", forKey: .type)
            try values.encode(channel, forKey: .channel)
        case .policy(let channel, let name):
            try values.encode("policy", forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encode(name, forKey: .name)
        case .verify(let channel, let policy, let allChecks):
            try values.encode("verify", forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encodeIfPresent(policy, forKey: .policy)
            try values.encode(allChecks, forKey: .allChecks)
        }
    }
}
