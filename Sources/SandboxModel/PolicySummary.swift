/// A policy of a service, as `sandboxctl policy list` shows it.
public struct PolicySummary: Codable, Sendable, Equatable {
    public var name: String
    public var description: String
    /// Equal for equal content, whatever the files are called and however they are written.
    public var digest: String
    /// `built-in`, or the base name of the file.
    public var origin: String
    /// What it runs in, as in results: `native` or `docker`. Absent from a daemon of before there were two.
    public var backend: String?
    /// All that holds, as a policy file in which each value has its origin behind `#`; only where it was asked for.
    public var effective: String?
    /// Names of what it promises and this daemon, which is not root, cannot keep for every run (`Weakness`); absent where it keeps
    /// all, and where it was not asked for.
    public var weaker: [String]?

    public init(
        name: String, description: String, digest: String, origin: String, backend: String? = nil,
        effective: String? = nil, weaker: [String]? = nil
    ) {
        self.name = name
        self.description = description
        self.digest = digest
        self.origin = origin
        self.backend = backend
        self.effective = effective
        self.weaker = weaker
    }
}
