// Numbers of the kernel's interface by the names that the manuals give them; equal on x86_64 and arm64.

enum Errno {
    static let noEntry: Int32 = 2
    static let tooBig: Int32 = 7
    static let badDescriptor: Int32 = 9
    static let notPermitted: Int32 = 1
    static let accessDenied: Int32 = 13
    static let notDirectory: Int32 = 20
    static let invalid: Int32 = 22
    static let nameTooLong: Int32 = 36
    static let networkUnreachable: Int32 = 101
}

enum Signal {
    static let kill = 9
    static let terminate = 15
    static let proceed = 18
    static let child = 17
    static let badSystemCall = 31
}

enum Open {
    static let writeOnly = 1
    static let readWrite = 2
    static let closeOnExec = 0o2_000_000
    static let path = 0o10_000_000
    /// AT_FDCWD.
    static let here = -100
}

enum Prctl {
    static let setParentDeathSignal = 1
    static let setDumpable = 4
    static let setName = 15
    static let setNoNewPrivileges = 38
    /// PR_SET_MDWE, Linux 6.3, and PR_MDWE_REFUSE_EXEC_GAIN.
    static let setMemoryDenyWriteExecute = 65
    static let refuseExecGain = 1
}

enum ResourceLimit {
    static let cpu: Int32 = 0
    static let data: Int32 = 2
    static let processes: Int32 = 6
    static let fileSize: Int32 = 1
    static let core: Int32 = 4
    static let openFiles: Int32 = 7
    static let pendingSignals: Int32 = 11
    static let queueBytes: Int32 = 12
    static let nice: Int32 = 13
    static let realTimePriority: Int32 = 14
}

enum Flag {
    /// CLONE_NEWCGROUP.
    static let newCgroupNamespace = 0x0200_0000
    /// CLOSE_RANGE_CLOEXEC.
    static let closeOnExec = 4
    /// AT_EMPTY_PATH.
    static let atEmptyPath: UInt64 = 0x1000
    /// OPEN_TREE_CLONE.
    /// MOVE_MOUNT_F_EMPTY_PATH.
    static let emptyPath = 4
    /// AT_EMPTY_PATH.
    static let emptyPathAt = 0x1000
    /// F_GETFD.
    static let getDescriptor = 1
    /// F_SETFL, O_NONBLOCK.
    static let setStatus = 4
    static let nonBlocking = 0o4000
    /// TIOCSCTTY.
    static let setControllingTerminal = 0x540e
}
