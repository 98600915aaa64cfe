import Glibc
import LaunchPlan
import LinuxSystem

/// Where a policy lets workspaces be: its roots, found once, while sandboxd is trusted, and held open from then on. Whoever
/// may later rename what leads to a root, or put a link in its place, leads nobody anywhere.
///
/// What is promised: at the moment of the request the workspace was a directory that the caller could open, inside one of
/// the roots and in no system directory; and that directory, not its name, is what the sandbox gets. Who may move it
/// elsewhere afterwards moves it with the sandbox in it, as one moves the directory of any running program.
struct WorkspaceRoots: ~Copyable {
    private var held: [HeldRoot] = []
    /// `~`: each caller's own home.
    private let homes: Bool
    /// Roots that were not there.
    private var absent: [String] = []
    private let host: Host

    /// A root as the operator meant it, links in it followed.
    private final class HeldRoot {
        let directory: OwnedDescriptor
        let identity: FileIdentity
        /// Where the kernel says it was.
        let path: String
        /// What it stands in, and its name there: something may be mounted on it later. `nil` for `/`.
        let parent: Directory?

        init(_ root: String, proc: Directory) throws(SystemError) {
            directory = try PathWalk.open(root)
            identity = try FileIdentity(of: directory.number)
            path = try PathWalk.path(of: directory.number, proc: proc)
            guard path != "/", let slash = path.lastIndex(of: "/") else {
                parent = nil
                return
            }
            let above = String(path[...slash])
            parent = Directory(owning: try PathWalk.open(above), path: above)
        }

        /// Whether one of `places` is this root, or a mount that was made on it since. Root makes mounts; a directory
        /// that somebody put in its place is none.
        func isAmong(_ places: [FileIdentity]) -> Bool {
            if places.contains(identity) { return true }
            guard let parent, let slash = path.lastIndex(of: "/"), places.contains(where: \.isMountRoot) else {
                return false
            }
            // Gone, or a link by now: then it is no root.
            guard let mounted = try? PathWalk.open(String(path[path.index(after: slash)...]), in: parent.number),
                let identity = try? FileIdentity(of: mounted.number)
            else { return false }
            return identity.isMountRoot && places.contains(identity)
        }
    }

    /// By paths that the operator wrote, with the launcher's own rights.
    init(_ roots: [String], host: Host) throws(LaunchFailure) {
        self.host = host
        homes = roots.contains("~")
        for root in roots where root != "~" {
            do throws(SystemError) {
                held.append(try HeldRoot(root, proc: host.proc))
            } catch {
                // Where the caller, whom a launcher without root is, cannot go, he has no workspace either.
                let isClosed = !host.rights.isRoot && error.errno == EACCES
                guard isClosed || error.errno == ENOENT || error.errno == ENOTDIR else {
                    throw LaunchFailure(.workspaceRoots, error)
                }
                absent.append(root)
            }
        }
    }

    /// Refuses an open directory that is outside. `places` is what it lies in, itself first; `path` is what the kernel
    /// calls it, which nobody can change who may not change the system's directories.
    borrowing func require(_ places: [FileIdentity], at path: String, caller: PeerIdentity) throws(LaunchFailure) {
        guard path.utf8.first == UInt8(ascii: "/") else { throw LaunchFailure(.workspaceRoots, errno: EACCES, path) }
        for root in held where root.isAmong(places) {
            if SystemPlaces.allow(path, below: root.path) { return }
        }
        if homes, let home = home(of: caller), places.contains(home.identity),
            SystemPlaces.allow(path, below: home.path)
        {
            return
        }
        // ENOENT says: perhaps it would have been inside one that is missing.
        if !absent.isEmpty {
            throw LaunchFailure(.workspaceRoots, errno: ENOENT, absent.joined(separator: ", "))
        }
        throw LaunchFailure(.workspaceRoots, errno: EACCES, path)
    }

    /// By name alone; what a caller may rename is decided by descriptors.
    static func isWithin(_ path: String, _ directory: String) -> Bool {
        PathText.isWithin(path, directory)
    }

    /// Opened as the caller, and only if it is his: where others may replace what leads to it, he is led to nothing that
    /// he does not own.
    private borrowing func home(of caller: PeerIdentity) -> (identity: FileIdentity, path: String)? {
        guard let path = HomeDirectory.of(caller.uid) else { return nil }
        // Not there, or not for him: then `~` is no root of his.
        guard let directory = try? host.asCaller(caller, { () throws(SystemError) in try PathWalk.open(path) }),
            let identity = try? FileIdentity(of: directory.number),
            let real = try? PathWalk.path(of: directory.number, proc: host.proc)
        else { return nil }
        var status = stat()
        guard fstat(directory.number, &status) == 0, status.st_uid == caller.uid else { return nil }
        return (identity, real)
    }
}

/// Directories of the system. A policy that means one of them must name it, or something inside it, as a root.
enum SystemPlaces {
    private static let directories = [
        "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin", "/sys",
        "/usr", "/var/backups", "/var/cache", "/var/lib", "/var/log", "/var/mail", "/var/run", "/var/spool",
    ]
    /// These are no workspaces; what lies below them can be.
    private static let notThemselves = ["/", "/home", "/var"]

    static func allow(_ path: String, below root: String) -> Bool {
        let unnamed = directories.contains { WorkspaceRoots.isWithin(path, $0) && !WorkspaceRoots.isWithin(root, $0) }
        return !unnamed && !(notThemselves.contains(path) && root != path) && path != "/"
    }

}
