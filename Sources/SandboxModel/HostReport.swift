/// What a service found on its host, as `sandboxctl doctor` shows it.
public struct HostReport: Codable, Sendable, Equatable {
    /// One thing that the host has or lacks.
    public struct Finding: Codable, Sendable, Equatable {
        /// "cgroup", "swap-limit", "write-rate".
        public var name: String
        public var isFound: Bool
        /// What was found, or what its absence means.
        public var detail: String
        /// What to do about it; absent where nothing need be done.
        public var remedy: String?

        public init(name: String, isFound: Bool, detail: String, remedy: String? = nil) {
            self.name = name
            self.isFound = isFound
            self.detail = detail
            self.remedy = remedy
        }

        enum CodingKeys: String, CodingKey {
            case name, detail, remedy
            case isFound = "found"
        }
    }

    public var findings: [Finding]

    public init(findings: [Finding]) { self.findings = findings }
}
