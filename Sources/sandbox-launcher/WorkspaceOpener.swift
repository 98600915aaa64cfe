import CSandbox
import Glibc
import LaunchPlan
import LinuxSystem

/// A caller's directory as its sandbox gets it.
final class OpenedWorkspace {
    /// Detached.
    let mount: OwnedDescriptor
    /// `nil`: nothing is promised.
    let size: WorkspaceSize?

    init(mount: consuming OwnedDescriptor, size: WorkspaceSize?) {
        self.mount = mount
        self.size = size
    }
}

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
        var slot: IdentitySlot
    }

    init(host: Host) { self.host = host }

    mutating func open(
        _ path: String, as caller: PeerIdentity, prepared: PreparedPolicy, limits: LaunchLimits, slot: IdentitySlot
    ) throws(LaunchFailure) -> OpenedWorkspace {
        try Self.requireNormal(path)
        let policy = prepared.policy
        let opened = try openAsCaller(path, caller, writable: policy.workspaceMode == .write)
        let directory = opened.descriptor.number
        let real = try at(.workspaceOpen) { () throws(SystemError) in
            try PathWalk.path(of: directory, proc: host.proc)
        }
        try prepared.roots.require(opened.places, at: real, caller: caller)
        var attributes: DetachedMount.Attributes = [.noSuid, .noDev]
        if policy.workspaceMode == .read { attributes.insert(.readOnly) }
        if !policy.executesWritten { attributes.insert(.noExec) }
        guard host.rights.isRoot else {
            // Nobody but root may ask for the quota that keeps a size: sandboxd has the caller's word that none is kept.
            let mount = try at(.workspaceMount) { () throws(SystemError) in
                try Self.ownMount(of: directory, attributes, real)
            }
            return OpenedWorkspace(mount: mount, size: nil)
        }
        let size = try WorkspaceSize(limits, mode: policy.workspaceMode, directory: directory)
        let namespace = try map(caller, to: slot)
        let mount = try at(.workspaceMount) { () throws(SystemError) in
            let tree = try DetachedMount.clone(of: directory, recursive: false)
            do throws(SystemError) {
                try DetachedMount.mapIdentities(tree, by: namespace, attributes)
            } catch {
                // The usual cause, in words: overlayfs, and tmpfs before Linux 6.3, cannot be id-mapped.
                throw SystemError(
                    "map the identities of workspace", "\(real) (does its file system support it?)", errno: error.errno)
            }
            return tree
        }
        return OpenedWorkspace(mount: mount, size: size)
    }

    /// Of a directory whose files belong to the sandbox's user as they are: he is the caller.
    private static func ownMount(
        of directory: Int32, _ attributes: DetachedMount.Attributes, _ path: String
    ) throws(SystemError) -> OwnedDescriptor {
        do throws(SystemError) {
            let tree = try DetachedMount.clone(of: directory, recursive: false)
            try DetachedMount.restrict(tree, attributes, recursive: false)
            return tree
        } catch {
            guard error.errno == EINVAL else { throw error }
            throw SystemError(
                "take workspace", "\(path) without what is mounted below it (only root can; is something?)",
                errno: EINVAL)
        }
    }

    private static func requireNormal(_ path: String) throws(LaunchFailure) {
        guard PathText.isPlain(path) else {
            throw LaunchFailure(.workspaceOpen, errno: EINVAL, "\(path) is not an absolute, plain path")
        }
    }

    /// The directory, and what it lies in, both with nothing but the caller's rights.
    private func openAsCaller(
        _ path: String, _ caller: PeerIdentity, writable: Bool
    ) throws(LaunchFailure) -> OpenedDirectory {
        var stage = LaunchStage.workspaceOpen
        do throws(SystemError) {
            return try host.asCaller(caller) { () throws(SystemError) in
                let directory = try PathWalk.open(path)
                stage = .workspaceAccess
                try PathWalk.requireAccess(directory, writable: writable)
                stage = .workspaceRoots
                return OpenedDirectory(places: try PathWalk.enclosing(directory), descriptor: directory)
            }
        } catch {
            throw LaunchFailure(stage, errno: error.errno, path)
        }
    }

    private struct OpenedDirectory: ~Copyable {
        /// Itself and all that it lies in.
        let places: [FileIdentity]
        let descriptor: OwnedDescriptor
    }

    private mutating func map(_ caller: PeerIdentity, to slot: IdentitySlot) throws(LaunchFailure) -> Int32 {
        let key = MapKey(uid: caller.uid, gid: caller.gid, slot: slot)
        if let namespace = maps[key] { return namespace }
        if maps.count >= Self.maximumMaps {
            for descriptor in maps.values { close(descriptor) }
            maps.removeAll()
        }
        let namespace = try at(.idMap) { () throws(SystemError) in
            try IdentityMap.namespace(
                mapping: (caller.uid, caller.gid), to: (slot.command, slot.commandGroup), proc: host.proc)
        }.release()
        maps[key] = namespace
        return namespace
    }
}
