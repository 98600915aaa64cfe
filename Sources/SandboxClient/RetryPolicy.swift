import Backoff

/// How often, and for how long, a request is tried that fails for the time being.
public struct RetryPolicy: Sendable, Equatable {
    /// Tries in all; 1 tries nothing again.
    public var attempts: Int
    /// From the call to the begin of its last try: what cannot be tried by then fails with what failed before. A run that has begun
    /// is not ended by it; its own bound is `RunRequest.limits`.
    public var patience: Duration
    /// The pause before the second try is anything up to this, and the bound doubles with each further one.
    public var firstPause: Duration
    public var longestPause: Duration

    public init(
        attempts: Int = 10, patience: Duration = .seconds(60), firstPause: Duration = .milliseconds(100),
        longestPause: Duration = .seconds(10)
    ) {
        self.attempts = attempts
        self.patience = patience
        self.firstPause = firstPause
        self.longestPause = longestPause
    }

    /// Nothing is tried again.
    public static let once = RetryPolicy(attempts: 1)

    /// What of the request may have happened before it failed.
    enum Progress: Equatable {
        /// It was not sent.
        case none
        /// It was sent, and no answer says whether a command has run.
        case unknown
    }

    /// In how many nanoseconds to try again, or `nil`: it fails with this.
    ///
    /// An answer of the service's says that nothing has run, and whether the same can succeed later. Without one a command may have run,
    /// and only who says that it can run twice has it tried again.
    ///
    /// - Parameters:
    ///   - attempt: how often it was tried before, from 0.
    ///   - dice: from 0 to 1.
    func pause(
        after error: ServiceError, _ progress: Progress, isRepeatable: Bool, attempt: Int, dice: Double
    ) -> UInt64? {
        guard error.category == .temporary, attempt + 1 < attempts else { return nil }
        if error.code == .notConnected, progress == .unknown, !isRepeatable { return nil }
        let jitter = FullJitter(first: firstPause.nanoseconds, longest: longestPause.nanoseconds)
        // Beside the service's own word, which it says to all alike.
        let (asked, isTooMuch) = (error.retryAfterMilliseconds ?? 0).multipliedReportingOverflow(by: 1_000_000)
        guard !isTooMuch else { return nil }
        let (pause, isTooLong) = asked.addingReportingOverflow(jitter.pause(after: attempt, dice: dice))
        return isTooLong ? nil : pause
    }
}

extension Duration {
    /// Nothing below zero, and no more than there can be.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (whole, isTooMuch) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isTooLong) = whole.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
        return isTooMuch || isTooLong ? .max : sum
    }
}
