import SandboxModel
import SandboxPolicy

/// What to do about a limit that was met: whoever set it can raise it.
struct LimitAdvice: Sendable {
    /// By the limit's name, what the policy would allow, where the request asked for less. Made when it is asked for: hardly
    /// any run meets a limit.
    private let allowed: @Sendable () -> [String: String]

    init() { allowed = { [:] } }

    /// - Parameter limits: those in force, out of the policy's and a request's.
    init(_ policy: Policy, inForce limits: Limits) {
        allowed = { policy.widerThan(limits) }
    }

    /// After a colon: "raise limits.timeout", "the request set it, and policy 'default' allows 5m (default.yaml:127); ask
    /// for more".
    func raise(_ limit: String) -> String {
        guard let wider = allowed()[limit] else { return "raise limits.\(limit)" }
        return "the request set it, and \(wider); ask for more"
    }
}
