/// What is known of whether the confinement of a policy's sandboxes holds: a probe inside one measured it.
public struct PolicyVerification: Codable, Sendable, Equatable {
    public enum State: String, Codable, Sendable {
        /// No probe has run yet.
        case unverified
        /// Every check held. The policy is served.
        case verified
        /// A check did not hold. The policy is not served.
        case failed
        /// The probe could not be run, or not to its end: nothing is known. The policy is not served, unless an earlier
        /// probe of the same policy has held.
        case unproven
    }

    public var policy: String
    /// The policy's digest, which says what was verified.
    public var digest: String
    public var state: State
    /// How long the probe took, from the launcher's being asked to the verdict.
    public var milliseconds: Double?
    /// How many checks were made.
    public var checkCount: Int
    /// Those that failed; all of them where all were asked for.
    public var checks: [ProbeCheck]
    /// Why the probe could not be run.
    public var reason: String?
    /// Names of what the policy promises and this daemon, which is not root, cannot keep for every run (`Weakness`): no check was made
    /// of it. Absent where it keeps all.
    public var weaker: [String]?

    public init(
        policy: String, digest: String, state: State, milliseconds: Double? = nil, checkCount: Int = 0,
        checks: [ProbeCheck] = [], reason: String? = nil
    ) {
        self.policy = policy
        self.digest = digest
        self.state = state
        self.milliseconds = milliseconds
        self.checkCount = checkCount
        self.checks = checks
        self.reason = reason
    }

    enum CodingKeys: String, CodingKey {
        case policy, digest, state, checks, reason, weaker
        case milliseconds = "ms"
        case checkCount = "check_count"
    }
}

/// One thing that must hold inside a sandbox.
public struct ProbeCheck: Codable, Sendable, Equatable {
    /// "capabilities", "mounts", "attempt.unshare_user".
    public var name: String
    public var passed: Bool
    public var expected: String
    public var observed: String

    public init(name: String, passed: Bool, expected: String, observed: String) {
        self.name = name
        self.passed = passed
        self.expected = expected
        self.observed = observed
    }
}
