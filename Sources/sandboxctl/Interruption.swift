import Glibc
import SandboxClient
import SandboxModel
import Synchronization

/// Ctrl-C and its relatives: the first cancels the run, whose result is still shown; the second ends sandboxctl.
final class Interruption: Sendable {
    private struct State: Sendable {
        var run: Run?
        /// The first signal that asked for an end.
        var signal: CInt?
    }

    private let state = Mutex(State())

    /// The signal that ended the run, if one did.
    var signal: CInt? { state.withLock { $0.signal } }

    /// Blocks the signals in this thread, and in all that it starts, and takes them on one of their own. For the main
    /// thread, before there are others.
    func watch(terminal: Bool) throws {
        // What was ignored when we were started, as `nohup` does, stays ignored.
        var signals = [SIGINT, SIGTERM, SIGHUP].filter { !Self.isIgnored($0) }
        if terminal { signals.append(SIGWINCH) }
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        try Threads.start { [self, set] in
            var set = set
            while true {
                var signal: CInt = 0
                if sigwait(&set, &signal) == 0 { take(signal) }
            }
        }
    }

    /// The run that signals are for, once there is one.
    func attach(_ run: Run) { state.withLock { $0.run = run } }

    private func take(_ signal: CInt) {
        if signal == SIGWINCH {
            guard let run = state.withLock({ $0.run }) else { return }
            // A size that comes too late for its run does not matter.
            Task { try? await run.resize(Terminal.size) }
            return
        }
        let run = state.withLock { state -> Run? in
            guard state.signal == nil else { return nil }
            state.signal = state.run == nil ? nil : signal
            return state.run
        }
        if let run {
            run.cancel()
        } else {
            Terminal.restore()
            // The daemon sees the connection end, and ends the run.
            _exit(ExitStatus.signal(signal))
        }
    }

    private static func isIgnored(_ signal: CInt) -> Bool {
        var action = sigaction()
        sigaction(signal, nil, &action)
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN as __sighandler_t?, to: Int.self)
    }
}
