/// The base list, chosen call by call: what is not in a group's `allowed` is refused. Every call that libseccomp knows is
/// in one group; a test holds them together.
enum SystemCallGroups {
    static let all = work + communication + inspection + refused

    /// Answered with ENOSYS, as by a kernel that does not have them, because programs then take the older call: their
    /// argument is a structure in memory that no filter can look into. get_mempolicy as by a kernel without NUMA: ps and
    /// others ask at every start, and a report of that would hide what matters.
    static let asIfMissing: Set<String> = ["clone3", "openat2", "get_mempolicy", "sendfile", "splice"]

    /// Of these, what answers EINVAL, as for files that they cannot be used with: programs then read and write. Both hold the
    /// lock of a pipe while they wait for the file at the other end, and whoever reads or asks for the size of that pipe waits
    /// with them, also where he asked not to wait: sandboxd, with all its runs.
    static let asIfUnsuitable: Set<String> = ["sendfile", "splice"]

    private static func group(
        _ name: String, _ summary: String, allowed: String = "", refused: String = "", never: String = ""
    ) -> SystemCallGroup {
        // By bytes: what Unicode calls white takes half a millisecond of the launcher's start.
        func calls(_ text: String) -> [String] {
            text.utf8.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.map {
                String(decoding: $0, as: UTF8.self)
            }
        }
        return SystemCallGroup(
            name: name, summary: summary, allowed: calls(allowed), refused: calls(refused), never: calls(never))
    }

    /// What every program does.
    private static let work = [
        group(
            "files", "open, read, write, rename, remove and describe files; no set-user-ID bits, no device nodes",
            allowed: """
                access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
                fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr
                flistxattr flock fremovexattr fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents
                getdents64 getxattr ioctl lchown lgetxattr link linkat listxattr llistxattr lremovexattr lseek lsetxattr
                lstat mkdir mkdirat mknod mknodat newfstatat open openat pread64 preadv preadv2 pwrite64 pwritev
                pwritev2 read readahead readlink readlinkat readv removexattr rename renameat renameat2 rmdir
                setxattr stat statfs statx symlink symlinkat sync sync_file_range syncfs tee truncate umask
                unlink unlinkat utime utimensat utimes write writev
                """,
            refused: "cachestat sysfs ustat vmsplice", never: "openat2 sendfile splice"),
        group(
            "memory", "map, protect and lock memory; memory files",
            allowed: """
                brk madvise membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap msync munlock
                munlockall munmap pkey_alloc pkey_free pkey_mprotect
                """,
            // Where pages lie is the host's to say; the others have hardly a user, and had their holes.
            refused: """
                get_mempolicy map_shadow_stack mbind memfd_secret migrate_pages move_pages remap_file_pages
                set_mempolicy set_mempolicy_home_node
                """),
        group(
            "processes", "start, name, limit and wait for processes and threads of one's own",
            allowed: """
                arch_prctl capget capset clone execve execveat exit exit_group fork get_robust_list getcpu getegid
                geteuid getgid getgroups getpgid getpgrp getpid getppid getpriority getresgid getresuid getrlimit
                getrusage getsid gettid getuid getrandom ioprio_get ioprio_set personality pidfd_open prctl prlimit64
                rseq sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
                sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam
                sched_setscheduler sched_yield set_robust_list set_tid_address setfsgid setfsuid setgid setgroups
                setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid sysinfo times uname
                vfork wait4 waitid
                """,
            refused: "get_thread_area process_madvise process_mrelease set_thread_area", never: "clone3"),
        group(
            "signals", "send, block and await signals",
            allowed: """
                kill pause pidfd_send_signal restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
                rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sigaltstack signalfd signalfd4 tgkill tkill
                """),
        group(
            "timers", "clocks, timers and sleeping",
            allowed: """
                alarm clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep setitimer time
                timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
                timerfd_settime
                """),
        group(
            "events", "wait for descriptors, files and other threads",
            allowed: """
                epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 futex
                futex_requeue futex_wait futex_waitv futex_wake inotify_add_watch inotify_init inotify_init1
                inotify_rm_watch poll ppoll pselect6 select
                """,
            // Watches whole mounts, and its events hold descriptors.
            refused: "epoll_ctl_old epoll_wait_old fanotify_init fanotify_mark"),
        group(
            // One program may take all of fs.aio-max-nr, of which the host has one for everybody.
            "aio", "asynchronous input and output of the older kind: its events are one supply for the whole host",
            refused: "io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit"),
    ]

    /// What programs say to one another.
    private static let communication = [
        group("pipes", "pipes", allowed: "pipe pipe2"),
        group(
            "inter-process", "System V and POSIX message queues, semaphores and shared memory, of this sandbox alone",
            allowed: """
                mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd
                semctl semget semop semtimedop shmat shmctl shmdt shmget
                """),
        group(
            "network-client", "sockets and what is sent through them: Unix, TCP and UDP, routes by netlink",
            allowed: """
                connect getpeername getsockname getsockopt recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto setsockopt
                shutdown socket socketpair
                """),
        group("network-server", "listening", allowed: "accept accept4 bind listen"),
    ]

    /// Looking into other processes, and locking oneself in.
    private static let inspection = [
        group(
            "debug", "look into and steer other processes of this sandbox: debuggers, tracers, profilers",
            allowed: "process_vm_readv ptrace",
            // Performance events reach into the kernel; the others are information and race primitives.
            refused: "kcmp lookup_dcookie pidfd_getfd perf_event_open process_vm_writev"),
        group(
            "sandboxing", "restrict oneself further",
            allowed: "landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp"),
    ]

    /// What is for machines and not for programs.
    private static let refused = [
        group(
            "namespaces", "make and enter namespaces: the kernel's surface behind user namespaces, CVE-2022-0185",
            never: "setns unshare"),
        group(
            "mounts", "the mount calls, old and new, and other roots: faked files, CVE-2021-41133",
            never: """
                chroot fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree pivot_root umount umount2
                """),
        group(
            "file-handles", "files by handle: open_by_handle_at reaches outside any mount",
            refused: "name_to_handle_at",
            never: "open_by_handle_at"),
        group(
            "io-uring", "most kernel exploits of recent years, and it goes around the filter",
            never: "io_uring_enter io_uring_register io_uring_setup"),
        group("ebpf", "programs in the kernel", never: "bpf"),
        group(
            "keys", "kernel keyrings: not of a namespace, a channel between sandboxes",
            never: "add_key keyctl request_key"),
        group("userfault", "userfaultfd: makes races in the kernel easy to win", refused: "userfaultfd"),
        group(
            "modules", "kernel modules",
            never: "create_module delete_module finit_module get_kernel_syms init_module query_module"),
        group("restart", "restart, other kernels", never: "kexec_file_load kexec_load reboot"),
        group("swap", "swap space", never: "swapoff swapon"),
        group(
            "clock-set", "set the machine's clock", refused: "adjtimex clock_adjtime clock_settime settimeofday stime"),
        group("raw-io", "ports of the processor and its segments", refused: "ioperm iopl modify_ldt vm86 vm86old"),
        group(
            "host", "names, accounts, quotas, logs and terminals of the machine",
            refused: "acct quotactl quotactl_fd setdomainname sethostname syslog vhangup"),
        group(
            "obsolete", "calls that no program of today makes",
            refused: """
                _sysctl afs_syscall bdflush getpmsg nfsservctl putpmsg security tuxcall uselib vserver
                """),
    ]
}
