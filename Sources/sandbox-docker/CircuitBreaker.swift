/// Keeps everybody from waiting for an engine that does not answer: after some failures in a row nobody asks it for a while, which
/// grows, with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog); then one may try.
///
/// A value: it reads no clock and rolls no dice. Times are nanoseconds of one clock.
struct CircuitBreaker: Equatable {
    private enum State: Equatable {
        case closed(failures: Int)
        case open(until: UInt64, attempt: Int)
        case halfOpen(attempt: Int)
    }

    private var state = State.closed(failures: 0)
    /// Failures in a row until nobody asks.
    static let threshold = 3
    static let firstPause: UInt64 = 500_000_000
    static let longestPause: UInt64 = 30_000_000_000

    /// Whether somebody may ask now; else in how many nanoseconds.
    mutating func admit(now: UInt64) -> UInt64? {
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

    mutating func succeeded() { state = .closed(failures: 0) }

    /// - Parameter dice: from 0 to 1.
    mutating func failed(now: UInt64, dice: Double) {
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
        // Never at once: the engine may be starting.
        let pause = max(Self.firstPause / 5, UInt64(Double(longest) * min(max(dice, 0), 1)))
        state = .open(until: now + pause, attempt: attempt)
    }
}
