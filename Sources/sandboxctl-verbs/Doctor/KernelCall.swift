import CSandbox

/// System calls that sandboxd's programs make, each of which can be tried without changing anything.
enum KernelCall: String, Sendable, CaseIterable {
    case openat2, faccessat2
    case openTree = "open_tree"
    case moveMount = "move_mount"
    case fsopen
    case mountSetattr = "mount_setattr"
    case clone3
    case cloneIntoCgroup = "clone3(CLONE_INTO_CGROUP)"
    case pidfdOpen = "pidfd_open"
    case pidfdSendSignal = "pidfd_send_signal"
    case closeRange = "close_range"
    case memfdCreate = "memfd_create"
    case quotactlFd = "quotactl_fd"
    case seccompNotify = "seccomp(SECCOMP_RET_USER_NOTIF)"

    /// The errno that a try ended with, or 0.
    func attempt() -> Int32 {
        let call =
            switch self {
            case .openat2: SANDBOX_TRY_OPENAT2
            case .faccessat2: SANDBOX_TRY_FACCESSAT2
            case .openTree: SANDBOX_TRY_OPEN_TREE
            case .moveMount: SANDBOX_TRY_MOVE_MOUNT
            case .fsopen: SANDBOX_TRY_FSOPEN
            case .mountSetattr: SANDBOX_TRY_MOUNT_SETATTR
            case .clone3: SANDBOX_TRY_CLONE3
            case .cloneIntoCgroup: SANDBOX_TRY_CLONE_INTO_CGROUP
            case .pidfdOpen: SANDBOX_TRY_PIDFD_OPEN
            case .pidfdSendSignal: SANDBOX_TRY_PIDFD_SEND_SIGNAL
            case .closeRange: SANDBOX_TRY_CLOSE_RANGE
            case .memfdCreate: SANDBOX_TRY_MEMFD_CREATE
            case .quotactlFd: SANDBOX_TRY_QUOTACTL_FD
            case .seccompNotify: SANDBOX_TRY_SECCOMP_NOTIFY
            }
        return sandbox_try_call(call)
    }
}
