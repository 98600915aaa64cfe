/// The sandbox's own failure, as opposed to the program's outcome: the request could not be carried out.
///
/// The message is lower case, names the object, and ends without a full stop:
/// "failed to open workspace /srv/build: EACCES".
public struct ServiceError: Error, Codable, Sendable, Equatable, CustomStringConvertible {
    /// What went wrong, for programs. Open for new codes: compare, and have a default.
    public struct Code: RawRepresentable, Codable, Sendable, Hashable {
        public var rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        init(_ rawValue: String) { self.rawValue = rawValue }
    }

    /// Whether the same request can succeed later.
    public enum Category: String, Codable, Sendable {
        case temporary, permanent
    }

    public var code: Code
    public var category: Category
    public var message: String
    /// The step of the launch that failed, where one did ("mount_proc").
    public var stage: String?
    /// How long to wait before asking again, in milliseconds; only with `temporary`.
    public var retryAfterMilliseconds: UInt64?

    public init(
        _ code: Code, _ message: String, category: Category = .permanent, stage: String? = nil,
        retryAfterMilliseconds: UInt64? = nil
    ) {
        self.code = code
        self.category = category
        self.message = message
        self.stage = stage
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }

    public var description: String { "\(message) (\(code.rawValue))" }

    enum CodingKeys: String, CodingKey {
        case code, category, message, stage
        case retryAfterMilliseconds = "retry_after_ms"
    }
}

extension ServiceError.Code {
    /// The bytes are not a frame or not a message of the protocol. The connection ends.
    public static let protocolViolation = Self("protocol_violation")
    /// The request says something impossible: an empty argv, a NUL, a name with `=`.
    public static let invalidRequest = Self("invalid_request")
    /// More or longer arguments and variables than a command can take.
    public static let argumentsTooLong = Self("arguments_too_long")
    public static let unknownPolicy = Self("unknown_policy")
    /// A limit of zero or one that is wider than the policy's.
    public static let limitNotAllowed = Self("limit_not_allowed")
    public static let workspaceNotFound = Self("workspace_not_found")
    public static let workspaceNotDirectory = Self("workspace_not_directory")
    /// The caller may not open it, or it lies outside the policy's roots.
    public static let workspaceDenied = Self("workspace_denied")
    /// No such program inside the sandbox. `sandboxctl exec` exits with 127.
    public static let programNotFound = Self("program_not_found")
    /// The program is there and cannot be executed. `sandboxctl exec` exits with 126.
    public static let programNotExecutable = Self("program_not_executable")
    public static let cwdNotFound = Self("cwd_not_found")
    /// The policy refused the command; only `sandboxctl` turns the outcome `denied` into it.
    public static let denied = Self("denied")
    /// A step of building the sandbox failed; `stage` names it.
    public static let launchFailed = Self("launch_failed")
    /// No run with this id, or not the caller's.
    public static let unknownRun = Self("unknown_run")
    /// Too many runs or connections at once.
    public static let overloaded = Self("overloaded")
    /// The daemon is stopping.
    public static let draining = Self("draining")
    /// The probe of this policy found that its confinement does not hold (permanent), or could not be run (temporary).
    public static let policyNotVerified = Self("policy_not_verified")
    /// The policy files that a reload found are wrong, and those before stay in force; the message has a line for each problem.
    public static let invalidPolicies = Self("invalid_policies")
    /// The policy was replaced while the run was about to start (temporary).
    public static let policyReplaced = Self("policy_replaced")
    /// Only the operator may ask for this.
    public static let notPermitted = Self("not_permitted")
    /// The launcher is gone; the daemon ends and is restarted.
    public static let launcherGone = Self("launcher_gone")
    /// Nothing answers at the socket, or the connection broke.
    public static let notConnected = Self("not_connected")
    /// Without root the daemon cannot keep all that the policy promises, and the request does not accept what is missing
    /// (`Weakness`); the message names it.
    public static let notEnforceable = Self("not_enforceable")
    /// The container engine of a policy with `backend: docker` does not answer (temporary).
    public static let engineUnavailable = Self("engine_unavailable")
    /// It has no such image, and may not or could not fetch it; temporary while it is being fetched.
    public static let imageNotFound = Self("image_not_found")
    /// The host lacks something that the daemon needs.
    public static let hostUnsupported = Self("host_unsupported")
}
