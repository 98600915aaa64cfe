import CEscape
import Glibc

extension Attempt {
    static let controlGroups: [Attempt] = [
        Attempt("cgroup-v1-mount", "CVE-2022-0492", "mount the memory hierarchy with its release_agent") { _ in
            becomeRootOfNamespaces(CLONE_NEWNS | CLONE_NEWCGROUP)
            return mustBeRefused(call(__NR_mount, text("cgroup"), text("/tmp"), text("cgroup"), 0, text("memory")))
        }.heldAnyway("where cgroup v2 has the controller"),
        Attempt("cgroup-v2-mount", "cgroup escape", "mount the unified hierarchy") { _ in
            becomeRootOfNamespaces(CLONE_NEWNS | CLONE_NEWCGROUP)
            return mustFail(call(__NR_mount, text("cgroup2"), text("/tmp"), text("cgroup2"), 0, 0))
        },
        Attempt("release-agent", "CVE-2022-0492", "open a release_agent for writing") { _ in
            first(of: "release_agent")
        }.heldAnyway("cgroup v2 has none"),
        Attempt(
            "cgroup-join-root", "cgroup escape", "move itself into the root group: open its cgroup.procs for writing"
        ) {
            _ in first(of: "cgroup.procs")
        },
        Attempt("cgroup-raise-memory", "cgroup escape", "open a memory limit for writing") { _ in
            any([
                mustNotOpen("/sys/fs/cgroup/memory/memory.soft_limit_in_bytes", O_WRONLY), first(of: "memory.max"),
            ])
        },
        Attempt("cgroup-namespace", "google/nsjail#219", "see the group's place on the host in /proc/self/cgroup") {
            _ in
            let groups = (readFile("/proc/self/cgroup") ?? "").split(separator: "\n")
            let outside = groups.filter { !$0.hasSuffix(":/") }
            return outside.isEmpty ? .stopped("/") : .escaped(outside.joined(separator: " "))
        }.heldAnyway("tests may run in the root group"),
        Attempt("cgroup-of-pid1", "cgroup escape", "open /proc/1/cgroup and /proc/1/cpuset") { _ in
            any([mustNotOpen("/proc/1/cgroup"), mustNotOpen("/proc/1/cpuset")])
        },
    ]

    private static func first(of name: String) -> Verdict {
        any(
            ["memory/", "pids/", "cpu/", "systemd/", "unified/", "system.slice/", ""].map {
                mustNotOpen("/sys/fs/cgroup/\($0)\(name)", O_WRONLY)
            })
    }

}
