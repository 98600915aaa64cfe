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
    /// Ends a run of this connection; its result still comes, with reason `cancelled`. `now`: without its grace.
    case cancel(channel: UInt32, now: Bool)
    /// Sends a signal to the command's process group.
    case signal(channel: UInt32, signal: Int32)
    /// Sets the size of the command's terminal.
    case resize(channel: UInt32, size: TerminalSize)
    /// Asks for the runs that are alive and the caller's own. `usage`: with what each has used.
    case list(channel: UInt32, usage: Bool)
    /// Asks for one of them, with what it has used.
    case stats(channel: UInt32, id: String)
    /// Ends a run by id, also one of another connection of the same user. `now`: without its grace.
    case kill(channel: UInt32, id: String, now: Bool)
    /// Asks what the service found on its host.
    case host(channel: UInt32)
    /// Asks what the service is doing: runs, and sandboxes that are made ahead.
    case service(channel: UInt32)
    /// Asks for what was counted.
    case metrics(channel: UInt32)
    /// Asks for the policies that the caller may use.
    case policies(channel: UInt32)
    /// Asks for one of them with all that holds in it.
    case policy(channel: UInt32, name: String)
    /// Probes one policy or all of them anew. `allChecks`: of the one policy also those that held.
    case verify(channel: UInt32, policy: String?, allChecks: Bool)
    /// Reads the policies anew; for root.
    case reload(channel: UInt32)
}

extension ClientMessage: Codable {
    private enum Keys: String, CodingKey {
        case type, version, capabilities, channel, request, window, signal, size, id, name, policy, usage, now
        case allChecks = "all_checks"
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Keys.self)
        func channel() throws -> UInt32 { try values.decode(UInt32.self, forKey: .channel) }
        func flag(_ key: Keys) throws -> Bool { try values.decodeIfPresent(Bool.self, forKey: key) ?? false }
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
        case "cancel": self = .cancel(channel: try channel(), now: try flag(.now))
        case "signal":
            self = .signal(channel: try channel(), signal: try values.decode(Int32.self, forKey: .signal))
        case "resize":
            self = .resize(channel: try channel(), size: try values.decode(TerminalSize.self, forKey: .size))
        case "list": self = .list(channel: try channel(), usage: try flag(.usage))
        case "stats": self = .stats(channel: try channel(), id: try values.decode(String.self, forKey: .id))
        case "host": self = .host(channel: try channel())
        case "service": self = .service(channel: try channel())
        case "metrics": self = .metrics(channel: try channel())
        case "verify":
            self = .verify(
                channel: try channel(), policy: try values.decodeIfPresent(String.self, forKey: .policy),
                allChecks: try flag(.allChecks))
        case "kill":
            self = .kill(
                channel: try channel(), id: try values.decode(String.self, forKey: .id), now: try flag(.now))
        case "reload": self = .reload(channel: try channel())
        case "policies": self = .policies(channel: try channel())
        case "policy": self = .policy(channel: try channel(), name: try values.decode(String.self, forKey: .name))
        default:
            throw DecodingError.dataCorruptedError(
                forKey: .type, in: values, debugDescription: "unknown message type '\(type.prefix(40))'")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Keys.self)
        try values.encode(type, forKey: .type)
        try values.encodeIfPresent(channel, forKey: .channel)
        switch self {
        case .hello(let version, let capabilities):
            try values.encode(version, forKey: .version)
            try values.encode(capabilities, forKey: .capabilities)
        case .run(_, let request, let window):
            try values.encode(request, forKey: .request)
            try values.encodeIfPresent(window, forKey: .window)
        case .cancel(_, let now): if now { try values.encode(now, forKey: .now) }
        case .signal(_, let signal): try values.encode(signal, forKey: .signal)
        case .resize(_, let size): try values.encode(size, forKey: .size)
        case .list(_, let usage): if usage { try values.encode(usage, forKey: .usage) }
        case .stats(_, let id): try values.encode(id, forKey: .id)
        case .kill(_, let id, let now):
            try values.encode(id, forKey: .id)
            if now { try values.encode(now, forKey: .now) }
        case .policy(_, let name): try values.encode(name, forKey: .name)
        case .verify(_, let policy, let allChecks):
            try values.encodeIfPresent(policy, forKey: .policy)
            try values.encode(allChecks, forKey: .allChecks)
        case .host, .service, .metrics, .policies, .reload: break
        }
    }

    /// As the wire names it.
    private var type: String {
        switch self {
        case .hello: "hello"
        case .run: "run"
        case .cancel: "cancel"
        case .signal: "signal"
        case .resize: "resize"
        case .list: "list"
        case .stats: "stats"
        case .kill: "kill"
        case .host: "host"
        case .service: "service"
        case .metrics: "metrics"
        case .policies: "policies"
        case .policy: "policy"
        case .verify: "verify"
        case .reload: "reload"
        }
    }

    /// The channel that it is for; `nil` of what is about the connection.
    private var channel: UInt32? {
        switch self {
        case .hello: nil
        case .run(let channel, _, _), .cancel(let channel, _), .signal(let channel, _), .resize(let channel, _),
            .list(let channel, _), .stats(let channel, _), .kill(let channel, _, _), .host(let channel),
            .service(let channel), .metrics(let channel), .policies(let channel), .policy(let channel, _),
            .verify(let channel, _, _),
            .reload(let channel):
            channel
        }
    }
}
