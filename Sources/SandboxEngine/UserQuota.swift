/// How often each user may have something done: so often at once, and once in an interval after that. A leaky bucket for each
/// uid that has used it lately.
package struct UserQuota {
    private let burst: UInt64
    private let interval: UInt64
    /// When a user's burst is whole again.
    private var wholeAt: [UInt32: UInt64] = [:]

    /// - Parameter interval: nanoseconds.
    package init(burst: UInt64, interval: UInt64) {
        self.burst = burst
        self.interval = interval
    }

    /// Milliseconds to wait, or `nil` when it is fine now.
    ///
    /// - Parameter cost: how many at once this is; no more than the burst.
    mutating func take(_ uid: UInt32, at now: UInt64, cost: UInt64 = 1) -> UInt64? {
        let next = max(wholeAt[uid] ?? now, now) + min(cost, burst) * interval
        guard next <= now + burst * interval else { return (next - now - burst * interval) / 1_000_000 + 1 }
        set(uid, next, now)
        return nil
    }

    /// Counts what has been done already, also where that is more than the burst: then it is owed.
    package mutating func charge(_ uid: UInt32, at now: UInt64, cost: UInt64) {
        set(uid, max(wholeAt[uid] ?? now, now) + cost * interval, now)
    }

    /// Nanoseconds until a user owes nothing, and until `room` of its burst is there again; 0 when that is so now.
    package func delay(_ uid: UInt32, at now: UInt64, room: UInt64 = 0) -> UInt64 {
        let fine = now + (burst - min(room, burst)) * interval
        return (wholeAt[uid] ?? 0) > fine ? (wholeAt[uid] ?? 0) - fine : 0
    }

    private mutating func set(_ uid: UInt32, _ time: UInt64, _ now: UInt64) {
        if wholeAt.count > 64 { wholeAt = wholeAt.filter { $0.value > now } }
        wholeAt[uid] = time
    }
}
