import Backoff
import Testing

@Suite struct CircuitBreakerTests {
    private static let second: UInt64 = 1_000_000_000

    /// One that has failed often enough, just now.
    private func opened(at now: UInt64, dice: Double = 1) -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 0..<CircuitBreaker.threshold { breaker.failed(now: now, dice: dice) }
        return breaker
    }

    @Test func `three failures in a row open it, and not two`() {
        var breaker = CircuitBreaker()
        for _ in 0..<2 { breaker.failed(now: 5, dice: 1) }
        #expect(breaker.admit(now: 5) == nil)
        breaker.failed(now: 5, dice: 1)
        #expect(breaker.admit(now: 5) == Self.second / 2)
        #expect(breaker.admit(now: 5 + Self.second / 2 - 1) == 1)
    }

    @Test func `a success between them starts the count anew`() {
        var breaker = CircuitBreaker()
        for _ in 0..<10 {
            breaker.failed(now: 0, dice: 1)
            breaker.failed(now: 0, dice: 1)
            breaker.succeeded()
        }
        #expect(breaker.admit(now: 0) == nil)
    }

    @Test func `after the pause one may try, and no other until he has come back`() {
        for isSuccess in [true, false] {
            var breaker = opened(at: 0)
            let later = Self.second
            #expect(breaker.admit(now: later) == nil)
            for _ in 0..<3 { #expect(breaker.admit(now: later) ?? 0 > 0) }
            if isSuccess {
                breaker.succeeded()
                for _ in 0..<3 { #expect(breaker.admit(now: later) == nil) }
                // It needs three failures again.
                breaker.failed(now: later, dice: 1)
                #expect(breaker.admit(now: later) == nil)
            } else {
                breaker.failed(now: later, dice: 1)
                #expect(breaker.admit(now: later) == Self.second)
            }
        }
    }

    @Test func `each failed try doubles the pause, up to 30 seconds`() {
        var breaker = opened(at: 0)
        var now: UInt64 = 0
        var pauses: [UInt64] = []
        for _ in 0..<80 {
            let pause = breaker.admit(now: now) ?? 0
            pauses.append(pause)
            now += pause
            #expect(breaker.admit(now: now) == nil)
            breaker.failed(now: now, dice: 1)
        }
        #expect(Array(pauses.prefix(7)) == [0.5, 1, 2, 4, 8, 16, 30].map { UInt64($0 * Double(Self.second)) })
        #expect(pauses.dropFirst(7).allSatisfy { $0 == 30 * Self.second })
    }

    @Test func `success makes the next pause the first one again`() {
        var breaker = opened(at: 0)
        for now in [Self.second, 10 * Self.second] {
            _ = breaker.admit(now: now)
            breaker.failed(now: now, dice: 1)
        }
        _ = breaker.admit(now: 100 * Self.second)
        breaker.succeeded()
        for _ in 0..<3 { breaker.failed(now: 200 * Self.second, dice: 1) }
        #expect(breaker.admit(now: 200 * Self.second) == Self.second / 2)
    }

    @Test(arguments: [(0, 0.1), (0.1, 0.1), (0.5, 0.25), (1, 0.5), (-3, 0.1), (9, 0.5)] as [(Double, Double)])
    func `the pause is the dice's share of it, and at least 100 ms`(_ dice: Double, _ seconds: Double) {
        var breaker = opened(at: 0, dice: dice)
        #expect(breaker.admit(now: 0) == UInt64(seconds * Double(Self.second)))
    }

    @Test func `who asked before it opened makes the pause no longer`() {
        var breaker = opened(at: 0)
        for _ in 0..<10 { breaker.failed(now: Self.second / 4, dice: 1) }
        #expect(breaker.admit(now: Self.second / 2) == nil)
    }

    @Test func `an answer to who asked before closes it: the engine is there`() {
        var breaker = opened(at: 0)
        breaker.succeeded()
        #expect(breaker.admit(now: 0) == nil)
    }
}
