import Glibc
import LaunchPlan
import LinuxSystem

/// Sandboxes that an engine makes: which are being made, which wait, and for whom. Knows numbers and names only.
struct Containers {
    /// Path of the engine's socket.
    var engine = "/run/docker.sock"
    /// Some policy has, or had, `backend: docker`: else nothing of this is looked at.
    var isNeeded = false
    /// `nil`: no policy needs it, or it has ended.
    var link: ContainerLink?
    /// CLOCK_MONOTONIC, nanoseconds: when it is started again.
    private(set) var revival: UInt64 = 0
    /// Why there is none.
    private(set) var hindrance = LaunchFailure(.containerEngine, errno: ECONNREFUSED, retryAfterMilliseconds: 1000)
    /// Policies that sandbox-docker knows, by their numbers.
    private(set) var known: [UInt32: PreparedPolicy] = [:]
    private var nextPolicy: UInt32 = 1
    private var nextOrder: UInt64 = 1
    var arriving: [UInt64: ArrivingContainer] = [:]
    /// Ready, by order.
    private(set) var waiting: [UInt64: Waiting] = [:]
    /// Runs for which none waited, in the order of their requests.
    var queue = RunQueue()
    /// Of containers that are or may be with the engine, what it calls them; "" where that is not known yet.
    private(set) var living: [UInt64: String] = [:]
    /// Orders that sandbox-docker is to remove and could not be told of.
    var unremoved: Set<UInt64> = []
    /// Identities of containers that came to nothing and may be there still.
    var held: [UInt64: IdentitySlot] = [:]
    /// Ones that are made ahead are tried again at this time, by policy's number (CLOCK_MONOTONIC, nanoseconds).
    private var pausedUntil: [UInt32: UInt64] = [:]

    struct Waiting {
        var policy: PreparedPolicy
        var sandbox: PreparedSandbox
    }

    /// More at once would only wait for each other in the engine.
    static let mostArriving = 4
    private static let pause: UInt64 = 5_000_000_000
    private static let revivalPause: UInt64 = 500_000_000
    private static let longestRevivalPause: UInt64 = 30_000_000_000
    /// How often in a row it came to nothing.
    private var failures: UInt64 = 0

    var count: Int { arriving.count + waiting.count + queue.count }

    /// How many wait of each policy of which some do, by name.
    var counts: [String: Int] {
        waiting.values.reduce(into: [:]) { $0[$1.policy.policy.name, default: 0] += 1 }
    }

    mutating func number(of policy: PreparedPolicy) -> (number: UInt32, isNew: Bool) {
        if let found = known.first(where: { $0.value === policy })?.key { return (found, false) }
        defer { nextPolicy += 1 }
        known[nextPolicy] = policy
        return (nextPolicy, true)
    }

    /// Forgets policies that are none any more, and returns their numbers.
    mutating func forget(except current: (PreparedPolicy) -> Bool) -> [UInt32] {
        let old = known.filter { entry in
            !current(entry.value) && queue.count(of: entry.value) == 0
                && !arriving.values.contains { $0.policy === entry.value }
        }.map(\.key)
        for number in old {
            known[number] = nil
            pausedUntil[number] = nil
        }
        return old
    }

    mutating func takeNumber() -> UInt64 {
        defer { nextOrder += 1 }
        return nextOrder
    }

    mutating func began(_ order: ArrivingContainer) {
        arriving[order.number] = order
        living[order.number] = ""
    }

    mutating func named(_ order: UInt64, _ container: String) { living[order] = container }

    mutating func gone(_ order: UInt64) { living[order] = nil }

    /// Which containers a sandbox-docker that is started anew finds, and must let live.
    var survivors: [ContainerSettings.Living] {
        living.filter { !$0.value.isEmpty && !unremoved.contains($0.key) }.prefix(ContainerSettings.mostLiving)
            .map { ContainerSettings.Living(order: $0.key, container: $0.value) }
    }

    mutating func isReady(_ sandbox: PreparedSandbox, of policy: PreparedPolicy) {
        guard let room = sandbox.container else { return }
        arriving[room.order] = nil
        waiting[room.order] = Waiting(policy: policy, sandbox: sandbox)
    }

    /// One that waits; the oldest first.
    mutating func take(_ policy: PreparedPolicy) -> PreparedSandbox? {
        guard let order = waiting.filter({ $0.value.policy === policy }).keys.min() else { return nil }
        return waiting.removeValue(forKey: order)?.sandbox
    }

    mutating func giveBack(_ sandbox: PreparedSandbox, of policy: PreparedPolicy) {
        guard let room = sandbox.container else { return }
        waiting[room.order] = Waiting(policy: policy, sandbox: sandbox)
    }

    mutating func remove(waiting order: UInt64) -> PreparedSandbox? { waiting.removeValue(forKey: order)?.sandbox }

    mutating func failed(_ policy: PreparedPolicy, retryAfter: UInt64?) {
        let pause = retryAfter.map { max(Self.pause, $0 * 1_000_000) } ?? Self.pause
        pausedUntil[number(of: policy).number] = monotonicNanoseconds() + pause
    }

    /// It works: an engine has made a container.
    mutating func succeeded() { failures = 0 }

    mutating func lost(_ reason: LaunchFailure) {
        hindrance = reason
        link = nil
        let pause = Self.revivalPause << min(failures, 10)
        revival = monotonicNanoseconds() + min(pause, Self.longestRevivalPause)
        failures += 1
    }

    /// The next one to order: for who waits first, then ahead.
    func next(now: UInt64, current: [PreparedPolicy]) -> PreparedPolicy? {
        guard arriving.count < Self.mostArriving else { return nil }
        if let first = queue.policies.first(where: isShort) { return first }
        return current.first { policy in
            guard let plan = policy.policy.container, plan.ahead > 0 else { return false }
            let isPaused = known.contains { $0.value === policy && pausedUntil[$0.key, default: 0] > now }
            return !isPaused && there(policy) < Int(min(plan.ahead, ContainerPlan.mostAhead)) + queue.count(of: policy)
        }
    }

    /// Whether more of a policy's are waited for than are there or on their way. Where none is made ahead each is made for one run.
    private func isShort(_ policy: PreparedPolicy) -> Bool {
        if policy.policy.container?.ahead == 0 { return queue.firstUnordered(of: policy) != nil }
        return queue.count(of: policy) > there(policy)
    }

    /// One that waits and is one too many: those that it was made for have gone.
    func surplus() -> UInt64? {
        for (order, entry) in waiting {
            let wanted = Int(entry.policy.policy.container?.ahead ?? 0) + queue.count(of: entry.policy)
            if waiting.values.count(where: { $0.policy === entry.policy }) > wanted { return order }
        }
        return nil
    }

    /// When something is to be done if nothing happens (CLOCK_MONOTONIC, nanoseconds).
    func nextLook(now: UInt64) -> UInt64? {
        var times = arriving.values.map(\.deadline) + pausedUntil.values.filter { $0 > now }
        if link == nil { times.append(revival) }
        // Without a sandbox-docker there is nobody to be told of them.
        if link != nil, !unremoved.isEmpty { times.append(now + 20_000_000) }
        return times.min()
    }

    private func there(_ policy: PreparedPolicy) -> Int {
        arriving.values.count { $0.policy === policy } + waiting.values.count { $0.policy === policy }
    }
}
