import Glibc
import LaunchPlan
import SandboxModel

// The file system: what is mounted and how, what is there at all, what is covered.
extension ProbeJudge {
    func files() -> [ProbeCheck] {
        let lines = facts.all("mount")
        let mounts = lines.compactMap { ProbeMount($0) }
        let bad = lines.isEmpty || mounts.count != lines.count ? ["mountinfo cannot be read"] : mounts.compactMap(fault)
        let own = ["/", "/proc", "/proc/sys", "/dev/pts", "/dev/shm", "/tmp", "/sandbox/workspace"]
        let needed = container == nil ? own : Self.mountsInContainer
        let missing = needed.filter { point in !mounts.contains { $0.point == point } }
        return [
            none("mounts", "only what the policy shows, with its restrictions", bad),
            none("executable", "only what the policy lists", executable(mounts)),
            none("mounts_present", "\(needed.count) mounts of the sandbox's own", missing),
            none(
                "root_directory", "nothing of the host but what the policy shows",
                container == nil ? strangers(in: "root", rootNames) : []),
            none("devices", "the six that programs expect, pts and shm", strangers(in: "device", deviceNames)),
            none("masked", "no byte of the host's kernel files", uncovered()),
            none(
                "absent", "no host directory that the policy does not show", container == nil ? present() : []),
        ]
    }

    /// What is wrong with a mount; `nil` for one that must be so.
    private func fault(_ mount: ProbeMount) -> String? {
        let missing = required(mount).map { $0.subtracting(mount.options).sorted() }
        guard let missing else { return "\(mount.type) at \(mount.point) is not expected" }
        return missing.isEmpty ? nil : "\(mount.point) is not \(missing.joined(separator: " and "))"
    }

    /// The options that a mount must have; `nil` where none may be.
    private func required(_ mount: ProbeMount) -> Set<String>? {
        let written: Set = policy.executesWritten ? ["nosuid", "nodev"] : ["nosuid", "nodev", "noexec"]
        if container != nil { return requiredInContainer(mount, written: written) }
        switch mount.point {
        // Without nodev: the six devices are its own, and nobody inside can make another.
        case "/": return mount.type == "tmpfs" ? ["ro", "nosuid", "noexec"] : nil
        case "/proc": return mount.type == "proc" ? ["nosuid", "nodev", "noexec"] : nil
        case "/proc/sys": return mount.type == "proc" ? ["ro", "nosuid", "nodev", "noexec"] : nil
        case "/dev/pts": return mount.type == "devpts" ? ["nosuid", "noexec"] : nil
        case "/dev/shm", "/tmp", "/sandbox/workspace": return mount.type == "tmpfs" ? written : nil
        default: break
        }
        // The host's own, each by itself; read-only is what is said of the node.
        if host.caller != nil, mount.point == "/dev\(mount.root)", Self.hostDevices.contains(mount.point) {
            return ["ro", "nosuid", "noexec"]
        }
        let isMask = mount.type == "tmpfs" && ["/.mask/file", "/.mask/directory"].contains(mount.root)
        if isMask, mount.point.hasPrefix("/proc/") || isShown(mount.point) { return ["ro", "nosuid", "noexec"] }
        return isShown(mount.point) ? ["ro", "nosuid", "nodev"] : nil
    }

    /// With a list of programs everything that is shown is noexec underneath them. What lies on top is the list's: the
    /// programs, and what they load.
    private func executable(_ mounts: [ProbeMount]) -> [String] {
        guard policy.executePaths != nil else { return [] }
        return policy.readPaths.filter { path in
            guard let base = mounts.first(where: { $0.point == path }) else { return false }
            return !base.options.contains("noexec")
        }
    }

    /// A path that the policy shows, one below it, or a system directory of a host whose /bin is no link into /usr.
    private func isShown(_ point: String) -> Bool {
        policy.readPaths.contains { point == $0 || point.hasPrefix($0 + "/") }
            || policy.readPaths.contains("/usr")
                && Self.systemDirectories.contains { point == "/\($0)" || point.hasPrefix("/\($0)/") }
    }

    private static let hostDevices: Set = [
        "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
    ]
    private static let systemDirectories: Set = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]
    private static let deviceNames: Set = [
        "null", "zero", "full", "random", "urandom", "tty", "fd", "stdin", "stdout", "stderr", "ptmx", "pts", "shm",
    ]

    private var deviceNames: Set<String> {
        let shown = policy.readPaths.map { $0.split(separator: "/").map(String.init) }
        if container != nil { return Self.deviceNames.union(Self.devicesInContainer) }
        return Self.deviceNames.union(shown.filter { $0.count > 1 && $0[0] == "dev" }.map { $0[1] })
    }

    private var rootNames: Set<String> {
        let shown = policy.readPaths.compactMap { $0.split(separator: "/").first.map(String.init) }
        return Self.systemDirectories.union(shown).union(["proc", "tmp", "etc", "dev", "sandbox", "workspace", ".mask"])
    }

    private func strangers(in key: String, _ known: Set<String>) -> [String] {
        let names = facts.all(key)
        return names.isEmpty ? ["nothing was listed"] : names.filter { !known.contains($0) }
    }

    /// Paths of /proc that were read; each must not be there, not be allowed, or be empty.
    private func uncovered() -> [String] {
        let listed = Self.masked.filter { path in
            guard let answer = facts.named("masked", path).flatMap({ Int32($0) }) else { return true }
            // A directory that opens: an engine covers with an empty one.
            if container != nil, answer == 0 { return !isCoveredByDirectory(path) }
            return ![-1, ENOENT, EACCES, EPERM].contains(answer)
        }
        return listed + (container == nil || isCoveredByDirectory("/sys") ? [] : ["/sys"])
    }

    static let masked = [
        "/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/kallsyms", "/proc/kmsg", "/proc/latency_stats",
        "/proc/timer_list", "/proc/interrupts", "/proc/cmdline", "/proc/config.gz", "/proc/iomem", "/proc/ioports",
        "/proc/modules", "/proc/partitions", "/proc/diskstats", "/proc/acpi", "/proc/asound", "/proc/bus",
        "/proc/driver", "/proc/fs", "/proc/irq", "/proc/pressure", "/proc/scsi",
    ]

    private func present() -> [String] {
        Self.hostPaths.filter { path in
            if policy.readPaths.contains(where: { $0 == path || $0.hasPrefix(path + "/") }) { return false }
            return facts.named("present", path) != "\(ENOENT)"
        }
    }

    static let hostPaths = ["/sys", "/etc/shadow", "/root", "/home", "/var", "/run", "/boot"]

    // MARK: - The policy's own lists

    /// One check for each list of the policy: its paths that are shown, its paths that are hidden, its denied calls.
    func paths() -> [ProbeCheck] {
        [
            none(
                "read_paths", "readable, and nothing can be created there",
                policy.readPaths.indices.compactMap(readFault)),
            none("hide_paths", "covered or not there", policy.hidePaths.indices.compactMap(hideFault)),
            none("denied_calls", "refused by the filter", policy.syscallsDenied.indices.compactMap(denyFault)),
        ]
    }

    /// `read N OPEN MODE CREATE`. A path that the host did not have when the policy was prepared has no line.
    private func readFault(_ index: Int) -> String? {
        let path = policy.readPaths[index]
        guard let line = facts.named("read", "\(index)") else { return nil }
        let numbers = line.split(separator: " ").compactMap { Int32($0) }
        guard numbers.count == 3 else { return "\(path): not measured" }
        // A file of root's own is shown and stays unreadable.
        let isReadable = numbers[0] == 0 || numbers[0] == EACCES && numbers[1] >= 0 && numbers[1] & 0o4 == 0
        if !isReadable && !isHidden(path) { return "\(path) cannot be read: \(Self.name(numbers[0]))" }
        return Self.refusals.contains(numbers[2]) ? nil : "\(path): creating a file: \(Self.name(numbers[2]))"
    }

    private func isHidden(_ path: String) -> Bool {
        policy.hidePaths.contains { path == $0 || path.hasPrefix($0 + "/") }
    }

    /// `hide N OPEN MODE`: not there, or a cover without any permission.
    private func hideFault(_ index: Int) -> String? {
        let path = policy.hidePaths[index]
        let numbers = (facts.named("hide", "\(index)") ?? "").split(separator: " ").compactMap { Int32($0) }
        guard numbers.count == 2 else { return "\(path): not measured" }
        if [ENOENT, ENOTDIR].contains(numbers[0]) { return nil }
        // Below another cover it cannot even be looked at.
        let isUnknown = numbers[1] == -EPERM && policy.syscallsDenied.contains("statx")
        let isCover = isUnknown || numbers[1] == -EACCES || numbers[1] >= 0 && numbers[1] & 0o7777 == 0
        return numbers[0] == EACCES && isCover ? nil : "\(path): opening it: \(Self.name(numbers[0]))"
    }

    /// `deny N ERRNO`, a line for each call of the entry; -1 where nothing of it can be tried on this machine.
    private func denyFault(_ index: Int) -> String? {
        let name = policy.syscallsDenied[index]
        let answers = facts.all("deny").filter { $0.hasPrefix("\(index) ") }
            .map { Int32($0.dropFirst("\(index) ".count)) ?? 0 }
        guard !answers.isEmpty else { return "\(name): not tried" }
        let other = answers.first { ![-1, EPERM, ENOSYS].contains($0) }
        return other.map { "\(name): \(Self.name($0))" }
    }
}
