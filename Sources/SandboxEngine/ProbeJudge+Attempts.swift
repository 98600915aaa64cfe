import Glibc
import LaunchPlan
import LinuxSystem
import SandboxModel

// What was tried, and what it must have met with.
extension ProbeJudge {
    /// Errors that a file system or a permission answers with.
    static let refusals: Set<Int32> = [EPERM, EACCES, EROFS, ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG]

    /// "EACCES", or that it succeeded.
    static func name(_ answer: Int32) -> String { answer == 0 ? "succeeded" : errnoName(abs(answer)) }

    /// Attempts that the filter refuses, by its own answer: any other would be the kernel's, which had been asked.
    static let filtered = [
        "unshare_user", "clone_user", "setns", "mount", "umount2", "chroot", "pivot_root", "open_tree", "move_mount",
        "fsopen", "mount_setattr", "bpf", "io_uring_setup", "keyctl", "add_key", "request_key", "userfaultfd",
        "process_vm_writev", "open_by_handle_at", "kexec_load", "init_module", "finit_module", "syslog", "acct",
        "swapon", "perf_event_open", "mknod_character", "mknod_block", "ioctl_tiocsti", "ioctl_tioclinux",
        "socket_raw", "socket_packet", "socket_alg", "socket_vsock", "socket_key", "socket_audit", "chmod_setuid",
    ]

    /// Calls that a policy may allow although the base list does not: then the kernel's own refusal has to do.
    private func answer(of name: String, to denied: Set<Int32>) -> Set<Int32> {
        let call = Self.calls[name] ?? name
        guard !policy.syscallsAllowed.isEmpty, facts.all("allow").contains(call) else { return denied }
        return denied.union([EINVAL, EFAULT, EBADF, E2BIG, EACCES, ESRCH, EOPNOTSUPP, ENOSYS])
    }

    private static let calls = ["unshare_user": "unshare", "clone_user": "clone"]

    func attempts() -> [ProbeCheck] {
        Self.filtered.map { attempt($0, answer(of: $0, to: [EPERM])) }
            + ["clone3", "openat2"].map { attempt($0, [ENOSYS]) }
            + ["trace_init", "setgroups"].map { attempt($0, [EPERM]) }
            // Of a caller who has no other id inside there is no 0, and pid 1 is himself: it takes signals as his wishes.
            + ["setuid_root", "setgid_root"].map { attempt($0, host.caller == nil ? [EPERM] : [EINVAL, EPERM]) }
            + [attempt("signal_init", host.caller == nil && container == nil ? [EPERM] : [0, EPERM])]
            // EPERM where the policy itself denies kill(2).
            + [attempt("signal_others", [ESRCH, EPERM]), attempt("terminal", [ENXIO])]
            // Where pid 1 is seen, nothing of it is: it is not dumpable.
            + ["init_environment", "init_memory", "init_root"].map {
                attempt($0, container == nil ? [ENOENT] : [ENOENT, EACCES, EPERM])
            }
            + [
                "write_hostname", "write_sysrq", "write_passwd", "create_root", "create_etc", "create_dev",
                "create_proc", "create_sandbox", "create_mask",
            ].map { attempt($0, Self.refusals) } + execution() + executableMemory()
    }

    private func attempt(_ name: String, _ accepted: Set<Int32>) -> ProbeCheck {
        let answer = facts.attempt(name)
        return check(
            "attempt.\(name)", accepted.map(errnoName).sorted().joined(separator: " or "), answer.map(Self.name),
            answer.map(accepted.contains) ?? false)
    }

    /// Where files can be written they can be executed if the policy says so, and not otherwise.
    private func execution() -> [ProbeCheck] {
        let places = ["tmp", "shm", "workspace"]
        return memoryFile()
            + places.flatMap { place -> [ProbeCheck] in
                // A workspace that is only read has a file system too, and Landlock keeps it as it is.
                let canWrite = place != "workspace" || policy.workspaceMode != .read
                guard canWrite else { return [attempt("write_\(place)", Self.refusals)] }
                let write = facts.attempt("write_\(place)")
                return [
                    check("write.\(place)", "possible", write.map(Self.name), write == 0),
                    // EPERM where the policy denies execve(2) itself.
                    attempt("execute_\(place)", policy.executesWritten ? [ENOEXEC, EPERM] : [EACCES, EPERM]),
                ]
            }
    }

    /// A file that is in memory alone is on no mount: it must not be made, or not be executed, where what is written must
    /// not.
    private func memoryFile() -> [ProbeCheck] {
        guard !policy.executesWritten else { return [] }
        if facts.attempt("create_memory_file") != 0 { return [attempt("create_memory_file", [EPERM])] }
        return [attempt("execute_memory_file", [EACCES, EPERM])]
    }

    static let memoryAttempts = [
        "map_write_execute", "map_shared_execute", "protect_execute", "write_own_memory",
    ]

    /// By PR_SET_MDWE (EACCES) or the filter (EPERM).
    private func executableMemory() -> [ProbeCheck] {
        policy.writeExecuteMemory ? [] : Self.memoryAttempts.map { attempt($0, [EACCES, EPERM]) }
    }

    // MARK: - Network

    func network() -> [ProbeCheck] {
        let interfaces = facts.all("interface").compactMap { line -> String? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return line[..<colon].trimmingSpaces
        }
        // The first line is the table's heading.
        let routes = facts.all("route").dropFirst().map { String($0.prefix { $0 != "\t" }) }
        if hasNetworkOfEngine { return [] }
        let unreachable: Set = [ENETUNREACH, EACCES, EPERM, EAFNOSUPPORT, EADDRNOTAVAIL]
        return [
            equal("interfaces", interfaces.joined(separator: " "), "lo"),
            none("routes", "no route to anywhere", Array(routes)),
            attempt("connect_outside", unreachable), attempt("connect_outside6", unreachable),
            attempt("send_outside", unreachable),
            attempt("connect_loopback", policy.loopback ? [ECONNREFUSED, EPERM] : unreachable),
            attempt("bind_tcp", policy.loopback ? [0, EPERM] : bindAnswers),
        ]
    }

    /// Landlock refuses TCP from its version 4 on; before that, binding in an empty network is possible and harmless.
    private var bindAnswers: Set<Int32> { facts.number("landlock_version") ?? 4 >= 4 ? [EACCES, EPERM] : [0, EPERM] }
}

extension Substring {
    fileprivate var trimmingSpaces: String { String(drop { $0 == " " }) }
}
