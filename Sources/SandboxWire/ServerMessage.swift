package import SandboxModel

/// What the daemon sends in control frames. `Protocol.md` lists what each answers.
package enum ServerMessage: Sendable, Equatable {
    /// The answer to `hello`.
    case hello(version: Int, capabilities: [String], server: String)
    /// The run was taken: its id, and how many bytes of standard input may be sent before credit comes.
    case accepted(channel: UInt32, id: String, stdinWindow: UInt32)
    /// The command has been executed.
    case started(channel: UInt32)
    /// The end of a run, after its last output. The channel is free again.
    case result(channel: UInt32, result: RunResult)
    /// The answer to `list`.
    case runs(channel: UInt32, runs: [RunSummary])
    /// The answer to `kill`: the run is being ended.
    case killed(channel: UInt32, id: String)
    /// The answer to `policies`.
    case policies(channel: UInt32, policies: [PolicySummary])
    /// The answer to `policy`.
    case policy(channel: UInt32, policy: PolicySummary)
    /// The answer to `verify`.
    case verified(channel: UInt32, policies: [PolicyVerification])
    /// The failure of a request; the channel is free again. Without a channel it is the connection that failed and ends.
    case error(channel: UInt32?, error: ServiceError)
}

extension ServerMessage: Codable {
    private enum Keys: String, CodingKey {
        case type, version, capabilities, server, channel, id, result, runs, policies, policy, error
        case stdinWindow = "stdin_window"
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Keys.self)
        func channel() throws -> UInt32 { try values.decode(UInt32.self, forKey: .channel) }
        let type = try values.decode(String.self, forKey: .type)
        switch type {
        case "hello":
            self = .hello(
                version: try values.decode(Int.self, forKey: .version),
                capabilities: try values.decodeIfPresent([String].self, forKey: .capabilities) ?? [],
                server: try values.decodeIfPresent(String.self, forKey: .server) ?? "")
        case "accepted":
            self = .accepted(
                channel: try channel(), id: try values.decode(String.self, forKey: .id),
                stdinWindow: try values.decode(UInt32.self, forKey: .stdinWindow))
        case "started": self = .started(channel: try channel())
        case "result":
            self = .result(channel: try channel(), result: try values.decode(RunResult.self, forKey: .result))
        case "runs": self = .runs(channel: try channel(), runs: try values.decode([RunSummary].self, forKey: .runs))
        case "killed": self = .killed(channel: try channel(), id: try values.decode(String.self, forKey: .id))
        case "policies":
            self = .policies(
                channel: try channel(), policies: try values.decode([PolicySummary].self, forKey: .policies))
        case "policy":
            self = .policy(channel: try channel(), policy: try values.decode(PolicySummary.self, forKey: .policy))
        case "verified":
            self = .verified(
                channel: try channel(), policies: try values.decode([PolicyVerification].self, forKey: .policies))
        case "error":
            self = .error(
                channel: try values.decodeIfPresent(UInt32.self, forKey: .channel),
                error: try values.decode(ServiceError.self, forKey: .error))
        default:
            throw DecodingError.dataCorruptedError(
                forKey: .type, in: values, debugDescription: "unknown message type '\(type.prefix(40))'")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Keys.self)
        switch self {
        case .hello(let version, let capabilities, let server):
            try values.encode("hello", forKey: .type)
            try values.encode(version, forKey: .version)
            try values.encode(capabilities, forKey: .capabilities)
            try values.encode(server, forKey: .server)
        case .accepted(let channel, let id, let stdinWindow):
            try values.encode("accepted", forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encode(id, forKey: .id)
            try values.encode(stdinWindow, forKey: .stdinWindow)
        case .started(let channel):
            try values.encode("started", forKey: .type)
            try values.encode(channel, forKey: .channel)
        case .result(let channel, let result):
            try values.encode("result", forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encode(result, forKey: .result)
        case .runs(let channel, let runs):
            try values.encode("runs", forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encode(runs, forKey: .runs)
        case .killed(let channel, let id):
            try values.encode("killed", forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encode(id, forKey: .id)
        case .policies(let channel, let policies):
            try values.encode("policies", forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encode(policies, forKey: .policies)
        case .policy(let channel, let policy):
            try values.encode("policy", forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encode(policy, forKey: .policy)
        case .verified(let channel, let policies):
            try values.encode("verified", forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encode(policies, forKey: .policies)
        case .error(let channel, let error):
            try values.encode("error", forKey: .type)
            try values.encodeIfPresent(channel, forKey: .channel)
            try values.encode(error, forKey: .error)
        }
    }
}
