/// Which cgroup hierarchy sandboxd would use: v2 where it has what every sandbox needs, else v1.
struct Hierarchy: Sendable {
    static let required = ["memory", "pids", "cpu"]

    var version = 1
    /// Those that it has and sandboxes can use.
    var controllers: [String] = []
    /// Those that it lacks of `required`.
    var missing: [String] = []
    /// cgroup v2 is mounted beside the v1 that is used.
    var isHybrid = false
    /// Where the hierarchy is mounted, by controller; "" for v2.
    private(set) var roots: [String: String] = [:]
    /// Where this process's group is, by controller; "" for v2.
    private var directories: [String: String] = [:]

    init(_ host: HostFacts) {
        let groups = host.groups
        if let unified = host.mounts.first(where: { $0.type == "cgroup2" }), let group = groups[""] {
            let present = host.words("\(unified.path)/cgroup.controllers")
            if Self.required.allSatisfy(present.contains) {
                version = 2
                controllers = (Self.required + ["io"]).filter(present.contains)
                add("", unified.path, group)
                return
            }
            isHybrid = true
        }
        for controller in Self.required + ["cpuacct", "freezer", "blkio"] {
            let mount = host.mounts.first { $0.type == "cgroup" && $0.options.contains(controller) }
            if let mount, let group = groups[controller] {
                controllers.append(controller)
                add(controller, mount.path, group)
            } else if Self.required.contains(controller) {
                missing.append(controller)
            }
        }
    }

    private mutating func add(_ controller: String, _ root: String, _ group: String) {
        roots[controller] = root
        directories[controller] = root + (group == "/" ? "" : group)
    }

    /// Whether swap can be limited. The root group of v2 has no limits to look at, and then all others have them: since
    /// Linux 6.1 swap is counted wherever memory is.
    func limitsSwap(_ host: HostFacts) -> Bool {
        if version == 1 { return has("memory.memsw.limit_in_bytes", of: "memory", host) }
        return has("memory.swap.max", of: "", host) || !has("cgroup.type", of: "", host)
    }

    /// Whether this process's group has a file.
    func has(_ file: String, of controller: String, _ host: HostFacts) -> Bool {
        directories[controller].map { host.read("\($0)/\(file)") != nil } ?? false
    }

    /// Where this process's group is.
    func directory(of controller: String) -> String? { directories[version == 2 ? "" : controller] }

    /// A group and those above it, up to the root.
    static func ancestry(of directory: String, root: String) -> [String] {
        var paths = [directory]
        while let last = paths.last, last.utf8.count > root.utf8.count, last.hasPrefix(root),
            let slash = last.lastIndex(of: "/")
        {
            paths.append(String(last[..<slash]))
        }
        return paths
    }
}
