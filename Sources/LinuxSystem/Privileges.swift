import CSandbox
import Glibc

/// Becoming an ordinary user, for good.
package enum Privileges {
    /// Gives up root: groups, gid, uid and every capability set, then `no_new_privs`; and looks whether it is true.
    ///
    /// The process must have one thread: capabilities are per thread, and a thread that kept them would keep root.
    package static func drop(uid: UInt32, gid: UInt32) throws(SystemError) {
        try requireSingleThread()
        try system("leave all groups") { setgroups(0, nil) }
        // The bounding set first: it needs CAP_SETPCAP.
        try system("drop the bounding set") { sandbox_drop_bounding_set() }
        try system("become group", "\(gid)") { sandbox_setresgid(gid) }
        try system("become user", "\(uid)") { sandbox_setresuid(uid) }
        try system("drop capabilities") { sandbox_clear_capabilities() }
        try system("set no_new_privs") { sandbox_set_no_new_privileges() }
        guard getuid() == uid, geteuid() == uid, getgid() == gid, setuid(0) != 0 else {
            throw SystemError("drop privileges", errno: EPERM)
        }
    }

    /// The same for a process that never was root: it stays who it is, and neither it nor what it starts from now on gains
    /// anything by executing a program.
    package static func forgoGains() throws(SystemError) {
        try requireSingleThread()
        try system("drop capabilities") { sandbox_clear_capabilities() }
        try system("set no_new_privs") { sandbox_set_no_new_privileges() }
        guard geteuid() != 0, setuid(0) != 0 else { throw SystemError("stay an ordinary user", errno: EPERM) }
    }

    /// Reads the number of threads where the kernel keeps it.
    package static func requireSingleThread() throws(SystemError) {
        var count = 0
        guard let directory = opendir("/proc/self/task") else {
            throw SystemError("read", "/proc/self/task", errno: errno)
        }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        guard count == 1 else { throw SystemError("change identity with \(count) threads", errno: EBUSY) }
    }
}
