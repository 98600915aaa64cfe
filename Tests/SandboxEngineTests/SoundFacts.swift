import Glibc
import LaunchPlan

@testable import SandboxEngine

extension CompiledPolicy {
    /// Nothing at all.
    static let none = CompiledPolicy(
        name: "none", readPaths: [], tmpBytes: 1, shmBytes: 1, workspaceMode: .none, workspaceRoots: [],
        executeWritten: false, loopback: false,
        maximum: LaunchLimits(memoryBytes: 1, cpuMillicores: 1, processes: 1, openFiles: 16, fileSizeBytes: 1))
}

/// What a probe writes in a sandbox where everything holds, as a real one did on Linux 6.18.
enum SoundFacts {
    static func text(_ policy: CompiledPolicy) -> String {
        (process(policy) + mounts(policy) + names(policy) + network(policy) + attempts(policy) + lists(policy) + [
            "landlock_version 7", "landlock_room 15", "end",
        ]).joined(separator: "\n") + "\n"
    }

    private static func process(_ policy: CompiledPolicy) -> [String] {
        let zero = "0000000000000000"
        let status = [
            "Umask:\t0022", "Pid:\t2", "PPid:\t1", "Uid:\t1000\t1000\t1000\t1000", "Gid:\t1000\t1000\t1000\t1000",
            "Groups:\t ", "NSsid:\t2", "SigBlk:\t\(zero)", "SigIgn:\t\(zero)", "CapInh:\t\(zero)", "CapPrm:\t\(zero)",
            "CapEff:\t\(zero)", "CapBnd:\t\(zero)", "CapAmb:\t\(zero)", "NoNewPrivs:\t1", "Seccomp:\t2",
        ]
        let (files, size) = (policy.maximum.openFiles, policy.maximum.fileSizeBytes)
        let seconds = policy.maximum.cpuSeconds.map(String.init) ?? "unlimited"
        return ["descriptor 0", "descriptor 1", "descriptor 2", "environment SANDBOX_PROBE=1"]
            + status.map { "status \($0)" } + [
                "limits Limit                     Soft Limit           Hard Limit           Units     ",
                "limits Max cpu time              \(seconds)     \(seconds)      seconds   ",
                "limits Max file size             \(size)        \(size)         bytes     ",
                "limits Max core file size        1              1               bytes     ",
                "limits Max open files            \(files)       \(files)        files     ",
                "limits Max nice priority         0                    0                    ",
                "limits Max realtime priority     0                    0                    ",
                "uid_map          0 1879179264          1", "uid_map       1000 1879179265          1",
                "gid_map          0 1879179264          1", "gid_map       1000 1879179265          1",
                "cgroup 1:cpu:/", "cgroup 0::/", "hostname sandbox", "process 2",
            ] + HostFacts.kinds.map { "namespace \($0) \($0):[42]" }
    }

    private static func mounts(_ policy: CompiledPolicy) -> [String] {
        let written = policy.executesWritten ? "rw,nosuid,nodev,relatime" : "rw,nosuid,nodev,noexec,relatime"
        let base = policy.executePaths == nil ? "" : "noexec,"
        let mounts: [(root: String, point: String, options: String, type: String)] =
            [("/", "/", "ro,nosuid,noexec,relatime", "tmpfs")]
            + policy.readPaths.map { ($0, $0, "ro,nosuid,nodev,\(base)relatime", "ext4") }
            + policy.hidePaths.map { ("/.mask/directory", $0, "ro,nosuid,nodev,noexec", "tmpfs") } + [
                ("/", "/proc", "rw,nosuid,nodev,noexec", "proc"), ("/", "/proc", "rw,nosuid,nodev,noexec", "proc"),
                ("/.mask/file", "/proc/keys", "ro,nosuid,noexec", "tmpfs"),
                ("/sys", "/proc/sys", "ro,nosuid,nodev,noexec", "proc"),
                ("/", "/dev/pts", "rw,nosuid,noexec", "devpts"),
                ("/", "/tmp", written, "tmpfs"), ("/", "/dev/shm", written, "tmpfs"),
                ("/", "/sandbox/workspace", written, "tmpfs"),
            ]
        return mounts.enumerated().map { index, mount in
            "mount \(46 + index) 45 0:44 \(mount.root) \(mount.point) \(mount.options) - \(mount.type) none rw"
        }
    }

    private static func names(_ policy: CompiledPolicy) -> [String] {
        let shown = Set(policy.readPaths.compactMap { $0.split(separator: "/").first.map(String.init) })
        return (["proc", "tmp", "etc", "dev", "sandbox", "workspace", ".mask", "bin"] + shown).map { "root \($0)" }
            + ["null", "zero", "full", "random", "urandom", "tty", "pts", "shm"].map { "device \($0)" }
            + ProbeJudge.masked.map { "masked \($0) \(EACCES)" }
            + ProbeJudge.hostPaths.map { "present \($0) \(ENOENT)" }
    }

    private static func network(_ policy: CompiledPolicy) -> [String] {
        [
            "interface Inter-|   Receive                 |  Transmit",
            "interface  face |bytes    packets errs drop fifo|bytes",
            "interface     lo:       0       0    0    0", "route Iface\tDestination\tGateway",
            "attempt connect_outside \(policy.loopback ? ENETUNREACH : EACCES)",
            "attempt connect_outside6 \(policy.loopback ? ENETUNREACH : EACCES)",
            "attempt connect_loopback \(policy.loopback ? ECONNREFUSED : EACCES)",
            "attempt bind_tcp \(policy.loopback ? 0 : EACCES)", "attempt send_outside \(ENETUNREACH)",
        ]
    }

    private static func attempts(_ policy: CompiledPolicy) -> [String] {
        let execute = policy.executesWritten ? ENOEXEC : EACCES
        var answers: [(String, Int32)] = ProbeJudge.filtered.map { ($0, EPERM) }
        answers += [("clone3", ENOSYS), ("openat2", ENOSYS), ("signal_others", ESRCH), ("terminal", ENXIO)]
        for name in ["signal_init", "trace_init", "setuid_root", "setgid_root", "setgroups"] {
            answers.append((name, EPERM))
        }
        for name in ["init_environment", "init_memory", "init_root"] { answers.append((name, ENOENT)) }
        for name in ["write_hostname", "write_sysrq", "write_passwd"] { answers.append((name, EACCES)) }
        for name in ["root", "etc", "dev", "proc", "sandbox", "mask"] { answers.append(("create_\(name)", EROFS)) }
        for place in ["tmp", "shm", "workspace"] {
            let isReadOnly = place == "workspace" && policy.workspaceMode == .read
            answers.append(("write_\(place)", isReadOnly ? EACCES : 0))
            if !isReadOnly { answers.append(("execute_\(place)", execute)) }
        }
        for name in ProbeJudge.memoryAttempts { answers.append((name, policy.writeExecuteMemory ? 0 : EACCES)) }
        answers.append(("create_memory_file", 0))
        answers.append(("execute_memory_file", execute))
        return answers.map { "attempt \($0.0) \($0.1)" }
    }

    private static func lists(_ policy: CompiledPolicy) -> [String] {
        policy.readPaths.indices.map { "read \($0) 0 16877 \(EROFS)" }
            + policy.hidePaths.indices.map { "hide \($0) \(EACCES) 16384" }
            + policy.syscallsDenied.enumerated().map { index, name in
                "deny \(index) \(ProbePlan.untried.contains(name) ? -1 : EPERM)"
            }
    }
}
