import Glibc
import Testing

@testable import SandboxExec

@Suite struct SignalTests {
    /// Of the thread that asks: tests run on threads of the concurrency runtime, where all signals are blocked, and so in what
    /// they start.
    @Test func `a signal that a parent has blocked is heard`() throws {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGUSR1)
        pthread_sigmask(SIG_BLOCK, &set, nil)
        let received = try Signals.take([SIGUSR1])
        pthread_kill(pthread_self(), SIGUSR1)
        #expect(try received.read(atMost: 1).get() == [UInt8(SIGUSR1)])
        Signals.release([SIGUSR1])
    }
}
