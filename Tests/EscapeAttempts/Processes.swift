import CEscape
import Glibc

extension Attempt {
    /// pid 1 of the sandbox, which holds its namespaces, and its own standing.
    static let processes: [Attempt] = [
        Attempt("signal-pid1", "signals", "kill(1, 0)") { _ in mustFail(call(__NR_kill, 1, 0)) },
        Attempt("ptrace-pid1", "CVE-2020-5291", "PTRACE_SEIZE of pid 1") { _ in
            mustFail(call(__NR_ptrace, 0x4206, 1, 0, 0))
        },
        Attempt("read-memory-of-pid1", "process_vm_readv", "process_vm_readv(2) of pid 1") { _ in
            vector(__NR_process_vm_readv)
        },
        Attempt("write-memory-of-pid1", "process_vm_writev", "process_vm_writev(2) of pid 1") { _ in
            vector(__NR_process_vm_writev)
        },
        Attempt("pidfd-signal-pid1", "pidfd", "pidfd_send_signal(2) to pid 1") { _ in
            let descriptor = call(__NR_pidfd_open, 1, 0)
            if descriptor < 0 { return .stopped("pidfd_open: \(errorName(descriptor))") }
            return mustFail(call(__NR_pidfd_send_signal, descriptor, 0, 0, 0))
        },
        Attempt("pidfd-getfd-pid1", "pidfd", "pidfd_getfd(2): take pid 1's sockets to the launcher") { _ in
            let descriptor = call(__NR_pidfd_open, 1, 0)
            if descriptor < 0 { return .stopped("pidfd_open: \(errorName(descriptor))") }
            return any((0..<8).map { mustFail(call(__NR_pidfd_getfd, descriptor, $0, 0)) })
        },
        Attempt("limits-of-pid1", "prlimit", "prlimit(2) of pid 1") { _ in
            mustFail(call(__NR_prlimit64, 1, 7, 0, address(memory(16))))
        },
        Attempt("priority-of-pid1", "setpriority", "setpriority(2) of pid 1") { _ in
            mustFail(call(__NR_setpriority, 0, 1, 0))
        },
        Attempt("processors-of-pid1", "sched_setaffinity", "sched_setaffinity(2) of pid 1") { _ in
            let mask = memory(128)
            mask.storeBytes(of: 1, as: UInt64.self)
            return mustFail(call(__NR_sched_setaffinity, 1, 128, address(mask)))
        },
        Attempt("robust-list-of-pid1", "ptrace", "an address in pid 1: get_robust_list(2)") { _ in
            mustFail(call(__NR_get_robust_list, 1, address(memory(8)), address(memory(8))))
        },
        Attempt("advice-for-pid1", "process_madvise", "process_madvise(2) on pid 1's memory") { _ in
            let descriptor = call(__NR_pidfd_open, 1, 0)
            if descriptor < 0 { return .stopped("pidfd_open: \(errorName(descriptor))") }
            return mustBeRefused(call(440, descriptor, address(memory(16)), 1, 20, 0))
        },
        Attempt("compare-with-pid1", "kcmp", "kcmp(2) of itself and pid 1") { _ in
            mustBeRefused(call(__NR_kcmp, Int(getpid()), 1, 0, 0, 0))
        },
        Attempt("pages-of-pid1", "move_pages", "move_pages(2) of pid 1") { _ in
            mustBeRefused(call(__NR_move_pages, 1, 0, 0, 0, 0, 2))
        },
        Attempt("migrate-pages-of-pid1", "migrate_pages", "migrate_pages(2) of pid 1") { _ in
            mustBeRefused(call(__NR_migrate_pages, 1, 0, 0, 0))
        },
        Attempt("real-time-priority", "sched(7)", "SCHED_FIFO, which starves the host") { _ in
            let parameter = memory(4)
            parameter.storeBytes(of: 1, as: Int32.self)
            return mustFail(call(__NR_sched_setscheduler, 0, 1, address(parameter)))
        },
        Attempt("deadline-priority", "sched(7)", "SCHED_DEADLINE") { _ in mustFail(escape_deadline()) }
            .heldAnyway("where a control group gives no share of it"),
        Attempt("nice", "setpriority", "a nice value below 0") { _ in mustFail(call(__NR_setpriority, 0, 0, -5)) },
        Attempt("real-time-io", "ioprio_set", "the real-time class of disk input and output") { _ in
            mustFail(call(__NR_ioprio_set, 1, 0, 1 << 13))
        },
        Attempt("raise-hard-limit", "setrlimit", "raise its own limit of open files") { _ in raises(7) }
            .heldAnyway(noResources),
        Attempt("raise-nice-limit", "setrlimit", "allow itself a nice value below 0") { _ in raises(13) }
            .heldAnyway(noResources),
        Attempt("raise-real-time-limit", "setrlimit", "allow itself real-time priorities") { _ in raises(14) }
            .heldAnyway(noResources),
        Attempt("raise-file-size", "setrlimit", "raise its own limit on the size of files") { _ in raises(1) }
            .heldAnyway("unlimited outside"),
    ]

    private static func vector(_ number: Int32) -> Verdict {
        let vectors = memory(32)
        vectors.storeBytes(of: address(vectors), as: Int.self)
        vectors.storeBytes(of: 8, toByteOffset: 8, as: Int.self)
        vectors.storeBytes(of: badAddress, toByteOffset: 16, as: Int.self)
        vectors.storeBytes(of: 8, toByteOffset: 24, as: Int.self)
        return mustBeRefused(call(number, 1, address(vectors), 1, address(vectors) + 16, 1, 0)).notVisible
    }

    private static func raises(_ resource: Int) -> Verdict {
        let limit = memory(16)
        _ = call(__NR_prlimit64, 0, resource, 0, address(limit))
        let hard = limit.load(fromByteOffset: 8, as: UInt64.self)
        if hard == .max { return .stopped("no limit to raise") }
        limit.storeBytes(of: hard + 1, toByteOffset: 8, as: UInt64.self)
        return mustFail(call(__NR_prlimit64, 0, resource, address(limit), 0), "raised to \(hard + 1)")
    }

    /// Processes of the host.
    static let otherProcesses: [Attempt] = [
        Attempt("signal-host-process", "pid namespaces", "kill(2) a process of the host by its number") { host in
            mustFail(call(__NR_kill, host.process, 0))
        },
        Attempt("ptrace-host-process", "pid namespaces", "PTRACE_SEIZE of a process of the host") { host in
            mustFail(call(__NR_ptrace, 0x4206, host.process, 0, 0))
        },
        Attempt("pidfd-host-process", "pid namespaces", "pidfd_open(2) of a process of the host") { host in
            mustFail(call(__NR_pidfd_open, host.process, 0))
        },
        Attempt("limits-of-host-process", "pid namespaces", "prlimit(2) of a process of the host") { host in
            mustFail(call(__NR_prlimit64, host.process, 7, 0, address(memory(16))))
        },
        Attempt("scheduler-of-host-process", "pid namespaces", "sched_getscheduler(2) of a process of the host") {
            host in
            mustFail(call(__NR_sched_getscheduler, host.process))
        },
        Attempt("queue-signal-host-process", "pid namespaces", "rt_sigqueueinfo(2) with a forged sender") { host in
            let information = memory(128)
            information.storeBytes(of: -1, toByteOffset: 8, as: Int32.self)
            return mustFail(call(__NR_rt_sigqueueinfo, host.process, 0, address(information)))
        },
    ]

}

extension Verdict {
    /// ESRCH is a refusal, too: the process cannot be named.
    fileprivate var notVisible: Verdict {
        if case .escaped(let text) = self, text.hasSuffix("ESRCH") { return .stopped("ESRCH") }
        return self
    }
}
