/// Keeps everybody from waiting for a service that does not answer: after some failures in a row nobody asks it for a while, which
/// grows, with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog); then one may try.
///
/// A value: it reads no clock and rolls no dice. Times are nanoseconds of one clock.
package struct CircuitBreaker: Equatable, Sendable {
    private enum State: Equatable, Sendable {
        case closed(failures: Int)
        case open(until: UInt64, attempt: Int)
        case halfOpen(attempt: Int)
    }

    private var state = State.closed(failures: 0)

    package init() {}

    /// Failures in a row until nobody asks.
    package static let threshold = 3
    package static let firstPause: UInt64 = 500_000_000
    package static let longestPause: UInt64 = 30_000_000_000

    /// Whether somebody may ask now; else in how many nanoseconds.
    package mutating func admit(now: UInt64) -> UInt64? {
        switch state {
        case .closed: return nil
        case .open(let until, let attempt):
            guard now >= until else { return until - now }
            state = .halfOpen(attempt: attempt)
            return nil
        // The one who tries has not come back.
        case .halfOpen: return Self.firstPause
        }
    }

    package mutating func succeeded() { state = .closed(failures: 0) }

    /// - Parameter dice: from 0 to 1.
    package mutating func failed(now: UInt64, dice: Double) {
        switch state {
        case .closed(let failures) where failures + 1 < Self.threshold: state = .closed(failures: failures + 1)
        case .closed: open(now: now, attempt: 0, dice)
        case .halfOpen(let attempt): open(now: now, attempt: attempt + 1, dice)
        // Of one who asked before it was opened.
        case .open: break
        }
    }

    private mutating func open(now: UInt64, attempt: Int, _ dice: Double) {
        let longest = min(Self.longestPause, Self.firstPause << UInt64(min(attempt, 20)))
        // Never at once: it may be starting.
        let pause = max(Self.firstPause / 5, UInt64(Double(longest) * min(max(dice, 0), 1)))
        state = .open(until: now + pause, attempt: attempt)
    }
}
