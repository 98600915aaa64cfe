import Glibc
import SandboxClient
package import SandboxModel
import Synchronization

/// Where the signal handlers write to.
private let signalSender = Atomic<CInt>(-1)

/// Signals, told to code that may do what a signal handler may not.
package enum Signals {
    /// Takes signals over: each is a byte in the descriptor that is returned. Once in the program's life.
    ///
    /// By handlers and not by signalfd(2), which needs them blocked in every thread: in sandboxctl-verbs others exist.
    package static func take(_ signals: [CInt]) throws(ServiceError) -> Descriptor {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ServiceError(.overloaded, "failed to make a socket pair: \(ErrorNumber.current)")
        }
        signalSender.store(ends[1], ordering: .sequentiallyConsistent)
        // What was ignored when we were started, as `nohup` does, stays ignored. What was blocked does not stay so: a program
        // that starts us on a thread of its own, as Swift's are, does not mean that nobody can end us.
        for signal in signals where !isIgnored(signal) { handle(signal) }
        unblock(signals)
        return Descriptor(number: ends[0])
    }

    /// Gives signals that were taken over back to the kernel.
    static func release(_ signals: [CInt]) {
        for signal in signals where !isIgnored(signal) { Glibc.signal(signal, SIG_DFL) }
    }

    /// Dies of a signal, as a program that had not taken it over: a shell's loop ends at Ctrl-C only then.
    package static func die(of signal: CInt) -> Never {
        raiseUntaken(signal)
        _exit(ExitStatus.signal(signal))
    }

    /// Stops, as a program that had not taken Ctrl-Z over, until it is continued.
    package static func stop() {
        raiseUntaken(SIGTSTP)
        handle(SIGTSTP)
    }

    private static func raiseUntaken(_ signal: CInt) {
        Glibc.signal(signal, SIG_DFL)
        // A thread of our own has all signals blocked.
        unblock([signal])
        raise(signal)
    }

    private static func unblock(_ signals: [CInt]) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
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

    private static func isIgnored(_ signal: CInt) -> Bool {
        var action = sigaction()
        sigaction(signal, nil, &action)
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN as __sighandler_t?, to: Int.self)
    }
}
