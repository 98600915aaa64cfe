import Backoff
import Testing

@Suite struct FullJitterTests {
    @Test func boundsDoubleAndEnd() {
        let jitter = FullJitter(first: 3, longest: 20)
        #expect((-1..<5).map { jitter.pause(after: $0, dice: 1) } == [3, 3, 6, 12, 20, 20])
        #expect(jitter.pause(after: 2, dice: 0.5) == 6 && jitter.pause(after: 2, dice: 0) == 0)
    }

    @Test func nothingIsTooMuch() {
        for first in [0, 1, 1 << 62, .max] as [UInt64] {
            for attempt in [0, 1, 63, 64, .max] {
                let pause = FullJitter(first: first, longest: .max).pause(after: attempt, dice: 1)
                #expect(pause <= 1 << 62 && (first == 0) == (pause == 0))
            }
        }
        for dice in [Double.nan, -1, .infinity, 2] {
            #expect([0, 8].contains(FullJitter(first: 8, longest: 8).pause(after: 0, dice: dice)))
        }
    }
}
