import Glibc
package import NIOCore
import SandboxEngine

/// What each user's frames may cost the loop, which reads them and keeps everybody's deadlines.
///
/// A user over its share is not read from until it has one again: its connections take turns at that, so that its own large
/// messages do not wait forever behind its small ones. Nothing is refused and nothing lost; whoever floods waits, and nobody
/// else. What is counted is what was received and what time it took. Confined to the loop.
package final class FrameBudget {
    /// In bytes; what took time counts as if it were so many.
    package struct Limits: Sendable {
        /// What a user may send at once: two of the largest messages.
        package var burst: UInt64 = 4 << 20
        /// And after that in a second.
        package var perSecond: UInt64 = 8 << 20
        /// Before the loop turns to others. One message is taken whole, whatever it costs.
        package var turn: UInt64 = 128 << 10
        /// A second of the loop's time: a user may have half of it. (A run's way to its launch takes 0.3 ms of it: 1,600 runs a
        /// second, several times what two cores can start.)
        package var secondOfTime: UInt64 = 16 << 20

        package init() {}
    }

    /// What is read at least when a user is read from again, so that this is not done for every small frame.
    private static let room: UInt64 = 64 << 10
    private static let second: UInt64 = 1_000_000_000

    private let limits: Limits
    private let loop: any EventLoop
    private let clock: () -> UInt64
    private var lasting: UserQuota
    private var passing: UserQuota
    /// The connections that wait, of each user in their order.
    private var waiting: [UInt32: CircularBuffer<() -> Void>] = [:]

    /// - Parameter clock: nanoseconds that the loop has computed.
    package init(
        loop: any EventLoop, limits: Limits = Limits(), clock: @escaping () -> UInt64 = threadNanoseconds
    ) {
        self.loop = loop
        self.clock = clock
        self.limits = limits
        lasting = UserQuota(burst: limits.burst, interval: Self.second / limits.perSecond)
        passing = UserQuota(burst: limits.turn, interval: Self.second / limits.secondOfTime)
    }

    private var now: UInt64 { loop.now.uptimeNanoseconds }

    /// Whether a user's next frame may be looked at, by one who did not wait for it.
    func isOpen(_ uid: UInt32) -> Bool { waiting[uid] == nil && delay(uid) == 0 }

    /// Whether a user may have one more connection now: hundreds at once are fine.
    func mayConnect(_ uid: UInt32) -> Bool { lasting.delay(uid, at: now, room: 0) == 0 }

    /// Has a frame dealt with, and counts it with the time that this takes.
    func spend(_ uid: UInt32, bytes: Int, _ body: () -> Void) {
        let start = clock()
        body()
        charge(uid, bytes: UInt64(bytes) + (clock() - start) * limits.secondOfTime / Self.second)
    }

    /// Counts what takes next to no time.
    func charge(_ uid: UInt32, bytes cost: UInt64) {
        lasting.charge(uid, at: now, cost: cost)
        passing.charge(uid, at: now, cost: cost)
    }

    /// Calls `body` when it is this one's turn. It takes frames as long as `hasTurn`.
    func wait(_ uid: UInt32, _ body: @escaping () -> Void) {
        waiting[uid, default: []].append(body)
        if waiting[uid]?.count == 1 { schedule(uid) }
    }

    /// Whether the one who is called may go on.
    func hasTurn(_ uid: UInt32) -> Bool { delay(uid) == 0 }

    private func delay(_ uid: UInt32, room: UInt64 = 0) -> UInt64 {
        max(lasting.delay(uid, at: now, room: room), passing.delay(uid, at: now, room: room))
    }

    private func schedule(_ uid: UInt32) {
        let delay = delay(uid, room: Self.room)
        loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(delay))) { [weak self] in self?.serve(uid) }
    }

    /// The first in line. It stays there while it is served: nobody may overtake.
    private func serve(_ uid: UInt32) {
        while hasTurn(uid), let first = waiting[uid]?.first {
            first()
            waiting[uid]?.removeFirst()
        }
        if waiting[uid]?.isEmpty == true { waiting[uid] = nil } else { schedule(uid) }
    }
}

/// Time that this thread has computed: not that in which others did.
package func threadNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
