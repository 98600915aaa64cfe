import Glibc

/// How much of a core a process gets beside others that want it: from -20, the most, to 19, `nice(2)`, `sched(7)`.
package enum Niceness {
    /// What sandboxd and the launcher run at. Deadlines of everybody pass through both, and what runs in the sandboxes is
    /// as many busy processes as their limits allow.
    package static let ofService: Int32 = -10

    /// This thread's, and that of every process and thread that it starts from now on.
    package static var own: Int32 { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }

    /// Goes down to `niceness` where it is higher. A host that does not allow it (no CAP_SYS_NICE in a container) has slower
    /// answers when its cores are busy, and nothing else: this is no restriction of anybody.
    package static func lower(to niceness: Int32) {
        guard own > niceness else { return }
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness)
    }

    /// Sets that of a child that is not reaped yet, so that the number is its own.
    package static func set(_ niceness: Int32, of child: Int32) {
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), UInt32(child), niceness)
    }
}
