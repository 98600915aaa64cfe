/// A run that is alive, as `sandboxctl ps`, `stats` and `top` list it.
public struct RunSummary: Codable, Sendable, Equatable {
    public var id: String
    public var policy: String
    /// The program alone: arguments may hold secrets.
    public var program: String
    /// `starting`, `running`, `stopping` (it was asked to end and has its grace) or `ending`.
    public var state: String
    public var ageMilliseconds: UInt64
    /// The caller whose run it is.
    public var uid: UInt32?
    /// What it has used, where that was asked for; at most a tenth of a second old.
    public var usage: UsageSample?
    /// The limits in force, with the usage.
    public var limits: Limits?

    public init(
        id: String, policy: String, program: String, state: String, ageMilliseconds: UInt64, uid: UInt32? = nil,
        usage: UsageSample? = nil, limits: Limits? = nil
    ) {
        self.id = id
        self.policy = policy
        self.program = program
        self.state = state
        self.ageMilliseconds = ageMilliseconds
        self.uid = uid
        self.usage = usage
        self.limits = limits
    }

    enum CodingKeys: String, CodingKey {
        case id, policy, program, state, uid, usage, limits
        case ageMilliseconds = "age_ms"
    }
}
