import Glibc
import SandboxClient
import SandboxModel
import Synchronization

/// Where the signal handlers write to.
private let signalSender = Atomic<CInt>(-1)

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

    /// Takes the signals over, and acts on them on a thread of its own.
    ///
    /// The handlers only pass the number on: threads of the runtime exist already, so that blocking the signals
    /// everywhere and waiting for them is not possible.
    func watch(terminal: Bool) throws {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ServiceError(.overloaded, "failed to make a socket pair: \(ErrorNumber.current)")
        }
        let received = Descriptor(number: ends[0])
        signalSender.store(ends[1], ordering: .sequentiallyConsistent)
        try Threads.start { [self] in
            while case .success(let signals) = received.read(atMost: 1), let signal = signals.first {
                take(CInt(signal))
            }
        }
        // What was ignored when we were started, as `nohup` does, stays ignored.
        for signal in [SIGINT, SIGTERM, SIGHUP] where !Self.isIgnored(signal) { Self.handle(signal) }
        if terminal { Self.handle(SIGWINCH) }
    }

    private static func handle(_ signal: CInt) {
        var action = sigaction()
        action.sa_flags = SA_RESTART
        action.__sigaction_handler.sa_handler = { signal in
            let saved = errno
            var byte = UInt8(truncatingIfNeeded: signal)
            _ = write(signalSender.load(ordering: .sequentiallyConsistent), &byte, 1)
            errno = saved
        }
        sigaction(signal, &action, nil)
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
