import SandboxModel
import Testing

@testable import sandboxctl_verbs

@Suite struct ServiceFigureTests {
    @Test func aService() {
        let warm = WarmStats(capacity: 8, waiting: ["python": 1, "default": 3], preparing: 2, hits: 30, misses: 10)
        let text = """
            WHAT       NOW
            runs         2
            dying        0  ended and told, not yet gone
            warm         4  of 8 at most
              default    3
              python     1
            preparing    2
            hits        30  75.0 % of the runs
            misses      10

            """
        #expect(ServiceFigures.text(ServiceStats(runs: 2, warm: warm, dying: 0)) == text)
    }

    @Test func whatIsNotThereOrNotKnown() {
        #expect(ServiceFigures.text(ServiceStats(runs: 0)) == "WHAT  NOW\nruns    0\n")
        let cold = ServiceFigures.text(ServiceStats(runs: 0, warm: WarmStats(), dying: 1))
        #expect(cold.contains("warm     0  no sandbox is made ahead\n") && !cold.contains("hits"))
        let lost = ServiceFigures.text(ServiceStats(runs: 0, warm: WarmStats(hits: 3), dying: 0))
        #expect(lost.contains("any more: what made them has ended, restart sandboxd\n"))
        // Nothing has been counted yet.
        let idle = ServiceFigures.text(ServiceStats(runs: 0, warm: WarmStats(capacity: 1)))
        #expect(idle.hasSuffix("hits         0\nmisses       0\n"))
    }

    @Test func oneThatIsStopping() {
        let text = ServiceFigures.text(ServiceStats(runs: 2, draining: true))
        #expect(text.contains("draining  yes  runs go on, new ones are refused\n"))
        #expect(!ServiceFigures.text(ServiceStats(runs: 2)).contains("draining"))
    }

    @Test func aServiceMaySayAnything() {
        let warm = WarmStats(capacity: .max, waiting: ["\u{1B}[2J": .max, "b": 1], hits: .max, misses: .max)
        let text = ServiceFigures.text(ServiceStats(runs: .max, warm: warm, dying: .max))
        #expect(!text.contains("\u{1B}") && text.contains("\(UInt64.max)"))
    }
}
