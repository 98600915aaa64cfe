import Glibc
import LaunchPlan
import SandboxModel

// What must be otherwise in a container that an engine has made: there is no user namespace, the root is an image's, and what an
// engine mounts is known by its kind and not by the policy. All else is judged as in a sandbox of the launcher's own.
extension ProbeJudge {
    var container: ContainerPlan? { policy.container }

    // MARK: - The process

    /// One host number, four times: the policy's, or one that is nobody else's. Never 0.
    func containerIdentity(_ name: String, _ field: String, _ given: UInt32?) -> ProbeCheck {
        let observed = facts.status(field)
        let numbers = (observed ?? "").split(separator: " ").compactMap { UInt32($0) }
        if let given { return equal(name, observed, Array(repeating: "\(given)", count: 4).joined(separator: " ")) }
        let isOwn = numbers.count == 4 && Set(numbers).count == 1 && SandboxIdentities.contains(numbers[0])
        return check(name, "an id of sandboxes' own", observed, isOwn)
    }

    /// None but its own, which engines name once more.
    var containerGroups: ProbeCheck {
        let own = facts.status("Gid")?.split(separator: " ").first.map(String.init)
        let groups = facts.status("Groups").map { $0.split(separator: " ").map(String.init).filter { $0 != own } }
        return none("groups", "none but its own", groups ?? ["not known"])
    }

    /// Without a user namespace the numbers are the host's: the process's own are what has to be looked at.
    func containerMap(_ name: String) -> ProbeCheck {
        let fields = facts.one(name)?.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return equal(name, fields, "0 0 4294967295")
    }

    // MARK: - The file system

    /// The options that a mount must have; `nil` where none may be.
    func requiredInContainer(_ mount: ProbeMount, written: Set<String>) -> Set<String>? {
        let restricted: Set = ["nosuid", "nodev", "noexec"]
        switch mount.point {
        case "/", "/.sandbox/init", "/.sandbox/socket", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts": return ["ro"]
        case "/proc": return mount.type == "proc" ? restricted : nil
        case "/dev": return mount.type == "tmpfs" ? ["nosuid"] : nil
        case "/dev/pts": return mount.type == "devpts" ? ["nosuid", "noexec"] : nil
        case "/dev/mqueue": return mount.type == "mqueue" ? restricted : nil
        case "/sys": return ["ro"]
        default: break
        }
        // Covered by nothing, or by /dev/null.
        if mount.point.hasPrefix("/proc/") {
            return mount.root == "/null" && mount.type == "tmpfs" ? ["nosuid"] : ["ro"]
        }
        // Under a cover: `masked` looks whether there is one.
        if mount.point.hasPrefix("/sys/") { return mount.type == "tmpfs" ? [] : restricted }
        // /tmp, /dev/shm, the workspace, and the image's volumes.
        return mount.type == "tmpfs" && !mount.point.hasPrefix("/dev/") || mount.point == "/dev/shm" ? written : nil
    }

    static let mountsInContainer = [
        "/", "/proc", "/proc/sys", "/dev/pts", "/dev/shm", "/tmp", "/sandbox/workspace", "/sys",
    ]
    static let devicesInContainer: Set = ["mqueue", "core", "console"]

    /// Whether an engine's empty directory is what is seen at a path: the mount table has the one on top last.
    func isCoveredByDirectory(_ path: String) -> Bool {
        facts.all("mount").compactMap { ProbeMount($0) }.last { $0.point == path }?.type == "tmpfs"
    }

    // MARK: - Network

    /// On a network of the engine's there are addresses and routes: which, is the engine's to say.
    var hasNetworkOfEngine: Bool { container?.network != nil }
}
