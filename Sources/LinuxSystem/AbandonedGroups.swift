import CSandbox
import Glibc

/// The directory of a launcher that has ended, in one hierarchy: what it made for its sandboxes is in it.
package final class AbandonedGroups {
    private let parent: Directory
    private let directory: Directory
    private let name: String

    /// A launcher that lives holds it.
    package struct Held: Error {}

    /// `nil` when it is not there, or not provably such a directory: one of cgroups, of root's, with this name. This object holds
    /// it.
    package init?(path: String, name: String) throws(Held) {
        guard path.hasSuffix("/\(name)"), let parent = try? Directory(String(path.dropLast(name.utf8.count + 1))),
            let directory = try? parent.subdirectory(name), Self.isOfGroups(directory)
        else { return nil }
        guard flock(directory.number, LOCK_EX | LOCK_NB) == 0 else { throw Held() }
        (self.parent, self.directory, self.name) = (parent, directory, name)
    }

    /// CGROUP_SUPER_MAGIC and CGROUP2_SUPER_MAGIC, linux/magic.h.
    private static func isOfGroups(_ directory: Directory) -> Bool {
        var (status, magic) = (stat(), UInt64(0))
        return fstat(directory.number, &status) == 0 && status.st_uid == geteuid()
            && sandbox_file_system_magic(directory.number, &magic) == 0 && (magic == 0x27_e0eb || magic == 0x6367_7270)
    }

    /// SIGKILL for whoever is in a group. Returns who that is.
    package func killAll(proc: Directory) -> Set<Int32> {
        var found: Set<Int32> = []
        for group in (try? directory.subdirectories()) ?? [] {
            for pid in members(of: group) {
                found.insert(pid)
                kill(pid, in: group, proc)
            }
        }
        return found
    }

    /// Removes what nobody is in. Returns how many groups were removed, and whether all is gone.
    package func removeAll() -> (removed: Int, isGone: Bool) {
        var removed = 0
        for group in (try? directory.subdirectories()) ?? [] where (try? directory.removeSubdirectory(group)) != nil {
            removed += 1
        }
        do {
            try parent.removeSubdirectory(name)
            return (removed, true)
        } catch {
            return (removed, error.errno == ENOENT)
        }
    }

    private func members(of group: String) -> [Int32] {
        let text = (try? directory.read("\(group)/cgroup.procs")) ?? ""
        return text.split(separator: "\n").compactMap { Int32($0) }
    }

    /// A group's member when it is asked, by a descriptor that was made before: nobody else who has its number by now.
    private func kill(_ pid: Int32, in group: String, _ proc: Directory) {
        let pidfd = sandbox_pidfd_open(pid)
        guard pidfd >= 0 else { return }
        defer { close(pidfd) }
        let place = "/\(name)/\(group)"
        let groups = (try? proc.read("\(pid)/cgroup")) ?? ""
        if groups.split(separator: "\n").contains(where: { $0.hasSuffix(place) }) {
            _ = sandbox_pidfd_send_signal(pidfd, SIGKILL)
        }
    }
}
