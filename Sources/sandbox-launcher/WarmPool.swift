import LaunchPlan

/// Prepared sandboxes that wait for a request: which there are, and of which policy the next one should be.
///
/// Knows numbers and names only; it makes and ends nothing. Policies that were used lately share the places, the last used
/// one first; before anything was used, `default` has half of them.
struct WarmPool {
    /// How many may wait in all.
    let capacity: Int
    /// Of each policy, the last prepared one last: its memory is still in the caches.
    private var waiting: [String: [PreparedSandbox]] = [:]
    private var waitingCount = 0
    /// Those that the preparer was asked for and has not answered.
    private(set) var ordered: [UInt64: Ordered] = [:]
    /// CLOCK_MONOTONIC, nanoseconds.
    private var lastUse: [String: UInt64] = [:]
    /// When a policy whose preparation failed is tried again.
    private var retryAt: [String: UInt64] = [:]
    private var quietUntil: UInt64 = 0
    /// Runs that wait for one to be made, by policy.
    var demand: [(policy: String, count: Int)] = [] {
        didSet { isSettled = false }
    }
    /// Nothing is to be done until something happens.
    private var isSettled = false

    /// Runs that got a sandbox which had waited, and runs for which one had to be made.
    private(set) var hits: UInt64 = 0
    private(set) var misses: UInt64 = 0

    /// A policy that was not used for so long has no places.
    private static let memory: UInt64 = 600_000_000_000
    /// While the pool is at least half full it is filled in the pauses between requests, so that none waits for it.
    private static let quiet: UInt64 = 2_000_000
    private static let pause: UInt64 = 1_000_000_000
    /// So that the preparer, which takes one order after the other, has the next when it is done with one.
    private static let mostOrdered = 4
    private static let standing = "default"

    init(capacity: Int) { self.capacity = capacity }

    var isEmpty: Bool { waitingCount == 0 }
    /// Whether its last preparation failed a moment ago.
    func isPaused(_ policy: String, now: UInt64) -> Bool { retryAt[policy].map { $0 > now } ?? false }
    func hasWaiting(_ policy: String) -> Bool { waiting[policy]?.isEmpty == false }
    /// How many wait of each policy of which some do.
    var counts: [String: Int] { waiting.mapValues(\.count).filter { $0.value > 0 } }

    // MARK: requests

    /// A request for a policy has come: its sandbox, when there is one.
    mutating func take(_ policy: String, now: UInt64, isUse: Bool) -> PreparedSandbox? {
        guard capacity > 0 || !isEmpty else { return nil }
        if isUse { lastUse[policy] = now }
        quietUntil = now + Self.quiet
        isSettled = false
        guard let sandbox = waiting[policy]?.popLast() else { return nil }
        waitingCount -= 1
        return sandbox
    }

    /// A run has its sandbox: one that had waited, or one that was made for it. Counted here and not when one is taken, so
    /// that both together are the runs: a request can come to nothing, and a sandbox can have died.
    mutating func served(fromPool: Bool) {
        guard capacity > 0 else { return }
        if fromPool { hits += 1 } else { misses += 1 }
    }

    /// One that was taken and not touched.
    mutating func giveBack(_ sandbox: PreparedSandbox, of policy: String) { add(sandbox, of: policy) }

    // MARK: filling

    mutating func add(_ sandbox: PreparedSandbox, of policy: String) {
        waiting[policy, default: []].append(sandbox)
        waitingCount += 1
        isSettled = false
    }

    /// What an order was for.
    struct Ordered {
        var policy: String
        /// The policy's, `PreparedPolicy.generation`, when it was sent.
        var generation: UInt32
    }

    mutating func hasOrdered(_ number: UInt64, of policy: String, generation: UInt32) {
        ordered[number] = Ordered(policy: policy, generation: generation)
    }

    mutating func answered(_ number: UInt64) -> Ordered? {
        isSettled = false
        return ordered.removeValue(forKey: number)
    }

    mutating func failed(_ policy: String, now: UInt64) { retryAt[policy] = now + Self.pause }

    /// Takes one out that has died.
    mutating func remove(_ sandbox: PreparedSandbox) {
        for policy in waiting.keys {
            guard let index = waiting[policy]?.firstIndex(where: { $0 === sandbox }) else { continue }
            waiting[policy]?.remove(at: index)
            waitingCount -= 1
            isSettled = false
            return
        }
    }

    /// All that wait for one policy, or for any.
    mutating func removeAll(of policy: String? = nil) -> [PreparedSandbox] {
        let names = policy.map { [$0] } ?? Array(waiting.keys)
        let removed = names.flatMap { waiting.removeValue(forKey: $0) ?? [] }
        waitingCount -= removed.count
        isSettled = false
        return removed
    }

    /// Another preparer makes them from now on, for other policies.
    mutating func startAnew() {
        ordered = [:]
        retryAt = [:]
        isSettled = false
    }

    enum Step {
        case nothing
        /// Look again after so many nanoseconds.
        case later(UInt64)
        case order(String)
        /// It takes a place that another policy needs.
        case discard(PreparedSandbox)
    }

    /// What to do next so that the right ones wait.
    mutating func next(now: UInt64, policies: (String) -> Bool) -> Step {
        guard capacity > 0, !isSettled, ordered.count < Self.mostOrdered else { return .nothing }
        // Those who wait come before those who may come, whatever place their policies have.
        for (policy, count) in demand where policies(policy) && !isPaused(policy, now: now) {
            if there(policy) < count { return .order(policy) }
        }
        let places = places(now: now, policies: policies)
        if waitingCount + ordered.count > capacity, let surplus = surplus(places) { return .discard(surplus) }
        var wait: UInt64?
        for (policy, target) in places {
            let there = there(policy)
            guard there < target else { continue }
            let dueAt = max(retryAt[policy] ?? 0, there * 2 >= target ? quietUntil : 0)
            guard dueAt <= now else {
                wait = min(wait ?? .max, dueAt - now)
                continue
            }
            guard waitingCount + ordered.count < capacity else {
                if let surplus = surplus(places) { return .discard(surplus) }
                continue
            }
            return .order(policy)
        }
        if let wait { return .later(wait) }
        isSettled = true
        return .nothing
    }

    /// How many of a policy wait or will.
    private func there(_ policy: String) -> Int {
        (waiting[policy]?.count ?? 0) + ordered.values.count { $0.policy == policy }
    }

    /// How many of each policy should wait, the one that was used last first.
    private func places(now: UInt64, policies: (String) -> Bool) -> [(policy: String, count: Int)] {
        let used = lastUse.filter { $0.value + Self.memory > now && policies($0.key) }.sorted { $0.value > $1.value }
        guard !used.isEmpty else { return policies(Self.standing) ? [(Self.standing, (capacity + 1) / 2)] : [] }
        let share = max(1, capacity / used.count)
        var left = capacity
        return used.prefix(capacity).map { policy, _ in
            defer { left -= min(left, share) }
            return (policy, min(left, share))
        }
    }

    private mutating func surplus(_ places: [(policy: String, count: Int)]) -> PreparedSandbox? {
        for (policy, sandboxes) in waiting {
            let target = places.first { $0.policy == policy }?.count ?? 0
            guard sandboxes.count > target else { continue }
            waitingCount -= 1
            return waiting[policy]?.removeFirst()
        }
        return nil
    }
}
