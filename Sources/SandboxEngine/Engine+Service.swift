import LaunchPlan
import Logging
package import SandboxModel
import SandboxPolicy

/// Who waits to hear of the launcher's pool. The launcher is asked once for all of them.
struct PoolInquiry {
    private var waiters: [UInt64: (PoolReport?) -> Void] = [:]
    private var nextWaiter: UInt64 = 0
    /// The launcher owes an answer; it may owe it for ever.
    private var isAsked = false
    /// There is nobody to ask any more.
    private var isOver = false

    /// Adds one who waits, under a number, and says whether the launcher is to be asked. `nil`: there is none.
    mutating func add(_ body: @escaping (PoolReport?) -> Void) -> (number: UInt64, isToAsk: Bool)? {
        guard !isOver else { return nil }
        nextWaiter += 1
        waiters[nextWaiter] = body
        defer { isAsked = true }
        return (nextWaiter, !isAsked)
    }

    mutating func forget(_ number: UInt64) { waiters[number] = nil }

    /// Those who waited for an answer that has come; `nil` where nobody asked for it.
    mutating func answered() -> [(PoolReport?) -> Void]? {
        guard isAsked else { return nil }
        isAsked = false
        return takeWaiters()
    }

    /// Those who wait for an answer that does not come any more.
    mutating func end() -> [(PoolReport?) -> Void] {
        isOver = true
        return takeWaiters()
    }

    private mutating func takeWaiters() -> [(PoolReport?) -> Void] {
        defer { waiters = [:] }
        return Array(waiters.values)
    }
}

extension Engine {
    /// What the service is doing, as the client may see it: its user's runs and policies, all for root.
    ///
    /// - Parameter then: called once; with what sandboxd itself knows when the launcher takes too long.
    package func service(for client: Client, then: @escaping (ServiceStats) -> Void) {
        var report: PoolReport?
        var number: UInt64?
        let asked = question(awaiting: 1, of: client) { [self] in
            if let number { inquiry.forget(number) }
            then(stats(report, for: client))
        }
        guard let question = asked else { return then(stats(nil, for: client)) }
        let added = inquiry.add {
            report = $0
            question.answered()
        }
        guard let added else { return question.giveUp() }
        number = added.number
        if added.isToAsk { launcher.send(.pool) }
    }

    /// Whether the launcher lives and turns its loop: `then` is called once with yes when it answers, with no when it is gone, and
    /// never while it hangs.
    package func askLauncher(then: @escaping (Bool) -> Void) {
        guard let added = inquiry.add({ then($0 != nil) }) else { return then(false) }
        if added.isToAsk { launcher.send(.pool) }
    }

    func received(_ report: PoolReport) {
        guard let waiters = inquiry.answered() else {
            return log.warning("the launcher told of its pool without being asked")
        }
        for body in waiters { body(report) }
    }

    private func stats(_ report: PoolReport?, for client: Client) -> ServiceStats {
        var stats = ServiceStats(
            runs: UInt64(runs.values.count { isVisible($0, to: client) }), draining: isDraining ? true : nil)
        guard let report else { return stats }
        stats.dying = UInt64(report.dying)
        stats.warm = WarmStats(
            capacity: UInt64(report.capacity), preparing: UInt64(report.preparing), hits: report.hits,
            misses: report.misses)
        let visible = Set(visiblePolicies(for: client).map(\.name))
        for entry in report.waiting where visible.contains(entry.policy) {
            stats.warm?.waiting[entry.policy] = UInt64(entry.count)
        }
        return stats
    }
}
