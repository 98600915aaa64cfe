package import SandboxModel

/// What the daemon sends in control frames. `Protocol.md` lists what each answers.
package enum ServerMessage: Sendable, Equatable {
    /// The answer to `hello`.
    case hello(version: Int, capabilities: [String], server: String)
    /// The run was taken: its id, and how many bytes of standard input may be sent before credit comes.
    case accepted(channel: UInt32, id: String, stdinWindow: UInt32)
    /// The command has been executed.
    case started(channel: UInt32)
    /// What a run has used so far, at the interval that its request asked for.
    case usage(channel: UInt32, usage: UsageSample)
    /// So many bytes of a stream are not carried (`OutputKeep`): they belong between what came before and what follows.
    case omitted(channel: UInt32, stream: StreamName, bytes: UInt64)
    /// The end of a run, after its last output. The channel is free again.
    case result(channel: UInt32, result: RunResult)
    /// The answer to `list`.
    case runs(channel: UInt32, runs: [RunSummary])
    /// The answer to `stats`.
    case stats(channel: UInt32, run: RunSummary)
    /// The answer to `host`.
    case host(channel: UInt32, host: HostReport)
    /// The answer to `service`.
    case service(channel: UInt32, service: ServiceStats)
    /// The answer to `metrics`: in the text format of Prometheus.
    case metrics(channel: UInt32, text: String)
    /// The answer to `kill`: the run is being ended.
    case killed(channel: UInt32, id: String)
    /// The answer to `policies`.
    case policies(channel: UInt32, policies: [PolicySummary])
    /// The answer to `policy`.
    case policy(channel: UInt32, policy: PolicySummary)
    /// The answer to `verify`.
    case verified(channel: UInt32, policies: [PolicyVerification])
    /// The answer to `reload`.
    case reloaded(channel: UInt32, reload: ReloadReport)
    /// The failure of a request; the channel is free again. Without a channel it is the connection that failed and ends.
    case error(channel: UInt32?, error: ServiceError)
}

extension ServerMessage: Codable {
    private enum Keys: String, CodingKey {
        case type, version, capabilities, server, channel, id, result, runs, policies, policy, error
        case usage, run, host, service, stream, bytes, reload, text
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
        case "usage":
            self = .usage(channel: try channel(), usage: try values.decode(UsageSample.self, forKey: .usage))
        case "omitted":
            self = .omitted(
                channel: try channel(), stream: try values.decode(StreamName.self, forKey: .stream),
                bytes: try values.decode(UInt64.self, forKey: .bytes))
        case "stats": self = .stats(channel: try channel(), run: try values.decode(RunSummary.self, forKey: .run))
        case "host": self = .host(channel: try channel(), host: try values.decode(HostReport.self, forKey: .host))
        case "service":
            self = .service(channel: try channel(), service: try values.decode(ServiceStats.self, forKey: .service))
        case "metrics": self = .metrics(channel: try channel(), text: try values.decode(String.self, forKey: .text))
        case "killed": self = .killed(channel: try channel(), id: try values.decode(String.self, forKey: .id))
        case "policies":
            self = .policies(
                channel: try channel(), policies: try values.decode([PolicySummary].self, forKey: .policies))
        case "policy":
            self = .policy(channel: try channel(), policy: try values.decode(PolicySummary.self, forKey: .policy))
        case "verified":
            self = .verified(
                channel: try channel(), policies: try values.decode([PolicyVerification].self, forKey: .policies))
        case "reloaded":
            self = .reloaded(channel: try channel(), reload: try values.decode(ReloadReport.self, forKey: .reload))
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
        try values.encode(type, forKey: .type)
        try values.encodeIfPresent(channel, forKey: .channel)
        switch self {
        case .hello(let version, let capabilities, let server):
            try values.encode(version, forKey: .version)
            try values.encode(capabilities, forKey: .capabilities)
            try values.encode(server, forKey: .server)
        case .accepted(_, let id, let stdinWindow):
            try values.encode(id, forKey: .id)
            try values.encode(stdinWindow, forKey: .stdinWindow)
        case .started: break
        case .usage(_, let usage): try values.encode(usage, forKey: .usage)
        case .omitted(_, let stream, let bytes):
            try values.encode(stream, forKey: .stream)
            try values.encode(bytes, forKey: .bytes)
        case .stats(_, let run): try values.encode(run, forKey: .run)
        case .host(_, let host): try values.encode(host, forKey: .host)
        case .service(_, let service): try values.encode(service, forKey: .service)
        case .metrics(_, let text): try values.encode(text, forKey: .text)
        case .result(_, let result): try values.encode(result, forKey: .result)
        case .runs(_, let runs): try values.encode(runs, forKey: .runs)
        case .killed(_, let id): try values.encode(id, forKey: .id)
        case .policies(_, let policies): try values.encode(policies, forKey: .policies)
        case .policy(_, let policy): try values.encode(policy, forKey: .policy)
        case .verified(_, let policies): try values.encode(policies, forKey: .policies)
        case .reloaded(_, let reload): try values.encode(reload, forKey: .reload)
        case .error(_, let error): try values.encode(error, forKey: .error)
        }
    }

    /// As the wire names it.
    private var type: String {
        switch self {
        case .hello: "hello"
        case .accepted: "accepted"
        case .started: "started"
        case .usage: "usage"
        case .omitted: "omitted"
        case .result: "result"
        case .runs: "runs"
        case .stats: "stats"
        case .host: "host"
        case .service: "service"
        case .metrics: "metrics"
        case .killed: "killed"
        case .policies: "policies"
        case .policy: "policy"
        case .verified: "verified"
        case .reloaded: "reloaded"
        case .error: "error"
        }
    }

    /// The channel that it answers; `nil` of what is about the connection.
    package var channel: UInt32? {
        switch self {
        case .hello: nil
        case .accepted(let channel, _, _), .started(let channel), .usage(let channel, _),
            .omitted(let channel, _, _), .result(let channel, _), .runs(let channel, _), .stats(let channel, _),
            .host(let channel, _), .service(let channel, _), .metrics(let channel, _), .killed(let channel, _),
            .policies(let channel, _),
            .policy(let channel, _), .verified(let channel, _), .reloaded(let channel, _):
            channel
        case .error(let channel, _): channel
        }
    }
}
