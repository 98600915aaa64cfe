/// What sandboxd and the launcher agree on about the probe of a policy. The launcher makes all of it itself; sandboxd
/// compares with what comes back.
package enum ProbePlan {
    /// The client number of probe runs: nobody is admitted under it.
    package static let client: UInt32 = 0
    package static let program = "sandbox-probe"
    /// The whole environment of a probe.
    package static let environment = ["SANDBOX_PROBE=1"]

    /// Denied system calls that are not tried: they end, stop, duplicate or suspend the process that tries, or the
    /// probe cannot speak without them.
    package static let untried: Set<String> = [
        "alarm", "clone", "exit", "exit_group", "fork", "pause", "read", "rt_sigreturn", "rt_sigsuspend", "setitimer",
        "sync", "vfork", "wait4", "waitid", "write",
    ]

    /// The probe's arguments: the policy's own paths and denied calls by their place in the policy's lists.
    ///
    /// - Parameters:
    ///   - shown: which of `readPaths` the sandbox has; a host need not have all of them.
    ///   - number: of a system call on this machine, `nil` where it has none.
    package static func arguments(
        _ policy: CompiledPolicy, shown: (String) -> Bool, number: (String) -> Int32?
    ) -> [String] {
        var arguments = [program]
        for (index, path) in policy.readPaths.enumerated() where shown(path) {
            arguments.append("read:\(index):\(path)")
        }
        for (index, path) in policy.hidePaths.enumerated() { arguments.append("hide:\(index):\(path)") }
        for (index, name) in policy.syscallsDenied.enumerated() where !untried.contains(name) {
            arguments.append("deny:\(index):\(number(name).map(String.init) ?? "none")")
        }
        return arguments
    }
}
