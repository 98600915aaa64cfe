import CSandbox
import Glibc
import LaunchPlan

/// The launcher's own check of what sandboxd asks for. sandboxd has checked it too, with better messages; this check is
/// for the day on which sandboxd is somebody else's.
enum RequestCheck {
    static func check(_ request: LaunchRequest, against policy: CompiledPolicy) throws(LaunchFailure) {
        // It becomes part of a container's name.
        guard request.id.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else {
            throw refusal("the run's id is not hexadecimal")
        }
        if let limit = request.limits.widerThan(policy.maximum) {
            throw refusal("limit \(limit) is zero or wider than policy \(policy.name)'s")
        }
        // A file system in memory of no size is one without a limit; the size of /tmp is the policy's, whatever its limits say.
        if let tmpBytes = request.limits.tmpBytes, tmpBytes == 0 || tmpBytes > policy.tmpBytes {
            throw refusal("limit tmp is zero or wider than policy \(policy.name)'s")
        }
        let rates = [request.limits.readBytesPerSecond, request.limits.writeBytesPerSecond]
        if policy.container != nil, rates != [nil, nil] { throw refusal("limit rates: a container has none") }
        if request.workspace == nil { try checkMemory(request.limits, policy) }
        if let size = impossibleSize(request.limits) { throw refusal("limit \(size) is more than there can be") }
        if request.workspace != nil && policy.workspaceMode == .none {
            throw refusal("policy \(policy.name) allows no workspace")
        }
        for variable in request.environment
        where !variable.utf8.dropFirst().contains(UInt8(ascii: "=")) || variable.utf8.first == UInt8(ascii: "=") {
            throw refusal("an environment variable has no name")
        }
    }

    /// A workspace in memory is never without a size: where the policy names none, that of its /tmp.
    private static func checkMemory(_ limits: LaunchLimits, _ policy: CompiledPolicy) throws(LaunchFailure) {
        let most = policy.maximum.workspaceBytes ?? policy.tmpBytes
        let bytes = limits.workspaceBytes ?? policy.tmpBytes
        if bytes > most { throw refusal("limit workspace size is wider than policy \(policy.name)'s") }
        let inodes = policy.maximum.workspaceInodes ?? MemoryFiles.inodes(ofBytes: bytes)
        if limits.workspaceInodes ?? 0 > inodes {
            throw refusal("limit workspace inodes is wider than policy \(policy.name)'s")
        }
    }

    /// The name of a size that no file system can have.
    static func impossibleSize(_ limits: LaunchLimits) -> String? {
        if limits.workspaceBytes ?? 0 > TemporaryOptions.mostBytes { return "workspace size" }
        return limits.workspaceInodes ?? 0 > TemporaryOptions.mostInodes ? "workspace inodes" : nil
    }

    /// The probe that a request asks for, in this process's own words. It runs for nobody: whoever could make it run
    /// something else would have a sandbox without a client.
    static func probe(_ request: LaunchRequest, of prepared: PreparedPolicy) throws(LaunchFailure) -> LaunchRequest {
        guard request == .probe(run: request.run, policy: prepared.policy, generation: request.generation) else {
            throw refusal("a probe says nothing but its policy")
        }
        let strings = prepared.probeArguments + ProbePlan.environment
        guard strings.count <= LaunchRequest.maximumStrings,
            strings.reduce(0, { $0 + $1.utf8.count + 1 }) <= LaunchRequest.maximumStringBytes
        else {
            throw LaunchFailure(.refused, errno: E2BIG, "policy \(request.policy) has too many paths for its probe")
        }
        var own = request
        own.argv = prepared.probeArguments
        own.environment = ProbePlan.environment
        own.limits = prepared.policy.maximum
        return own
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
