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
    ///   - denied: the calls that an entry of `syscallsDenied`, a name or a group's, denies, with their numbers on this
    ///     machine.
    ///   - allowed: the calls that the policy allows beyond the base list.
    package static func arguments(
        _ policy: CompiledPolicy, shown: (String) -> Bool, denied: (String) -> [(name: String, number: Int32)],
        allowed: [String]
    ) -> [String] {
        var arguments = [program]
        for (index, path) in policy.readPaths.enumerated() where shown(path) {
            arguments.append("read:\(index):\(path)")
        }
        for (index, path) in policy.hidePaths.enumerated() { arguments.append("hide:\(index):\(path)") }
        for (index, entry) in policy.syscallsDenied.enumerated() {
            let calls = denied(entry).filter { !untried.contains($0.name) }
            for call in calls { arguments.append("deny:\(index):\(call.number)") }
            if calls.isEmpty { arguments.append("deny:\(index):none") }
        }
        for name in allowed { arguments.append("allow::\(name)") }
        return arguments
    }
}
