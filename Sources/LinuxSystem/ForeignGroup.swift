import Glibc

/// Where somebody else has put a process: one directory of one mounted hierarchy, `cgroups(7)`.
struct ForeignGroup {
    let parent: Directory
    let name: String

    /// - Parameters:
    ///   - path: as `/proc/PID/cgroup` has it.
    ///   - wanted: what the directory's name must be, or have between a prefix and `.scope`, as service managers call it.
    init(_ path: String, below mount: String, named wanted: String) throws(SystemError) {
        let parts = path.split(separator: "/")
        guard let last = parts.last, !parts.contains(".."), last == wanted || last.hasSuffix("-\(wanted).scope") else {
            throw SystemError("find \(wanted) in group", path, errno: ENOENT)
        }
        name = String(last)
        parent = try Directory(mount + parts.dropLast().map { "/\($0)" }.joined())
    }

    /// The groups of a process by controller, "" for the unified hierarchy.
    static func paths(of pid: Int32) throws(SystemError) -> [String: String] {
        try ControlGroupDetection.groups(in: try wholeFile("/proc/\(pid)/cgroup"))
    }

    /// Where each controller is mounted, "" for the unified hierarchy.
    static func mounts() throws(SystemError) -> [String: String] {
        var mounts: [String: String] = [:]
        for entry in try MountTable.read() {
            if entry.type == "cgroup2" { mounts[""] = mounts[""] ?? entry.path }
            guard entry.type == "cgroup" else { continue }
            for option in entry.options { mounts[option] = mounts[option] ?? entry.path }
        }
        return mounts
    }
}
