import CSandbox
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

    /// A pipe, a terminal or /dev/null, opened for real. A directory of the host, or a way to one, would lead the command
    /// out of its root (CVE-2024-21626).
    static func checkStandardStream(_ descriptor: Int32) throws(LaunchFailure) {
        let flags = fcntl(descriptor, F_GETFL)
        var status = stat()
        guard flags >= 0, flags & SANDBOX_O_PATH == 0, fstat(descriptor, &status) == 0 else {
            throw refusal("a standard stream is not open")
        }
        let major = (status.st_rdev >> 8) & 0xfff
        let isNull = major == 1 && status.st_rdev & 0xff == 3
        switch status.st_mode & S_IFMT {
        case S_IFIFO: return
        // Unix98 terminals have the majors 136 to 143.
        case S_IFCHR where isNull || (136...143).contains(major): return
        default: throw refusal("a standard stream is neither a pipe nor a terminal")
        }
    }

    private static func refusal(_ reason: String) -> LaunchFailure {
        LaunchFailure(.refused, errno: EPERM, reason)
    }
}
