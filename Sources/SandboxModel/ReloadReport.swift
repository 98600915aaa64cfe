/// What a reload of the policies has changed. All of them are in force from then on, for new runs; a run that is alive keeps the
/// policy that it was started under.
public struct ReloadReport: Codable, Sendable, Equatable {
    public enum Change: String, Codable, Sendable {
        case added, changed, unchanged, removed
    }

    public struct Entry: Codable, Sendable, Equatable {
        public var policy: String
        public var change: Change
        /// Of the policy that is in force now; absent of one that was removed.
        public var digest: String?
        /// Whether its confinement was found to hold: only then is it served. Absent of one that was removed.
        public var state: PolicyVerification.State?
        /// What a failed verification found first.
        public var reason: String?

        public init(
            policy: String, change: Change, digest: String? = nil, state: PolicyVerification.State? = nil,
            reason: String? = nil
        ) {
            self.policy = policy
            self.change = change
            self.digest = digest
            self.state = state
            self.reason = reason
        }
    }

    /// By name.
    public var policies: [Entry]

    public init(policies: [Entry]) { self.policies = policies }

    /// Every policy that is in force is served.
    public var isServed: Bool { policies.allSatisfy { $0.change == .removed || $0.state == .verified } }
}
