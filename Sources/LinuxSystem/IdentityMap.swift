import CSandbox
import Glibc

/// User namespaces that exist for their maps, `user_namespaces(7)`.
package enum IdentityMap {
    /// A namespace in which the caller's files belong to the sandbox's user: what an id-mapped mount takes.
    ///
    /// Maps `caller` on disk to `sandbox` of the host, uid and gid alone; every other id has no name through such a
    /// mount, and creating files as one fails with EOVERFLOW.
    package static func namespace(
        mapping caller: (uid: UInt32, gid: UInt32), to sandbox: (uid: UInt32, gid: UInt32), proc: Directory
    ) throws(SystemError) -> OwnedDescriptor {
        var pidfd: Int32 = -1
        let pid = try system("create a user namespace") {
            sandbox_clone_sleeper(Namespaces.user.cloneFlags, &pidfd)
        }
        let sleeper = ForkedChild(pid: pid, pidfd: OwnedDescriptor(owning: pidfd))
        defer { sleeper.killAndReap() }
        try write(
            uids: "\(caller.uid) \(sandbox.uid) 1\n", gids: "\(caller.gid) \(sandbox.gid) 1\n", of: pid, proc: proc)
        let name = "\(pid)/ns/user"
        return OwnedDescriptor(
            owning: try system("open", "/proc/\(name)") { openat(proc.number, name, O_RDONLY | O_CLOEXEC) })
    }

    /// Writes the maps of a process that is alone in a new user namespace.
    package static func write(uids: String, gids: String, of pid: Int32, proc: Directory) throws(SystemError) {
        let process = try proc.subdirectory("\(pid)")
        try process.write(gids, to: "gid_map")
        try process.write(uids, to: "uid_map")
    }
}
