/// The base list: every system call that a sandboxed program may make, chosen call by call. What is not here is refused.
///
/// Left out on purpose (who was hurt by it): the mount API and `move_mount`, `fsopen`..., `mount`, `umount2`,
/// `pivot_root`, `chroot` (faked roots, CVE-2021-41133); `unshare`, `setns`, `clone3` and namespaces in `clone`
/// (kernel surface behind user namespaces); `io_uring_*` (most kernel exploits of recent years, and it goes around
/// seccomp); `keyctl`, `add_key`, `request_key` (not namespaced: a channel between sandboxes); `userfaultfd`, `bpf`,
/// `perf_event_open`, `process_vm_writev`, `kcmp`, `lookup_dcookie` (race and information primitives); modules, swap,
/// reboot, clocks, quotas, accounting, `syslog`, `open_by_handle_at` (reaches outside any mount), `vhangup`, `acct`,
/// `nfsservctl`, `personality` but for harmless values, `ioperm`/`iopl`/`modify_ldt`, `vmsplice`.
enum SystemCalls {
    static let files = """
        access close close_range copy_file_range dup dup2 dup3 faccessat faccessat2 fadvise64 fallocate fchdir
        fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstatfs fsync ftruncate
        futimesat getcwd getdents getdents64 getxattr lchown chown lgetxattr link linkat listxattr llistxattr
        lremovexattr lseek lsetxattr lstat newfstatat pread64 preadv preadv2 pwrite64 pwritev pwritev2 read
        readahead readlink readlinkat readv removexattr rename renameat renameat2 rmdir sendfile setxattr splice stat
        statfs statx symlink symlinkat sync sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat
        utimes write writev chdir memfd_create
        """

    static let memory = """
        brk madvise membarrier mincore mlock mlock2 mlockall mmap mprotect mremap msync munlock munlockall munmap
        pkey_alloc pkey_free pkey_mprotect get_mempolicy mbind set_mempolicy memfd_secret process_madvise
        remap_file_pages
        """

    static let processes = """
        arch_prctl capget capset execve execveat exit exit_group fork get_robust_list get_thread_area getcpu getegid
        geteuid getgid getgroups getpgid getpgrp getpid getppid getpriority getresgid getresuid getrlimit getrusage
        getsid gettid getuid ioprio_get ioprio_set kill pidfd_open pidfd_send_signal pidfd_getfd prctl
        process_vm_readv ptrace restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
        rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
        sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity
        sched_setattr sched_setparam sched_setscheduler sched_yield seccomp set_robust_list set_thread_area
        set_tid_address setfsgid setfsuid setgid setgroups setpgid setpriority setregid setresgid setresuid setreuid
        setsid setuid sigaltstack tgkill times tkill uname vfork wait4 waitid landlock_create_ruleset
        landlock_add_rule landlock_restrict_self sysinfo getrandom
        """

    static let timesAndEvents = """
        alarm clock_getres clock_gettime clock_nanosleep epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait
        epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 futex futex_waitv futex_wait futex_wake futex_requeue
        getitimer gettimeofday inotify_add_watch inotify_init inotify_init1 inotify_rm_watch nanosleep pause poll ppoll
        pselect6 select setitimer signalfd signalfd4 time timer_create timer_delete timer_getoverrun timer_gettime
        timer_settime timerfd_create timerfd_gettime timerfd_settime io_setup io_destroy io_submit io_cancel
        io_getevents io_pgetevents pipe pipe2
        """

    static let communication = """
        accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg
        sendmsg sendto setsockopt shutdown msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl
        shmdt shmget mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink
        """

    /// Names in the base list that need no condition on their arguments.
    static let allowed: [String] = [files, memory, processes, timesAndEvents, communication]
        .flatMap { $0.split(whereSeparator: \.isWhitespace).map(String.init) }

    /// Allowed with a condition; `ArgumentRules` has it.
    static let conditional = [
        "chmod", "clone", "creat", "fchmod", "fchmodat", "ioctl", "mkdir", "mkdirat", "mknod", "mknodat", "open",
        "openat", "personality", "prlimit64", "setrlimit", "socket", "socketpair",
    ]

    /// Answered with ENOSYS, as by a kernel that does not have them, because programs then take the older call: their
    /// argument is a structure in memory that no filter can look into.
    static let asIfMissing = ["clone3", "openat2"]

    /// A policy can never allow these: with them the filter, or a later check of it, means nothing.
    static let neverAllowed: Set<String> = [
        "clone3", "openat2", "unshare", "setns", "mount", "umount2", "umount", "move_mount", "open_tree", "fsopen",
        "fsconfig", "fsmount", "fspick", "mount_setattr", "pivot_root", "chroot", "io_uring_setup", "io_uring_enter",
        "io_uring_register", "bpf", "keyctl", "add_key", "request_key", "kexec_load", "kexec_file_load",
        "init_module", "finit_module", "delete_module", "open_by_handle_at", "reboot", "swapon", "swapoff",
    ]
}
