import CSandbox
import Glibc

/// Opening what a caller named, as that caller, and finding out where it is. By descriptor throughout: the directory that
/// was checked is the directory that is used, whatever happens to its name meanwhile.
package enum PathWalk {
    /// Runs `body` with the caller's user, group and supplementary groups for all that files decide about. The kernel
    /// takes the capabilities that override file permissions away with them and gives them back afterwards.
    ///
    /// The process must have one thread; it is root again when this returns. `openat2(2)`, `credentials(7)`.
    package static func asCaller<Value: ~Copyable>(
        _ caller: PeerIdentity, _ body: () throws(SystemError) -> Value
    ) throws(SystemError) -> Value {
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

    /// Opens a directory (O_PATH) by an absolute path, with the rights of whoever this is now. Symbolic links are
    /// followed; the magic ones of /proc are not: they lead to files of this process.
    package static func open(_ path: String) throws(SystemError) -> OwnedDescriptor {
        let flags = UInt64(SANDBOX_O_PATH | O_DIRECTORY)
        return OwnedDescriptor(
            owning: try system("open directory", path) {
                sandbox_openat2(AT_FDCWD, path, flags, 0, UInt64(SANDBOX_RESOLVE_NO_MAGICLINKS))
            })
    }

    /// Opens what stands under a name in a directory: one component, and no link.
    package static func open(_ name: String, in directory: Int32) throws(SystemError) -> OwnedDescriptor {
        let flags = UInt64(SANDBOX_O_PATH | O_DIRECTORY | O_NOFOLLOW)
        return OwnedDescriptor(
            owning: try system("open directory", name) {
                sandbox_openat2(directory, name, flags, 0, UInt64(SANDBOX_RESOLVE_NO_SYMLINKS))
            })
    }

    /// Asks for what may be done with an open directory: an O_PATH open checks only the way to it.
    package static func requireAccess(_ directory: borrowing OwnedDescriptor, writable: Bool) throws(SystemError) {
        let number = directory.number
        let mode = writable ? R_OK | W_OK | X_OK : R_OK | X_OK
        try system("access directory") { sandbox_access_descriptor(number, mode) }
    }

    /// The directory itself and all that it lies in, up to the root of this process, each found through `..` from the one
    /// before. Nobody can lead this way astray with a link; who moves a directory during the walk can make it show two
    /// places, but only such as he may move it to.
    ///
    /// Where a mount is no longer anywhere, the way ends at its root. ELOOP for absurd depths.
    package static func enclosing(_ directory: borrowing OwnedDescriptor) throws(SystemError) -> [FileIdentity] {
        var found = [try FileIdentity(of: directory.number)]
        var current = try directory.duplicate()
        while found.count <= maximumDepth {
            let number = current.number
            let flags = UInt64(SANDBOX_O_PATH | O_DIRECTORY)
            let parent = OwnedDescriptor(
                owning: try system("open parent directory") { sandbox_openat2(number, "..", flags, 0, 0) })
            let identity = try FileIdentity(of: parent.number)
            if identity == found.last { return found }
            found.append(identity)
            current = parent
        }
        throw SystemError("find the way up from a directory", errno: ELOOP)
    }

    /// PATH_MAX bounds what can be named, not what can be nested; nobody works deeper than this.
    private static let maximumDepth = 2048

    /// What the kernel calls a descriptor's file now: for messages, and for refusing places by name. Never to open it.
    /// `proc` is an open /proc of the host.
    package static func path(of descriptor: Int32, proc: Directory) throws(SystemError) -> String {
        let name = "self/fd/\(descriptor)"
        var buffer = [CChar](repeating: 0, count: 4097)
        let count = try system("read link", "/proc/\(name)") { readlinkat(proc.number, name, &buffer, 4096) }
        return String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// Which directory, seen through which mount. No other has the same as long as a descriptor of it is open.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    private let mount: UInt64
    /// Whether something is mounted right here. Only root mounts, but for a user's own FUSE on a directory of his.
    package let isMountRoot: Bool

    package init(of descriptor: Int32) throws(SystemError) {
        var identity = sandbox_file_identity()
        var isMountRoot: Int32 = 0
        try system("identify a directory") { sandbox_identify(descriptor, &identity, &isMountRoot) }
        (device, inode, mount) = (identity.device, identity.inode, identity.mount)
        self.isMountRoot = isMountRoot != 0
    }
}
