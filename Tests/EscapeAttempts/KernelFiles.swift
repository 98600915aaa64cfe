import CEscape
import Glibc

extension Attempt {
    /// The parts of /proc and /sys that are the host's.
    static let kernelFiles: [Attempt] =
        [
            ("kcore", "the host's memory"), ("kmsg", "the host's log"), ("kallsyms", "the kernel's symbols"),
            ("modules", "its modules"), ("iomem", "its memory map"), ("interrupts", "its interrupts"),
            ("timer_list", "its timers"), ("keys", "keys of others"), ("cmdline", "its boot parameters"),
            ("partitions", "its disks"), ("diskstats", "what its disks do"), ("vmallocinfo", "kernel addresses"),
            ("slabinfo", "kernel memory"), ("kpageflags", "physical pages"), ("config.gz", "its configuration"),
        ].map { name, what in
            Attempt("proc-\(name)", "masked paths", "read /proc/\(name): \(what)") { _ in
                // Reading the log would take it away from who reads it.
                name == "kmsg"
                    ? mustNotOpen("/proc/kmsg", O_RDONLY | O_NONBLOCK, orMask: true)
                    : mustNotRead("/proc/\(name)").orAbsent
            }
        }
        + [
            ("kernel/core_pattern", "CVE-2022-0492 class: a program that the kernel starts as root"),
            ("kernel/hostname", "the host's name"), ("vm/overcommit_memory", "memory policy of all"),
            ("net/ipv4/ip_forward", "routing"), ("fs/file-max", "files of all"),
            ("kernel/pid_max", "processes of all"), ("fs/protected_symlinks", "protection of links"),
            ("user/max_user_namespaces", "namespaces of all"), ("kernel/ns_last_pid", "the next process's number"),
            ("vm/drop_caches", "the page cache of all"),
        ].map { name, what in
            Attempt("sysctl-\(name.replacingSlashes)", "sysctl", "open /proc/sys/\(name) for writing: \(what)") { _ in
                mustNotOpen("/proc/sys/\(name)", O_WRONLY)
            }.heldAnyway(name.hasPrefix("user/") ? noResources : nil)
        } + rest + sys

    private static let rest: [Attempt] = [
        Attempt("sysrq-trigger", "procfs", "open /proc/sysrq-trigger for writing") { _ in
            // A kernel without it has nothing to write to.
            let verdict = mustNotOpen("/proc/sysrq-trigger", O_WRONLY)
            return verdict == .stopped("ENOENT") ? .absent("no sysrq") : verdict
        },
        Attempt("sysctl-by-alias", "procfs", "/proc/sys by /proc/self/root and by a descriptor of /proc") { _ in
            let proc = openFile("/proc", oPath)
            let aliases = [
                call(__NR_openat, currentDirectory, text("/proc/self/root/proc/sys/kernel/core_pattern"), 1, 0),
                call(__NR_openat, proc, text("sys/kernel/core_pattern"), 1, 0),
                call(__NR_openat, proc, text("self/../sys/kernel/core_pattern"), 1, 0),
            ]
            return any(aliases.map { mustFail($0) })
        },
        Attempt("binfmt-misc", "procfs", "register a program that runs for others: /proc/sys/fs/binfmt_misc/register") {
            _ in
            let verdict = mustNotOpen("/proc/sys/fs/binfmt_misc/register", O_WRONLY)
            return verdict == .stopped("ENOENT") ? .absent("not mounted") : verdict
        },
        Attempt(
            "proc-scsi", "CVE-2017-16539 class",
            "open /proc/scsi, /proc/acpi, /proc/bus, /proc/fs, /proc/irq, /proc/driver"
        ) {
            _ in
            any(
                ["scsi", "acpi", "bus", "fs", "irq", "driver"].map { name in
                    let directory = openFile("/proc/\(name)", O_RDONLY | O_DIRECTORY)
                    let count = call(__NR_getdents64, directory, address(memory(4096)), 4096)
                    return count > 48
                        ? .escaped("/proc/\(name) has entries") : .stopped(errorName(min(directory, count)))
                })
        },
        Attempt(
            "core-size", "core(5), CVE-2022-0492 class",
            "raise the limit on core dumps, which a host's handler runs as root for"
        ) {
            _ in
            let limit = memory(16)
            limit.storeBytes(of: UInt64(1 << 20), as: UInt64.self)
            limit.storeBytes(of: UInt64(1 << 20), toByteOffset: 8, as: UInt64.self)
            _ = call(__NR_prlimit64, 0, 4, address(limit), 0)
            _ = call(__NR_setrlimit, 4, address(limit))
            let now = memory(16)
            _ = call(__NR_prlimit64, 0, 4, 0, address(now))
            let soft = now.load(as: UInt64.self)
            return soft == 1 ? .stopped("one byte, as before") : .escaped("\(soft) bytes")
        },
    ]

    private static let sys: [Attempt] =
        [
            ("kernel/uevent_helper", "a program that the kernel starts as root"),
            ("kernel/security", "security modules"), ("kernel/debug", "debugfs"), ("kernel/tracing", "tracefs"),
            ("fs/cgroup", "control groups"), ("class", "devices"), ("module", "modules"), ("power/state", "sleep"),
        ].map { name, what in
            Attempt("sys-\(name.replacingSlashes)", "sysfs", "open /sys/\(name): \(what)") { _ in
                let flags = name.hasSuffix("helper") || name.hasSuffix("state") ? O_WRONLY : O_RDONLY
                let verdict = mustNotOpen("/sys/\(name)", flags)
                // Where there is a /sys, this kernel does not have the file; where there is none, nobody can have it.
                guard verdict == .stopped("ENOENT"), openFile("/sys/kernel", oPath) >= 0 else { return verdict }
                return .absent("not in this kernel")
            }
        }
}

extension Verdict {
    /// What the kernel has not built in is nowhere; what it has is masked inside, and its name is there.
    fileprivate var orAbsent: Verdict { self == .stopped("ENOENT") ? .absent("not in this kernel") : self }
}

extension String {
    fileprivate var replacingSlashes: String { split(separator: "/").joined(separator: "-") }
}
