/// The end of a run, as `--report` and the wire carry it: what ended it and why, what it used, what was refused.
///
/// Keys are snake_case, amounts are bytes and milliseconds; an absent value is not known.
public struct RunResult: Codable, Sendable, Equatable {
    /// The run's unguessable id.
    public var id: String
    /// The policy that confined it.
    public var policy: String
    /// `native` or `docker`.
    public var backend: String
    public var outcome: Outcome
    public var usage: Usage
    /// The limits that were in force: the policy's, narrowed by the request.
    public var limits: Limits
    /// Limits that the command met without being ended by them.
    public var limitsHit: [LimitHit]
    public var denials: [Denial]
    /// Where the time of its start went, for a request that asked.
    public var trace: StartTrace?
    /// Names of what the policy promises and this run did not have, accepted by the request (`Weakness`). Absent: it had all.
    public var weaker: [String]?

    public init(
        id: String, policy: String, backend: String = "native", outcome: Outcome, usage: Usage = Usage(),
        limits: Limits = Limits(), limitsHit: [LimitHit] = [], denials: [Denial] = [], trace: StartTrace? = nil,
        weaker: [String]? = nil
    ) {
        self.id = id
        self.policy = policy
        self.backend = backend
        self.outcome = outcome
        self.usage = usage
        self.limits = limits
        self.limitsHit = limitsHit
        self.denials = denials
        self.trace = trace
        self.weaker = weaker
    }

    enum CodingKeys: String, CodingKey {
        case id, policy, backend, outcome, usage, limits
        case limitsHit = "limits_hit"
        case denials, trace, weaker
    }
}

/// What ended a run.
public struct Outcome: Codable, Sendable, Equatable {
    /// The closed list of reasons (DESIGN 5). Exactly one applies to a run.
    public enum Reason: String, Codable, Sendable, CaseIterable {
        /// The command ended by itself; `code` is its exit status.
        case exited
        /// A signal that sandboxd did not send ended the command; `signal` is its number.
        case signaled
        case wallTimeout = "wall_timeout"
        case cpuTimeout = "cpu_timeout"
        case idleTimeout = "idle_timeout"
        /// The kernel killed a process of the run because the run's memory limit was met; then all of its processes were
        /// killed.
        case memoryLimit = "memory_limit"
        case outputLimit = "output_limit"
        /// The command was ended by SIGXFSZ.
        case fileSizeLimit = "file_size_limit"
        /// The policy refused the command before it started.
        case denied
        case cancelled
        /// The client's connection ended before the run did.
        case clientGone = "client_gone"
        /// The host, the daemon or the launcher died; how the command ended is not known.
        case lost
    }

    public var reason: Reason
    /// Exit status, with `exited`.
    public var code: Int32?
    /// Signal number, with `signaled`.
    public var signal: Int32?
    /// The limit that ended the run, in the unit of its name in `limits`.
    public var limit: UInt64?
    /// What was observed against `limit`, in the same unit.
    public var observed: UInt64?
    /// One sentence for people and language models.
    public var message: String

    public init(
        reason: Reason, code: Int32? = nil, signal: Int32? = nil, limit: UInt64? = nil, observed: UInt64? = nil,
        message: String
    ) {
        self.reason = reason
        self.code = code
        self.signal = signal
        self.limit = limit
        self.observed = observed
        self.message = message
    }
}

/// What a run consumed. CPU, memory and process figures are the whole tree's, from its cgroup.
public struct Usage: Codable, Sendable, Equatable {
    public var wallMilliseconds: UInt64?
    public var userMilliseconds: UInt64?
    public var systemMilliseconds: UInt64?
    public var memoryPeakBytes: UInt64?
    public var processesPeak: UInt64?
    /// Bytes that the command's processes read and wrote on block devices (`getrusage(2)` ru_inblock and ru_oublock).
    public var readBytes: UInt64?
    public var writeBytes: UInt64?
    /// What the command wrote, carried or not, as far as it was read.
    public var stdoutBytes: UInt64?
    public var stderrBytes: UInt64?
    /// Whether output was cut: the command wrote more than was carried.
    public var stdoutTruncated: Bool?
    public var stderrTruncated: Bool?
    public var contextSwitches: UInt64?
    /// How long the tree had to wait because it had used up its share of CPU time (`cpus`).
    public var throttledMilliseconds: UInt64?
    /// From the request's arrival until the launcher was asked.
    public var queueMilliseconds: Double?
    /// From there until the command was executed.
    public var startMilliseconds: Double?

    public init() {}

    enum CodingKeys: String, CodingKey {
        case wallMilliseconds = "wall_ms"
        case userMilliseconds = "user_ms"
        case systemMilliseconds = "system_ms"
        case memoryPeakBytes = "memory_peak_bytes"
        case processesPeak = "processes_peak"
        case readBytes = "read_bytes"
        case writeBytes = "write_bytes"
        case stdoutBytes = "stdout_bytes"
        case stderrBytes = "stderr_bytes"
        case stdoutTruncated = "stdout_truncated"
        case stderrTruncated = "stderr_truncated"
        case contextSwitches = "context_switches"
        case throttledMilliseconds = "throttled_ms"
        case queueMilliseconds = "queue_ms"
        case startMilliseconds = "start_ms"
    }
}

/// A limit that was met and did not end the run, so that a failed command can be understood.
public struct LimitHit: Codable, Sendable, Equatable {
    /// The limit's name as in policies, "processes".
    public var limit: String
    public var value: UInt64
    /// How often it was met; absent for a file system, which had no room left when the command ended.
    public var count: UInt64?

    public init(limit: String, value: UInt64, count: UInt64? = nil) {
        self.limit = limit
        self.value = value
        self.count = count
    }
}

/// Something that was refused, with the rule that refused it.
public struct Denial: Codable, Sendable, Equatable {
    public enum Kind: String, Codable, Sendable {
        case exec, path, syscall, network, command, environment
        /// The policy is not for this caller.
        case tenant
    }

    public var kind: Kind
    /// `file:line` of the rule; "base list" for what no policy file says; "sandbox" where the rule is not known.
    public var rule: String
    /// What was asked.
    public var subject: String
    /// What to do instead, in one sentence.
    public var hint: String?
    /// How often it was refused while the command ran; at least, where it was killed before that was told.
    public var count: UInt64?

    public init(kind: Kind, rule: String, subject: String, hint: String? = nil, count: UInt64? = nil) {
        self.count = count
        self.kind = kind
        self.rule = rule
        self.subject = subject
        self.hint = hint
    }
}
