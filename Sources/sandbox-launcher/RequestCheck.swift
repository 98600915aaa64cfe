import Glibc
import LaunchPlan

/// The launcher's own check of what sandboxd asks for. sandboxd has checked it too, with better messages; this check is
/// for the day on which sandboxd is somebody else's.
enum RequestCheck {
    static func check(_ request: LaunchRequest, against policy: CompiledPolicy) throws(LaunchFailure) {
        if let limit = request.limits.widerThan(policy.maximum) {
            throw refusal("limit \(limit) is zero or wider than policy \(policy.name)'s")
        }
        if request.workspace != nil && policy.workspaceMode == .none {
            throw refusal("policy \(policy.name) allows no workspace")
        }
        for variable in request.environment where !variable.contains("=") || variable.hasPrefix("=") {
            throw refusal("an environment variable has no name")
        }
    }

    private static func refusal(_ reason: String) -> LaunchFailure {
        LaunchFailure(.refused, errno: EPERM, reason)
    }
}
