/// When a preparer that has ended is followed by another one: soon, and later and later where none lives long.
struct PreparerRevival {
    /// CLOCK_MONOTONIC, nanoseconds.
    private(set) var dueAt: UInt64 = 0
    private var beganAt: UInt64 = 0
    private var pause = PreparerRevival.shortest

    private static let shortest: UInt64 = 1_000_000_000
    private static let longest: UInt64 = 60_000_000_000

    mutating func began(at now: UInt64) { beganAt = now }

    mutating func lost(at now: UInt64) {
        if now - beganAt > Self.longest { pause = Self.shortest }
        dueAt = now + pause
        pause = min(pause * 2, Self.longest)
    }

    func isDue(_ now: UInt64) -> Bool { now >= dueAt }
}
