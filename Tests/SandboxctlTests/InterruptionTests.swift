import Glibc
import Testing

@testable import SandboxExec

@Suite struct InterruptionTests {
    @Test func `the first cancels, the second does not wait, the third leaves`() {
        var interruption = Interruption()
        #expect(interruption.take(SIGTERM, hasRun: true) == .cancel(now: false))
        #expect(interruption.take(SIGINT, hasRun: true) == .cancel(now: true))
        #expect(interruption.take(SIGINT, hasRun: true) == .leave)
        #expect(interruption.signal == SIGTERM)
    }

    @Test func `before there is a run, the first leaves`() {
        var interruption = Interruption()
        #expect(interruption.take(SIGINT, hasRun: false) == .leave)
        #expect(interruption.signal == nil)
    }
}
