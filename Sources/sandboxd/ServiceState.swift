import LinuxSystem
import Logging
import NIOCore
import SandboxEngine

/// What systemd is told of this daemon, `sd_notify(3)`. Confined to the loop. Where no service manager listens all of it is
/// nothing.
final class ServiceState {
    private let manager: ServiceManager
    private let log: Logger
    /// The launcher owes the answer to a watchdog's question.
    private var isAsking = false

    init(_ manager: ServiceManager, log: Logger) {
        self.manager = manager
        self.log = log
    }

    /// Requests are answered from now on; a policy's first one waits for its probe. Starts what keeps the watchdog quiet.
    func ready(_ engine: Engine, status: String) {
        tell("READY=1", "STATUS=\(status)")
        guard manager.listens, let nanoseconds = manager.watchdogNanoseconds else { return }
        // Half of its patience, as sd_watchdog_enabled(3) has it.
        let pause = TimeAmount.nanoseconds(Int64(min(nanoseconds / 2, UInt64(Int64.max))))
        answerWatchdog(engine, every: pause)
    }

    /// All is well when this loop turns and the launcher answers: what hangs is restarted.
    private func answerWatchdog(_ engine: Engine, every pause: TimeAmount) {
        engine.loop.assumeIsolated().scheduleTask(in: pause) { [weak self, weak engine] in
            guard let self, let engine else { return }
            answerWatchdog(engine, every: pause)
        }
        guard !isAsking else { return log.warning("the launcher has not answered since the last look") }
        isAsking = true
        engine.askLauncher { [weak self] hasAnswered in
            self?.isAsking = false
            if hasAnswered { self?.tell("WATCHDOG=1") }
        }
    }

    /// - Parameter seconds: how long it may take; longer than the unit says, where it must.
    func stopping(within seconds: Int64) {
        tell("STOPPING=1", "STATUS=finishing what runs", "EXTEND_TIMEOUT_USEC=\(seconds * 1_000_000)")
    }

    func reloading() {
        tell("RELOADING=1", "STATUS=reading policies", "MONOTONIC_USEC=\(monotonicNanoseconds() / 1000)")
    }

    /// A reload has ended, however.
    func reloaded(status: String) { tell("READY=1", "STATUS=\(status)") }

    private func tell(_ lines: String...) {
        do throws(SystemError) {
            try manager.tell(lines)
        } catch {
            log.warning("\(error)")
        }
    }
}
