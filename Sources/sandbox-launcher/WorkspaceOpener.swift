import CSandbox
import Glibc
import LaunchPlan
import LinuxSystem

/// Opens a caller's directory as the caller, holds it against the policy, and makes of it a mount in which its files
/// belong to the sandbox.
struct WorkspaceOpener {
    let host: Host
    /// User namespaces that map a caller to a slot, kept because making one costs 100 us and using it 14.
    private var maps: [MapKey: Int32] = [:]
    private static let maximumMaps = 256

    private struct MapKey: Hashable {
        var uid: UInt32
        var gid: UInt32
        var slot: UInt32
    }

    init(host: Host) { self.host = host }

    mutating func open(
        _ path: String, as caller: PeerIdentity, policy: CompiledPolicy, slot: IdentitySlot
    ) throws(LaunchFailure) -> OwnedDescriptor {
        try Self.requireNormal(path)
        let directory = try openAsCaller(path, caller, writable: policy.workspaceMode == .write)
        let real = try at(.workspaceOpen) { () throws(SystemError) in
            try PathWalk.path(of: directory.number, proc: host.proc)
        }
        try WorkspaceRoots.require(real, in: policy, caller: caller, proc: host.proc)
        let namespace = try map(caller, to: slot)
        return try at(.workspaceMount) { () throws(SystemError) in
            let tree = try DetachedMount.clone(of: directory.number, recursive: false)
            var attributes: DetachedMount.Attributes = [.noSuid, .noDev]
            if policy.workspaceMode == .read { attributes.insert(.readOnly) }
            if !policy.executesWritten { attributes.insert(.noExec) }
            do throws(SystemError) {
                try DetachedMount.mapIdentities(tree, by: namespace, attributes)
            } catch {
                // The usual cause, in words: overlayfs, and tmpfs before Linux 6.3, cannot be id-mapped.
                throw SystemError(
                    "map the identities of workspace", "\(real) (does its file system support it?)", errno: error.errno)
            }
            return tree
        }
    }

    private static func requireNormal(_ path: String) throws(LaunchFailure) {
        let components = path.split(separator: "/", omittingEmptySubsequences: false)
        guard path.hasPrefix("/"), !components.contains(".."), !components.contains(".") else {
            throw LaunchFailure(.workspaceOpen, errno: EINVAL, "\(path) is not an absolute, plain path")
        }
    }

    private func openAsCaller(
        _ path: String, _ caller: PeerIdentity, writable: Bool
    ) throws(LaunchFailure) -> OwnedDescriptor {
        do {
            return try PathWalk.openDirectory(path, as: caller, writable: writable)
        } catch {
            let stage: LaunchStage = error.call == "access workspace" ? .workspaceAccess : .workspaceOpen
            throw LaunchFailure(stage, errno: error.errno, path)
        }
    }

    private mutating func map(_ caller: PeerIdentity, to slot: IdentitySlot) throws(LaunchFailure) -> Int32 {
        let key = MapKey(uid: caller.uid, gid: caller.gid, slot: slot.number)
        if let namespace = maps[key] { return namespace }
        if maps.count >= Self.maximumMaps {
            for descriptor in maps.values { close(descriptor) }
            maps.removeAll()
        }
        let namespace = try at(.idMap) { () throws(SystemError) in
            try IdentityMap.namespace(
                mapping: (caller.uid, caller.gid), to: (slot.command, slot.command), proc: host.proc)
        }.release()
        maps[key] = namespace
        return namespace
    }
}

/// Where a policy lets workspaces be.
enum WorkspaceRoots {
    /// Directories of the system. A policy that means one of them must name it, or something inside it, as a root.
    private static let systemDirectories = [
        "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin", "/sys",
        "/usr", "/var/backups", "/var/cache", "/var/lib", "/var/log", "/var/mail", "/var/run", "/var/spool",
    ]
    /// These are no workspaces; what lies below them can be.
    private static let notThemselves = ["/", "/home", "/var"]

    /// `path` is where the kernel says the opened directory is, not what the caller wrote.
    static func require(
        _ path: String, in policy: CompiledPolicy, caller: PeerIdentity, proc: Directory
    ) throws(LaunchFailure) {
        for root in policy.workspaceRoots {
            guard let root = resolve(root, caller: caller, proc: proc), isWithin(path, root) else { continue }
            let named = systemDirectories.contains { isWithin(path, $0) && !isWithin(root, $0) }
            if !named && !(notThemselves.contains(path) && root != path) && path != "/" { return }
        }
        throw LaunchFailure(.workspaceRoots, errno: EACCES, path)
    }

    static func isWithin(_ path: String, _ directory: String) -> Bool {
        directory == "/" || path == directory || path.hasPrefix(directory + "/")
    }

    /// A root as the kernel names it: roots may be symbolic links, by the operator's choice.
    private static func resolve(_ root: String, caller: PeerIdentity, proc: Directory) -> String? {
        guard let path = root == "~" ? HomeDirectory.of(caller.uid) : root else { return nil }
        let number = Glibc.open(path, SANDBOX_O_PATH | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { return nil }
        let directory = OwnedDescriptor(owning: number)
        return try? PathWalk.path(of: directory.number, proc: proc)
    }
}
