/// What a caller asks for: one command, the policy that confines it, and narrower limits if wanted.
///
/// A request can only narrow its policy, never widen it. Everything in it is untrusted; the daemon checks it before the
/// launcher sees any of it, and the launcher checks it again.
public struct RunRequest: Codable, Sendable, Equatable {
    /// The program and its arguments. A program without a slash is looked up in `PATH` *inside* the sandbox.
    public var argv: [String]
    /// The policy's name. `nil` is `default`.
    public var policy: String?
    /// Absolute path of a directory on the host, opened with the caller's identity. `nil`: a fresh, empty one in memory.
    public var workspace: String?
    /// Where the command starts, relative to the workspace or absolute inside the sandbox. `nil`: the workspace.
    public var cwd: String?
    /// Variables beside those that the policy sets. Each name must be one that the policy passes.
    public var environment: [String: String]
    /// Narrower limits. An absent one is the policy's.
    public var limits: Limits
    /// Whether the caller will send standard input. Without it the command reads end of file at once.
    public var stdin: Bool
    /// A terminal for the command, instead of pipes.
    public var terminal: TerminalSize?
    /// How much of each output stream to carry. `nil`: all of it.
    public var keep: OutputKeep?
    /// How often to tell what the run uses: 100 ms to an hour. `nil`: not while it runs.
    public var usageIntervalMilliseconds: UInt64?
    /// Whether the result is to say where the time of the start went.
    public var trace: Bool
    /// Names of what the run may lack of what its policy promises (`Weakness`). What is not lacking is kept all the same.
    public var acceptWeaker: [String]

    public init(
        argv: [String], policy: String? = nil, workspace: String? = nil, cwd: String? = nil,
        environment: [String: String] = [:], limits: Limits = Limits(), stdin: Bool = false,
        terminal: TerminalSize? = nil, keep: OutputKeep? = nil, usageIntervalMilliseconds: UInt64? = nil,
        trace: Bool = false, acceptWeaker: [String] = []
    ) {
        self.argv = argv
        self.policy = policy
        self.workspace = workspace
        self.cwd = cwd
        self.environment = environment
        self.limits = limits
        self.stdin = stdin
        self.terminal = terminal
        self.keep = keep
        self.usageIntervalMilliseconds = usageIntervalMilliseconds
        self.trace = trace
        self.acceptWeaker = acceptWeaker
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case argv, policy, workspace, cwd, environment, limits, stdin, terminal, keep, trace
        case usageIntervalMilliseconds = "usage_interval_ms"
        case acceptWeaker = "accept_weaker"
    }

    /// Reads a request strictly: an unknown key is an error, because a misspelt limit must not mean "no limit".
    public init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.self)
        let values = try decoder.container(keyedBy: CodingKeys.self)
        argv = try values.decode(CountedStrings<[String]>.self, forKey: .argv).strings
        policy = try values.decodeIfPresent(String.self, forKey: .policy)
        workspace = try values.decodeIfPresent(String.self, forKey: .workspace)
        cwd = try values.decodeIfPresent(String.self, forKey: .cwd)
        environment =
            try values.decodeIfPresent(CountedStrings<[String: String]>.self, forKey: .environment)?.strings ?? [:]
        limits = try values.decodeIfPresent(Limits.self, forKey: .limits) ?? Limits()
        stdin = try values.decodeIfPresent(Bool.self, forKey: .stdin) ?? false
        terminal = try values.decodeIfPresent(TerminalSize.self, forKey: .terminal)
        keep = try values.decodeIfPresent(OutputKeep.self, forKey: .keep)
        usageIntervalMilliseconds = try values.decodeIfPresent(UInt64.self, forKey: .usageIntervalMilliseconds)
        trace = try values.decodeIfPresent(Bool.self, forKey: .trace) ?? false
        acceptWeaker = try values.decodeIfPresent([String].self, forKey: .acceptWeaker) ?? []
    }

    /// Without what is not asked for. `trace` and `accept_weaker` must not be there: an older daemon does not know the keys, and
    /// refuses what it does not know. The others cost both sides time.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(argv, forKey: .argv)
        try values.encodeIfPresent(policy, forKey: .policy)
        try values.encodeIfPresent(workspace, forKey: .workspace)
        try values.encodeIfPresent(cwd, forKey: .cwd)
        if !environment.isEmpty { try values.encode(environment, forKey: .environment) }
        if limits != Limits() { try values.encode(limits, forKey: .limits) }
        if stdin { try values.encode(stdin, forKey: .stdin) }
        try values.encodeIfPresent(terminal, forKey: .terminal)
        try values.encodeIfPresent(keep, forKey: .keep)
        try values.encodeIfPresent(usageIntervalMilliseconds, forKey: .usageIntervalMilliseconds)
        if trace { try values.encode(trace, forKey: .trace) }
        if !acceptWeaker.isEmpty { try values.encode(acceptWeaker, forKey: .acceptWeaker) }
    }
}

extension RunRequest {
    /// Arguments and variables of one command. (What the launcher takes; a test holds the two numbers together.)
    package static let maximumStrings = 16_384

    /// - Throws: `argumentsTooLong`.
    package static func checkCount(_ count: Int) throws(ServiceError) {
        guard count > maximumStrings else { return }
        throw ServiceError(
            .argumentsTooLong, "\(count) arguments and variables exceed the maximum of \(maximumStrings)")
    }
}

/// Columns and rows of a terminal, as `ioctl_tty(2)` TIOCSWINSZ takes them.
public struct TerminalSize: Codable, Sendable, Equatable {
    public var columns: UInt16
    public var rows: UInt16

    public init(columns: UInt16, rows: UInt16) {
        self.columns = columns
        self.rows = rows
    }
}
