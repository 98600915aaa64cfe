import Glibc
import SandboxClient
import SandboxExec
import SandboxModel

extension Signals {
    /// Takes signals over, and calls `body` with each on a thread of its own, which may do what a signal handler may not.
    static func watch(_ signals: [CInt], _ body: @escaping @Sendable (CInt) -> Void) throws(ServiceError) {
        let received = try take(signals)
        try Threads.start {
            while case .success(let signals) = received.read(atMost: 1), let signal = signals.first {
                body(CInt(signal))
            }
        }
    }
}
