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

    public init(
        argv: [String], policy: String? = nil, workspace: String? = nil, cwd: String? = nil,
        environment: [String: String] = [:], limits: Limits = Limits(), stdin: Bool = false,
        terminal: TerminalSize? = nil
    ) {
        self.argv = argv
        self.policy = policy
        self.workspace = workspace
        self.cwd = cwd
        self.environment = environment
        self.limits = limits
        self.stdin = stdin
        self.terminal = terminal
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case argv, policy, workspace, cwd, environment, limits, stdin, terminal
    }

    /// Reads a request strictly: an unknown key is an error, because a misspelt limit must not mean "no limit".
    public init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.self)
        let values = try decoder.container(keyedBy: CodingKeys.self)
        argv = try values.decode([String].self, forKey: .argv)
        policy = try values.decodeIfPresent(String.self, forKey: .policy)
        workspace = try values.decodeIfPresent(String.self, forKey: .workspace)
        cwd = try values.decodeIfPresent(String.self, forKey: .cwd)
        environment = try values.decodeIfPresent([String: String].self, forKey: .environment) ?? [:]
        limits = try values.decodeIfPresent(Limits.self, forKey: .limits) ?? Limits()
        stdin = try values.decodeIfPresent(Bool.self, forKey: .stdin) ?? false
        terminal = try values.decodeIfPresent(TerminalSize.self, forKey: .terminal)
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
