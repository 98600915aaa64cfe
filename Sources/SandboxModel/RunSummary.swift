/// A run that is alive, as `sandboxctl ps` lists it.
public struct RunSummary: Codable, Sendable, Equatable {
    public var id: String
    public var policy: String
    /// The program alone: arguments may hold secrets.
    public var program: String
    /// `starting`, `running` or `ending`.
    public var state: String
    public var ageMilliseconds: UInt64

    public init(id: String, policy: String, program: String, state: String, ageMilliseconds: UInt64) {
        self.id = id
        self.policy = policy
        self.program = program
        self.state = state
        self.ageMilliseconds = ageMilliseconds
    }

    enum CodingKeys: String, CodingKey {
        case id, policy, program, state
        case ageMilliseconds = "age_ms"
    }
}
