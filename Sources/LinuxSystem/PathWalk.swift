import CSandbox
import Glibc

/// Opening what a caller named, as that caller.
package enum PathWalk {
    /// Opens a directory with the caller's user, group and supplementary groups, and asks for what the caller may do
    /// with it: an O_PATH open checks only the way to it.
    ///
    /// The process must have one thread; it is root again when this returns. `openat2(2)`, `credentials(7)`.
    package static func openDirectory(
        _ path: String, as caller: PeerIdentity, writable: Bool
    ) throws(SystemError) -> OwnedDescriptor {
        try asCaller(caller) { () throws(SystemError) in
            let flags = UInt64(SANDBOX_O_PATH | O_DIRECTORY)
            let number = try system("open workspace", path) {
                sandbox_openat2(AT_FDCWD, path, flags, 0, UInt64(SANDBOX_RESOLVE_NO_MAGICLINKS))
            }
            let directory = OwnedDescriptor(owning: number)
            let mode = writable ? R_OK | W_OK | X_OK : R_OK | X_OK
            try system("access workspace", path) { sandbox_access_descriptor(directory.number, mode) }
            return directory
        }
    }

    /// Runs `body` with the caller's file-system identity. The kernel takes the capabilities that override file
    /// permissions away with it and gives them back afterwards.
    private static func asCaller(
        _ caller: PeerIdentity, _ body: () throws(SystemError) -> OwnedDescriptor
    ) throws(SystemError) -> OwnedDescriptor {
        try system("take the caller's groups") { setgroups(caller.groups.count, caller.groups) }
        defer { restoreRoot() }
        try system("take the caller's identity") { sandbox_set_fs_identity(caller.uid, caller.gid) }
        return try body()
    }

    /// A root process that cannot become root again must not go on.
    private static func restoreRoot() {
        precondition(sandbox_set_fs_identity(0, 0) == 0, "failed to restore the file-system identity")
        precondition(setgroups(0, nil) == 0, "failed to leave the caller's groups")
    }

    /// Where a descriptor's file is now, as the kernel says it. `proc` is an open /proc of the host.
    package static func path(of descriptor: Int32, proc: Directory) throws(SystemError) -> String {
        let name = "self/fd/\(descriptor)"
        var buffer = [CChar](repeating: 0, count: 4097)
        let count = try system("read link", "/proc/\(name)") { readlinkat(proc.number, name, &buffer, 4096) }
        return String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
