import SandboxModel

/// What `doctor` looks for where no service can be asked: one function a finding. A further one is a line in `findings` and
/// a function below; a name in `needed` is what no sandbox can do without.
enum HostChecks {
    static func findings(of host: HostFacts) -> [HostReport.Finding] {
        let hierarchy = Hierarchy(host)
        return [
            root(host), kernel(host), machine(host), landlock(host), cgroup(hierarchy), swapLimit(host, hierarchy),
            readLimit(host, hierarchy), writeLimit(hierarchy), transfers(hierarchy), pressure(host, hierarchy),
            quota(host),
        ]
    }

    /// What the report of a service, which tells of resource control, leaves out. What every sandbox needs the service has:
    /// of that only what is seen from here too is told, because this program may be confined more than the service is.
    static func findings(of host: HostFacts, beside report: [HostReport.Finding]) -> [HostReport.Finding] {
        let told = Set(report.map(\.name))
        return findings(of: host).compactMap { finding in
            if told.contains(finding.name) { return nil }
            guard finding.name == "root" else {
                return finding.isFound || !needed.contains(finding.name) ? finding : nil
            }
            let ability = host.uid == 0 ? "this user could start one too" : "user \(host.uid) could not start one"
            return .init(name: "root", isFound: true, detail: "a service runs; \(ability)")
        }
    }

    /// Of a service's report these are there, or it would not run.
    static let needed: Set = ["root", "kernel", "machine", "landlock", "cgroup"]

    static func isSufficient(_ findings: [HostReport.Finding]) -> Bool {
        findings.allSatisfy { $0.isFound || !needed.contains($0.name) }
    }

    /// "less" is for what sandboxes do without, and nothing need be done about.
    static func mark(_ finding: HostReport.Finding) -> String {
        if finding.isFound { return "yes" }
        return finding.remedy == nil && !needed.contains(finding.name) ? "less" : "NO"
    }

    // MARK: - What every sandbox needs

    private static func root(_ host: HostFacts) -> HostReport.Finding {
        if host.uid == 0 { return .init(name: "root", isFound: true, detail: "this user can start sandboxd") }
        return .init(
            name: "root", isFound: false, detail: "user \(host.uid) cannot start sandboxd, and no service runs",
            remedy: "start sandboxd as root, or use sudo for a private one")
    }

    private static func kernel(_ host: HostFacts) -> HostReport.Finding {
        let isNewEnough = host.kernel.map { $0 >= (6, 1) } ?? false
        return .init(
            name: "kernel", isFound: isNewEnough, detail: "Linux \(host.release)",
            remedy: isNewEnough ? nil : "sandboxes need Linux 6.1 or newer")
    }

    private static func machine(_ host: HostFacts) -> HostReport.Finding {
        let isKnown = ["x86_64", "aarch64"].contains(host.machine)
        return .init(
            name: "machine", isFound: isKnown, detail: host.machine,
            remedy: isKnown ? nil : "there are lists of system calls for x86_64 and aarch64 only")
    }

    private static func landlock(_ host: HostFacts) -> HostReport.Finding {
        if let version = host.landlock { return .init(name: "landlock", isFound: true, detail: "version \(version)") }
        return .init(
            name: "landlock", isFound: false, detail: "the kernel does not offer it",
            remedy: "boot with lsm=landlock,... in front of the list that the kernel has now")
    }

    private static func cgroup(_ hierarchy: Hierarchy) -> HostReport.Finding {
        if hierarchy.missing.isEmpty {
            let also = hierarchy.isHybrid ? "; v2 is mounted too, without them" : ""
            return .init(
                name: "cgroup", isFound: true,
                detail: "v\(hierarchy.version) is used, with \(hierarchy.controllers.joined(separator: ", "))\(also)")
        }
        return .init(
            name: "cgroup", isFound: false,
            detail: "no cgroup v2, and of v1 not \(hierarchy.missing.joined(separator: ", "))",
            remedy: "boot with systemd.unified_cgroup_hierarchy=1, or mount cgroup2 at /sys/fs/cgroup")
    }

    // MARK: - What some limits and figures need

    private static func swapLimit(_ host: HostFacts, _ hierarchy: Hierarchy) -> HostReport.Finding {
        // The first line names the columns. A kernel without swap has not even the file.
        let hasSwap = (host.swaps ?? "").split(separator: "\n").count > 1
        if hierarchy.limitsSwap(host) {
            return .init(
                name: "swap-limit", isFound: true, detail: hasSwap ? "the host swaps" : "the host has no swap now")
        }
        return .init(
            name: "swap-limit", isFound: false,
            detail: hasSwap ? "the host swaps, and no sandbox can be kept from it" : "the host has no swap now",
            remedy: hasSwap ? "boot with swapaccount=1, or use no swap" : nil)
    }

    private static func readLimit(_ host: HostFacts, _ hierarchy: Hierarchy) -> HostReport.Finding {
        let isFound =
            hierarchy.version == 2
            ? hierarchy.controllers.contains("io")
            : hierarchy.has("blkio.throttle.read_bps_device", of: "blkio", host)
        return .init(
            name: "read-rate", isFound: isFound,
            detail: isFound ? "limits.read-rate can be enforced" : "a policy with limits.read-rate is not served",
            remedy: isFound ? nil : "give the group of sandboxd the io controller (v2), or mount blkio (v1)")
    }

    private static func writeLimit(_ hierarchy: Hierarchy) -> HostReport.Finding {
        let isFound = hierarchy.version == 2 && hierarchy.controllers.contains("io")
        return .init(
            name: "write-rate", isFound: isFound,
            detail: isFound ? "limits.write-rate can be enforced" : "a policy with limits.write-rate is not served",
            remedy: isFound ? nil : "it needs cgroup v2 with the io controller: v1 charges buffered writes to nobody")
    }

    private static func transfers(_ hierarchy: Hierarchy) -> HostReport.Finding {
        let isFound = hierarchy.controllers.contains(hierarchy.version == 2 ? "io" : "blkio")
        let counted =
            hierarchy.version == 2
            ? "bytes from and to disks are counted while a run lives"
            : "bytes from and to disks are counted while a run lives that has a read-rate, of others when they have ended"
        return .init(
            name: "io-usage", isFound: isFound,
            detail: isFound ? counted : "bytes from and to disks are known only when a run has ended")
    }

    /// Whether a workspace's size can be promised for a directory of the host. `fs.quota` is there with CONFIG_QUOTA, which
    /// ext4 and f2fs need and XFS does not.
    private static func quota(_ host: HostFacts) -> HostReport.Finding {
        let isFound = host.read("/proc/sys/fs/quota/lookups") != nil
        let files = isFound ? "ext4 or XFS" : "XFS (this kernel lacks CONFIG_QUOTA for others)"
        return .init(
            name: "workspace-quota", isFound: isFound,
            detail: "a directory for a policy with workspace.size or inodes needs a project quota on \(files)")
    }

    private static func pressure(_ host: HostFacts, _ hierarchy: Hierarchy) -> HostReport.Finding {
        let isFound = hierarchy.version == 2 && host.read("/proc/pressure/cpu") != nil
        return .init(
            name: "pressure", isFound: isFound,
            detail: isFound
                ? "stalls are counted for each run" : "stalls are not counted: that needs cgroup v2 and psi=1")
    }
}

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
    /// Where this process's group is, by controller; "" for v2.
    private var directories: [String: String] = [:]

    init(_ host: HostFacts) {
        let groups = host.groups
        if let unified = host.mounts.first(where: { $0.type == "cgroup2" }), let group = groups[""] {
            let present = (host.read("\(unified.path)/cgroup.controllers") ?? "").split(whereSeparator: \.isWhitespace)
            if Self.required.allSatisfy({ present.contains(Substring($0)) }) {
                version = 2
                controllers = (Self.required + ["io"]).filter { present.contains(Substring($0)) }
                directories[""] = unified.path + (group == "/" ? "" : group)
                return
            }
            isHybrid = true
        }
        for controller in Self.required + ["cpuacct", "freezer", "blkio"] {
            let mount = host.mounts.first { $0.type == "cgroup" && $0.options.contains(controller) }
            if let mount, let group = groups[controller] {
                controllers.append(controller)
                directories[controller] = mount.path + (group == "/" ? "" : group)
            } else if Self.required.contains(controller) {
                missing.append(controller)
            }
        }
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
}
