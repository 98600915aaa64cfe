import CSandbox
import Glibc

/// Mount namespaces, `mount_namespaces(7)`, for a process with one thread.
package enum MountNamespace {
    /// Nothing comes in and nothing goes out.
    package static func makePrivate() throws(SystemError) {
        let flags = UInt(MS_PRIVATE) | UInt(MS_REC)
        try system("make mounts private") { mount(nil, "/", nil, flags, nil) }
    }

    /// Enters a namespace. Root and working directory become its root.
    package static func enter(_ namespace: borrowing OwnedDescriptor) throws(SystemError) {
        let number = namespace.number
        try system("enter a mount namespace") { sandbox_setns(number, Namespaces.mount.rawValue) }
    }

    /// The namespace of a process.
    package static func open(of pid: Int32, proc: Directory) throws(SystemError) -> OwnedDescriptor {
        let name = "\(pid)/ns/mnt"
        return OwnedDescriptor(
            owning: try system("open", "/proc/\(name)") { openat(proc.number, name, O_RDONLY | O_CLOEXEC) })
    }

    /// Makes the current directory, which must be a mount, the root, and drops the old root.
    package static func pivotHere() throws(SystemError) {
        try system("pivot the root") { sandbox_pivot_root_here() }
        try system("unmount the old root") { umount2(".", Int32(MNT_DETACH)) }
        try system("change directory", "/") { chdir("/") }
    }
}

/// Detached mounts, by the mount API of Linux 5.2 (`open_tree(2)`, `move_mount(2)`, `mount_setattr(2)`).
package enum DetachedMount {
    /// Attributes of a mount.
    package struct Attributes: OptionSet, Sendable {
        package let rawValue: UInt64
        package init(rawValue: UInt64) { self.rawValue = rawValue }

        package static let readOnly = Attributes(rawValue: UInt64(SANDBOX_ATTR_RDONLY))
        package static let noSuid = Attributes(rawValue: UInt64(SANDBOX_ATTR_NOSUID))
        package static let noDev = Attributes(rawValue: UInt64(SANDBOX_ATTR_NODEV))
        package static let noExec = Attributes(rawValue: UInt64(SANDBOX_ATTR_NOEXEC))
    }

    /// A copy of the mount behind a descriptor, from there downwards.
    package static func clone(of descriptor: Int32, recursive: Bool) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(
            owning: try system("clone a mount") { sandbox_open_tree(descriptor, "", recursive ? 1 : 0) })
    }

    package static func restrict(
        _ tree: borrowing OwnedDescriptor, _ attributes: Attributes, recursive: Bool
    ) throws(SystemError) {
        let number = tree.number
        try system("set mount attributes") {
            sandbox_mount_setattr(number, recursive ? 1 : 0, attributes.rawValue, -1)
        }
    }

    /// Lets files appear to belong to the users of a user namespace (`mount_setattr(2)` MOUNT_ATTR_IDMAP).
    package static func mapIdentities(
        _ tree: borrowing OwnedDescriptor, by userNamespace: Int32, _ attributes: Attributes
    ) throws(SystemError) {
        let number = tree.number
        let set = attributes.rawValue | UInt64(SANDBOX_ATTR_IDMAP)
        try system("map the identities of a mount") { sandbox_mount_setattr(number, 0, set, userNamespace) }
    }

    /// Attaches a mount on top of `path`, which is looked up below `directory`.
    package static func attach(
        _ tree: borrowing OwnedDescriptor, at path: String, below directory: Int32
    ) throws(SystemError) {
        let number = tree.number
        try system("attach a mount at", path) { sandbox_move_mount(number, directory, path) }
    }

    /// A new, empty tmpfs.
    package static func temporary(
        options: KeyValuePairs<String, String>, _ attributes: Attributes
    ) throws(SystemError) -> OwnedDescriptor {
        let strings = options.flatMap { [strdup($0.key), strdup($0.value)] }
        defer { for string in strings { free(string) } }
        var pointers = strings.map { UnsafePointer($0) }
        pointers.append(nil)
        return OwnedDescriptor(
            owning: try system("create a tmpfs") { sandbox_new_tmpfs(&pointers, attributes.rawValue) })
    }
}
