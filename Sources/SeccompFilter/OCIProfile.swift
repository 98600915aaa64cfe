import Glibc

/// A policy's system calls as a container's runtime reads them: the profile of the OCI runtime specification that the
/// Engine's API takes as `seccomp=JSON`.
///
/// It is the outer of two filters. sandbox-init installs `FilterCompiler`'s exact one inside it, so that this one may be
/// wider and must not be narrower: of all that the inner filter lets through or hands to pid 1 to be let through, nothing
/// is refused here. Wider it is in three ways:
/// - What sandbox-init and the runtime call before the command is there stays allowed, also where the policy denies it.
/// - Calls that are allowed but for a few values of an argument (`ioctl`, `prlimit64`, `setrlimit`) are allowed whole: as
///   rules of equality that would be a hundred.
/// - What pid 1 looks at (`connect`, `execve`, `sendto`) is allowed.
///
/// Calls of i386 and x32 end their thread by SIGSYS, as libseccomp does it where an architecture is not in its list.
package enum OCIProfile {
    /// What becomes of a call that this profile refuses. Of two filters the kernel takes the answer that comes first in
    /// seccomp(2): an errno, then a notification, then a tracer, then the call.
    package enum Refusal: Sendable {
        /// EPERM. The filter inside is not heard: pid 1 does not learn of the call and nobody can report it.
        case error
        /// As if for a tracer, and without one ENOSYS. Where the filter inside hands the call to pid 1, that counts, and
        /// the call is reported as in a sandbox without a container. By itself this keeps out only who cannot trace its
        /// own processes (`PTRACE_O_TRACESECCOMP`, ptrace(2)); the filter inside keeps out everybody.
        case trace
    }

    /// - Parameter request: one that `FilterCompiler.compile` takes. Of another one, calls that do not exist or that no policy can
    ///   allow stay refused here.
    /// - Returns: the same text for the same request, less than 64 KiB.
    package static func json(for request: FilterRequest, refusal: Refusal = .error) -> String {
        let calls = FilterRules.calls(of: request).subtracting(request.refused).union(needed)
        var plain: [String] = []
        var entries: [String] = []
        for name in calls.sorted() where FilterCompiler.number(name) != nil {
            guard !whole.contains(name), let rules = request.rules(for: name) else {
                plain.append(name)
                continue
            }
            entries += rules.map {
                entry([name], "SCMP_ACT_ALLOW", ",\"args\":[\($0.map(argument).joined(separator: ","))]")
            }
        }
        entries.insert(entry(plain, "SCMP_ACT_ALLOW"), at: 0)
        for (code, names) in missing(beside: calls) {
            entries.append(entry(names, "SCMP_ACT_ERRNO", ",\"errnoRet\":\(code)"))
        }
        return "{\(defaultAction(refusal)),\"architectures\":[\"\(architecture)\"],\"syscalls\":["
            + entries.joined(separator: ",") + "]}"
    }

    /// What sandbox-init (`Sources/sandbox-init`, `Sources/CInit`) calls in a container, until the command is there and
    /// after, and what the runtime, a program in Go, calls between its installing this filter and its executing
    /// sandbox-init. Identity, mounts and namespaces are the engine's to make: no setresuid(2), mount(2) or unshare(2).
    static let needed: Set<String> = [
        // sandbox-init
        "capset", "chdir", "clock_gettime", "clone", "close", "close_range", "connect", "dup3", "execve", "execveat",
        "exit_group", "fcntl", "fstatfs", "getrusage", "ioctl", "kill", "landlock_add_rule", "landlock_create_ruleset",
        "landlock_restrict_self", "newfstatat", "openat", "openat2", "pidfd_getfd", "pidfd_open", "pipe2", "ppoll",
        "prctl", "prlimit64", "process_vm_readv", "read", "recvmsg", "rt_sigprocmask", "seccomp", "sendmsg", "sendto",
        "setsid", "signalfd4", "socket", "statfs", "umask", "wait4", "write",
        // the runtime: its threads, its memory, its signals, the last files that it opens and closes
        "arch_prctl", "epoll_ctl", "epoll_pwait", "exit", "faccessat", "faccessat2", "fstat", "futex", "getdents64",
        "getpid", "getppid", "getrandom", "gettid", "lseek", "madvise", "mmap", "mprotect", "munmap", "nanosleep",
        "readlinkat", "restart_syscall", "rt_sigaction", "rt_sigreturn", "sched_yield", "set_robust_list",
        "sigaltstack",
        "tgkill", "timer_create", "timer_delete", "timer_settime",
    ]

    /// Calls whose arguments are left to the filter inside.
    private static let whole: Set<String> = ["ioctl", "prlimit64", "sendto", "setrlimit"]

    private static func missing(beside calls: Set<String>) -> [(code: Int32, names: [String])] {
        let newer = SystemCallCatalog.names.filter { name in
            FilterCompiler.number(name).map(FilterCompiler.newerCalls.contains) == true
        }
        let names = SystemCallGroups.asIfMissing.union(newer).subtracting(calls)
            .filter { FilterCompiler.number($0) != nil }
        return Dictionary(grouping: names.sorted(), by: SystemCallCatalog.answer(toMissing:))
            .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

// MARK: - JSON, all of it of names and numbers: nothing needs to be escaped

extension OCIProfile {
    private static func defaultAction(_ refusal: Refusal) -> String {
        switch refusal {
        case .error: "\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":\(EPERM)"
        case .trace: "\"defaultAction\":\"SCMP_ACT_TRACE\""
        }
    }

    private static var architecture: String {
        #if arch(x86_64)
            "SCMP_ARCH_X86_64"
        #else
            "SCMP_ARCH_AARCH64"
        #endif
    }

    private static func entry(_ names: [String], _ action: String, _ more: String = "") -> String {
        let list = names.map { "\"\($0)\"" }.joined(separator: ",")
        return "{\"names\":[\(list)],\"action\":\"\(action)\"\(more)}"
    }

    /// In one entry all conditions must hold, as long as no two of them are on the same argument; then runc takes them
    /// for alternatives. No rule has that. Here `value` is the mask.
    private static func argument(_ condition: ArgumentCondition) -> String {
        "{\"index\":\(condition.index),\"value\":\(condition.mask),\"valueTwo\":\(condition.value),"
            + "\"op\":\"SCMP_CMP_MASKED_EQ\"}"
    }
}
