import SandboxModel
import Testing

@testable import SandboxClient

@Suite struct RetryPolicyTests {
    private static let policy = RetryPolicy(
        attempts: 4, firstPause: .milliseconds(100), longestPause: .milliseconds(300))
    private static let milli: UInt64 = 1_000_000

    private func pause(
        _ error: ServiceError, _ progress: RetryPolicy.Progress = .unknown, isRepeatable: Bool = false,
        attempt: Int = 0,
        dice: Double = 1, _ policy: RetryPolicy = policy
    ) -> UInt64? {
        policy.pause(after: error, progress, isRepeatable: isRepeatable, attempt: attempt, dice: dice)
    }

    private static let busy = ServiceError(.overloaded, "busy", category: .temporary)
    private static let lost = ServiceError(.notConnected, "lost", category: .temporary)

    @Test func pausesDoubleUpToTheLongest() {
        #expect((0..<3).map { pause(Self.busy, attempt: $0) } == [100, 200, 300].map { $0 * Self.milli })
        #expect(pause(Self.busy, attempt: 2, dice: 0.5) == 150 * Self.milli)
        #expect(pause(Self.busy, dice: 0) == 0 && pause(Self.busy, dice: .nan) == 0 && pause(Self.busy, dice: -1) == 0)
        #expect(pause(Self.busy, dice: 7) == 100 * Self.milli)
    }

    @Test func theServicesWordIsAddedTo() {
        var error = Self.busy
        error.retryAfterMilliseconds = 5000
        #expect(pause(error, dice: 0) == 5000 * Self.milli && pause(error, dice: 1) == 5100 * Self.milli)
        error.retryAfterMilliseconds = .max
        #expect(pause(error) == nil)
    }

    @Test func onlyWhatIsTemporaryIsTriedAgainAndNotForEver() {
        #expect(pause(ServiceError(.unknownPolicy, "no")) == nil)
        #expect(pause(Self.busy, attempt: 2) != nil && pause(Self.busy, attempt: 3) == nil)
        #expect(pause(Self.busy, .once) == nil)
        // However long and often.
        let odd = RetryPolicy(attempts: .max, firstPause: .seconds(Int64.max), longestPause: .seconds(Int64.max))
        #expect(pause(Self.busy, attempt: 1000, odd) != nil && pause(Self.busy, attempt: 1000, dice: 0, odd) == 0)
        #expect(Duration.seconds(-1).nanoseconds == 0 && Duration.milliseconds(1500).nanoseconds == 1_500_000_000)
    }

    /// Its command may have run.
    @Test func whatMayHaveRunIsTriedAgainOnlyWhereItMayRunTwice() {
        #expect(pause(Self.lost, .none) != nil)
        #expect(pause(Self.lost, .unknown) == nil)
        #expect(pause(Self.lost, .unknown, isRepeatable: true) != nil)
        // An answer says that it has not.
        #expect(pause(Self.busy, .unknown) != nil)
    }

    private func pause(_ error: ServiceError, _ policy: RetryPolicy) -> UInt64? { pause(error, .unknown, policy) }
    private func pause(_ error: ServiceError, attempt: Int, dice: Double = 1, _ policy: RetryPolicy) -> UInt64? {
        pause(error, .unknown, isRepeatable: false, attempt: attempt, dice: dice, policy)
    }
}
