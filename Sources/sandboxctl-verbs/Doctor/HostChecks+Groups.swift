import Glibc

/// What control groups can limit and count, and whether sandboxd may use them.
extension HostChecks {
    static func groups(_ host: HostFacts) -> [Finding] {
        let hierarchy = Hierarchy(host)
        return [
            cgroup(host, hierarchy), writable(host, hierarchy), delegation(host, hierarchy), swapLimit(host, hierarchy),
            readLimit(host, hierarchy), writeLimit(hierarchy), transfers(hierarchy), pressure(host, hierarchy),
            groupKill(host, hierarchy), treeProcesses(host, hierarchy), treeMemory(host, hierarchy),
        ]
    }

    private static func cgroup(_ host: HostFacts, _ hierarchy: Hierarchy) -> Finding {
        let also = hierarchy.isHybrid ? "; v2 is mounted too, without them" : ""
        return Finding(
            .groups, "cgroup", found: hierarchy.missing.isEmpty, .needed,
            hierarchy.missing.isEmpty
                ? "v\(hierarchy.version) is used, with \(hierarchy.controllers.joined(separator: ", "))\(also)"
                : "no cgroup v2, and of v1 not \(hierarchy.missing.joined(separator: ", "))",
            means: GroupMeaning.of("cgroup"),
            remedy: host.exists("/run/systemd/system")
                ? Remedy.boot("systemd.unified_cgroup_hierarchy=1", host)
                : "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
    }

    private static func writable(_ host: HostFacts, _ hierarchy: Hierarchy) -> Finding {
        let mounts = Set(hierarchy.roots.values).sorted()
        let readOnly = mounts.filter { host.writeError($0) == EROFS }
        return Finding(
            .groups, "cgroup-writable", found: readOnly.isEmpty, .needed,
            readOnly.isEmpty ? mounts.joined(separator: ", ") : "read-only: \(readOnly.joined(separator: ", "))",
            means: "a group is made for every sandbox; in a container the tree is often mounted read-only",
            remedy:
                "mount -o remount,rw \(readOnly.compactMap(plainPath).first ?? "/sys/fs/cgroup"), or start the container "
                + "with a writable tree of its own (docker: --privileged --cgroupns=private)")
    }

    /// Of a unit, what systemd gives its group; without one, what the group of this process has.
    private static func delegation(_ host: HostFacts, _ hierarchy: Hierarchy) -> Finding {
        let units = Units(host.units)
        let wanted = hierarchy.version == 2 ? Hierarchy.required + ["io"] : Hierarchy.required
        let detail: String
        var missing: [String] = []
        if units.isServiceInstalled {
            let given = (units.service("DelegateControllers") ?? "").split(separator: " ").map(String.init)
            let isDelegated = units.service("Delegate") == "yes"
            missing = isDelegated ? wanted.filter { !given.contains($0) } : wanted
            detail = isDelegated ? "Delegate=\(given.joined(separator: " "))" : "the service's unit has no Delegate="
        } else if hierarchy.version == 2 {
            let given = hierarchy.directory(of: "").map { host.words("\($0)/cgroup.controllers") } ?? []
            missing = wanted.filter { !given.contains($0) }
            detail =
                missing.isEmpty
                ? "the group of this process has \(given.joined(separator: ", "))"
                : "no unit, and the group of this process lacks \(missing.joined(separator: ", ")): sandboxd started here makes "
                    + "its groups below the root"
            // Root can do that.
            if host.caller.uid == 0 { missing = [] }
        } else {
            missing = wanted.filter { hierarchy.directory(of: $0).map { host.writeError($0) == EACCES } ?? false }
            detail = "v1: a directory of the service's own below each controller's"
            if host.caller.uid != 0 { missing = [] }
        }
        return Finding(
            .groups, "delegation", found: missing.isEmpty, .useful,
            missing.isEmpty || !units.isServiceInstalled
                ? detail : "\(detail), without \(missing.joined(separator: ", "))",
            means: "systemd leaves a delegated tree alone; groups that it was not told of it may move or remove",
            remedy: units.isServiceInstalled
                ? Remedy.unit("delegate", "Delegate=cpu memory pids io")
                : "run sandboxd as the service: make install, and systemctl enable --now sandboxd.socket")
    }

    private static func swapLimit(_ host: HostFacts, _ hierarchy: Hierarchy) -> Finding {
        // The first line names the columns. A kernel without swap has not even the file.
        let hasSwap = (host.read("/proc/swaps") ?? "").split(separator: "\n").count > 1
        let isLimited = hierarchy.limitsSwap(host)
        return Finding(
            .groups, "swap-limit", found: isLimited, .useful,
            !hasSwap
                ? "the host has no swap now"
                : isLimited ? "the host swaps" : "the host swaps, and no sandbox can be kept from it",
            means: GroupMeaning.of("swap-limit"), remedy: hasSwap ? Remedy.boot("swapaccount=1", host) : nil)
    }

    private static func readLimit(_ host: HostFacts, _ hierarchy: Hierarchy) -> Finding {
        let isFound =
            hierarchy.version == 2
            ? hierarchy.controllers.contains("io")
            : hierarchy.has("blkio.throttle.read_bps_device", of: "blkio", host)
        return Finding(
            .groups, "read-rate", found: isFound, .useful,
            isFound ? "limits.read-rate can be enforced" : "a policy with limits.read-rate is not served",
            means: GroupMeaning.of("read-rate"),
            remedy: hierarchy.version == 2
                ? "boot a kernel that is built with CONFIG_BLK_CGROUP and CONFIG_BLK_DEV_THROTTLING"
                : "mkdir -p /sys/fs/cgroup/blkio && mount -t cgroup -o blkio blkio /sys/fs/cgroup/blkio")
    }

    private static func writeLimit(_ hierarchy: Hierarchy) -> Finding {
        let isFound = hierarchy.version == 2 && hierarchy.controllers.contains("io")
        return Finding(
            .groups, "write-rate", found: isFound, .useful,
            isFound ? "limits.write-rate can be enforced" : "a policy with limits.write-rate is not served",
            means: GroupMeaning.of("write-rate"),
            remedy: "boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1), with the io controller")
    }

    private static func transfers(_ hierarchy: Hierarchy) -> Finding {
        let isFound = hierarchy.controllers.contains(hierarchy.version == 2 ? "io" : "blkio")
        let counted =
            hierarchy.version == 2
            ? "counted while a run lives"
            : "counted while a run lives that has a read-rate, of others when they have ended"
        return Finding(
            .groups, "io-usage", found: isFound, .useful, isFound ? counted : "known only when a run has ended",
            means: GroupMeaning.of("io-usage"))
    }

    private static func pressure(_ host: HostFacts, _ hierarchy: Hierarchy) -> Finding {
        let isFound = hierarchy.version == 2 && host.read("/proc/pressure/cpu") != nil
        return Finding(
            .groups, "pressure", found: isFound, .useful,
            isFound ? "stalls are counted for each run" : "stalls are not counted: that needs cgroup v2 and psi=1",
            means: GroupMeaning.of("pressure"))
    }

    private static func groupKill(_ host: HostFacts, _ hierarchy: Hierarchy) -> Finding {
        let isFound = hierarchy.version == 2 && host.isAtLeast(5, 14)
        return Finding(
            .groups, "group-kill", found: isFound, .useful, isFound ? "cgroup.kill" : "v1 has no cgroup.kill",
            means: GroupMeaning.of("group-kill"))
    }

    // MARK: - What holds for all sandboxes together

    /// The lowest limit of the service's group, or of this process's, and of those above.
    private static func lowest(
        _ file: String, _ controller: String, _ host: HostFacts, _ hierarchy: Hierarchy
    ) -> (value: UInt64, path: String)? {
        guard let root = hierarchy.roots[hierarchy.version == 2 ? "" : controller] else { return nil }
        let own = hierarchy.directory(of: controller) ?? root
        let service = Units(host.units).service("ControlGroup").flatMap { $0.isEmpty ? nil : root + $0 }
        return Hierarchy.ancestry(of: service ?? own, root: root)
            .compactMap { path in host.number("\(path)/\(file)").map { ($0, path) } }
            .min { $0.0 < $1.0 }
    }

    private static func treeProcesses(_ host: HostFacts, _ hierarchy: Hierarchy) -> Finding {
        let limit = lowest("pids.max", "pids", host, hierarchy)
        return Finding(
            .groups, "tree-processes", found: limit?.value ?? .max >= 16_384, .useful,
            limit.map { "pids.max of \($0.path) is \($0.value)" } ?? "not limited",
            means: "this many processes and threads are there for the service and all sandboxes together",
            remedy: Units(host.units).isServiceInstalled
                ? Remedy.unit("tasks", "TasksMax=infinity")
                : "echo max >\(limit.flatMap { plainPath($0.path) } ?? "")/pids.max")
    }

    private static func treeMemory(_ host: HostFacts, _ hierarchy: Hierarchy) -> Finding {
        let file = hierarchy.version == 2 ? "memory.max" : "memory.limit_in_bytes"
        let limit = lowest(file, "memory", host, hierarchy).flatMap { $0.value < 1 << 60 ? $0 : nil }
        return Finding(
            .groups, "tree-memory", found: limit?.value ?? .max >= 512 << 20, .useful,
            limit.map { "\(file) of \($0.path) is \($0.value >> 20) MiB" } ?? "not limited",
            means:
                "so much memory is there for the service and all sandboxes together; one sandbox of 'default' may take 512 MiB",
            remedy: "systemctl set-property sandbox.slice MemoryMax=infinity, or more memory for what sandboxd runs in")
    }
}

/// What the findings of services and of `doctor` itself are about: they have the same names.
enum GroupMeaning {
    private static let meanings = [
        "cgroup":
            "memory, processes and CPU time are limited and counted by control groups; v2 can do more, and is cheaper for each run",
        "memory-limit": "limits.memory holds for a whole run", "cpu-limit": "limits.cpus holds for a whole run",
        "process-limit": "limits.processes holds for a whole run",
        "swap-limit": "without it a run that meets its memory limit may go on in the host's swap",
        "read-rate": "reads from disks can be slowed down (limits.read-rate)",
        "write-rate": "writes to disks can be slowed down (limits.write-rate): v1 charges buffered writes to nobody",
        "io-usage": "bytes from and to disks are counted",
        "memory-peak": "the highest memory use of a run, also of a short peak",
        "processes-peak": "how many processes a run had at once",
        "pressure": "how long a run waits for CPU, memory and I/O",
        "group-kill": "all processes of a run are killed by one write; else by the end of its pid 1",
        "memory-group-kill": "a kill for memory takes all processes of a run at once",
        "birth-in-group": "a run's first process is born in its group",
    ]

    /// A newer service may tell of more.
    static func of(_ name: String) -> String { meanings[name] ?? "" }
}
