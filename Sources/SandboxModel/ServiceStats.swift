/// What a service is doing: runs, and sandboxes that it makes ahead. An absent value is not known.
public struct ServiceStats: Codable, Sendable, Equatable {
    /// Runs that are alive: the caller's user's, everybody's for root.
    public var runs: UInt64
    /// Sandboxes that are made ahead of requests.
    public var warm: WarmStats?
    /// Runs of everybody whose result was told and whose remains the kernel still takes apart.
    public var dying: UInt64?
    /// It is stopping: runs that are alive go on for a while, and it takes no new ones. Absent while that is not so.
    public var draining: Bool?

    public init(runs: UInt64, warm: WarmStats? = nil, dying: UInt64? = nil, draining: Bool? = nil) {
        self.runs = runs
        self.warm = warm
        self.dying = dying
        self.draining = draining
    }
}

/// The warm pool: prepared sandboxes, each of which serves one run and is never used again.
public struct WarmStats: Codable, Sendable, Equatable {
    /// How many may wait in all; 0 where none is made ahead.
    public var capacity: UInt64
    /// How many wait, of each policy that the caller may use.
    public var waiting: [String: UInt64]
    /// How many are being made.
    public var preparing: UInt64
    /// Runs that got a sandbox which had waited.
    public var hits: UInt64
    /// Runs for which one had to be made.
    public var misses: UInt64

    public init(
        capacity: UInt64 = 0, waiting: [String: UInt64] = [:], preparing: UInt64 = 0, hits: UInt64 = 0,
        misses: UInt64 = 0
    ) {
        self.capacity = capacity
        self.waiting = waiting
        self.preparing = preparing
        self.hits = hits
        self.misses = misses
    }
}
