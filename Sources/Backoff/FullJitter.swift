/// How long to wait before something is tried again: anything up to a bound that doubles, so that many who failed together do not come
/// back together ("Exponential Backoff And Jitter", AWS Architecture Blog).
///
/// A value: it rolls no dice.
package struct FullJitter: Sendable, Equatable {
    /// Bounds, in any one unit.
    package var first: UInt64
    package var longest: UInt64

    package init(first: UInt64, longest: UInt64) {
        self.first = first
        self.longest = longest
    }

    /// - Parameters:
    ///   - attempt: how often it was tried before this failure, from 0.
    ///   - dice: from 0 to 1; anything else is taken for the nearer end.
    package func pause(after attempt: Int, dice: Double) -> UInt64 {
        let shift = UInt64(max(0, min(attempt, 62)))
        let (doubled, isTooMuch) = first.multipliedReportingOverflow(by: 1 << shift)
        // More than a Double can say without rounding up is centuries of nanoseconds.
        let bound = min(isTooMuch ? longest : min(longest, doubled), 1 << 62)
        // Written so that what is no number is 0.
        return UInt64(Double(bound) * (dice > 0 ? min(dice, 1) : 0))
    }
}
