/// What a sandbox that is made without root may lack of what its policy promises. A caller accepts each by its name, in writing
/// (`RunRequest.acceptWeaker`), or the run is refused. The list is closed: whatever else a policy promises holds without root too,
/// or fails.
public enum Weakness: String, Codable, Sendable, CaseIterable {
    /// The command has its caller's uid, gid and groups on the host. Namespaces, mounts, Landlock and the filter keep it from what
    /// that user owns; files that are shown, in the workspace and in /usr, it may read and write as he may.
    case ownUID = "own-uid"
    /// `limits.memory` and `limits.swap` are not the whole tree's. Each process has the limit for itself (`RLIMIT_DATA`), and what
    /// processes share, or keep in /tmp, /dev/shm and a workspace in memory, comes on top.
    case memory
    /// `limits.cpus` does not hold: the tree may use every core.
    case cpus
    /// `limits.cpu-time` is each process's (`RLIMIT_CPU`), not the tree's.
    case cpuTime = "cpu-time"
    /// `limits.read-rate` does not hold.
    case readRate = "read-rate"
    /// `limits.write-rate` does not hold.
    case writeRate = "write-rate"
    /// `workspace.size` and `workspace.inodes` of a directory of the host do not hold: without root nobody can ask for its quota.
    case workspaceSize = "workspace-size"

    /// As `--accept-weaker` takes it.
    public var name: String { rawValue }

    /// What holds instead, for a message.
    public var meaning: String {
        switch self {
        case .ownUID: "the command has your uid and groups on the host, not a uid of its own"
        case .memory: "each process may use limits.memory for itself, and shared memory and files in memory come on top"
        case .cpus: "the command may use every core"
        case .cpuTime: "each process may use limits.cpu-time for itself"
        case .readRate: "reads from disks are not slowed down"
        case .writeRate: "writes to disks are not slowed down"
        case .workspaceSize: "the workspace may grow as far as its disk"
        }
    }

    /// Whether a group of the user's own, delegated by a service manager, would keep it.
    package var isKeptByGroup: Bool {
        switch self {
        case .memory, .cpus, .cpuTime, .readRate, .writeRate: true
        case .ownUID, .workspaceSize: false
        }
    }

    /// "own-uid, memory, ...": for messages about other names.
    package static var names: String { allCases.map(\.name).joined(separator: ", ") }
}
