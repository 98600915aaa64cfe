import CSandbox
import Glibc
import LaunchPlan

/// cgroup v1: one directory per controller. Kernel documentation `admin-guide/cgroup-v1/`.
final class SplitHierarchy: ControlGroupHierarchy {
    let name = "cgroup v1"
    /// Our directory in each controller's hierarchy, by controller. Two controllers that are mounted together have
    /// the same directory behind two names.
    private let homes: [String: Directory]
    private let parents: [String: Directory]
    private let homeName: String

    init(below parents: [String: Directory], name: String) throws(SystemError) {
        self.parents = parents
        homeName = name
        var homes: [String: Directory] = [:]
        for (controller, parent) in parents {
            let home = try parent.ensureSubdirectory(name)
            // The kernel's own clean-up of empty groups is not wanted, and a tenant must never see one to write to.
            homes[controller] = home
        }
        self.homes = homes
        removeLeftovers()
    }

    func create(_ name: String, limits: LaunchLimits) throws(SystemError) -> any ControlGroup {
        let group = SplitGroup(name: name, homes: homes)
        do {
            try group.make(limits)
        } catch {
            _ = group.remove()
            throw error
        }
        return group
    }

    func removeAll() {
        removeLeftovers()
        for parent in parents.values {
            // Left when somebody else holds it; the next start finds and removes it.
            try? parent.removeSubdirectory(homeName)
        }
    }

    /// Groups of a launcher that was killed. Its sandboxes died with it, so the groups are empty.
    private func removeLeftovers() {
        for home in homes.values {
            for entry in (try? home.entries()) ?? [] where home.has("\(entry)/cgroup.procs") {
                try? home.removeSubdirectory(entry)
            }
        }
    }
}

final class SplitGroup: ControlGroup {
    let birthDescriptor: Int32 = -1
    private(set) var memoryEvents: Int32 = -1
    private let name: String
    private let homes: [String: Directory]
    private var directories: [String: Directory] = [:]

    init(name: String, homes: [String: Directory]) {
        self.name = name
        self.homes = homes
    }

    deinit {
        if memoryEvents >= 0 { close(memoryEvents) }
    }

    fileprivate func make(_ limits: LaunchLimits) throws(SystemError) {
        for (controller, home) in homes { directories[controller] = try home.ensureSubdirectory(name) }
        guard let memory = directories["memory"], let pids = directories["pids"], let cpu = directories["cpu"] else {
            throw SystemError("find cgroup controllers", errno: ENOENT)
        }
        try memory.write("\(limits.memoryBytes)", to: "memory.limit_in_bytes")
        if memory.has("memory.memsw.limit_in_bytes") {
            try memory.write("\(limits.memoryBytes)", to: "memory.memsw.limit_in_bytes")
        } else if try hostHasSwap() {
            // Without swap accounting the limit would not hold: the tree would go on in swap.
            throw SystemError("limit swap (boot with swapaccount=1)", "memory.memsw.limit_in_bytes", errno: ENOENT)
        }
        try pids.write("\(limits.processes)", to: "pids.max")
        try cpu.write("100000", to: "cpu.cfs_period_us")
        // The kernel takes no quota below 1 ms.
        try cpu.write("\(max(1000, UInt64(limits.cpuMillicores) * 100))", to: "cpu.cfs_quota_us")
        try watchMemory(memory)
    }

    /// An eventfd that the kernel writes to when it kills for memory in this group.
    private func watchMemory(_ memory: Directory) throws(SystemError) {
        memoryEvents = try system("create an eventfd") { sandbox_eventfd() }
        let control = OwnedDescriptor(
            owning: try system("open", "memory.oom_control") {
                openat(memory.number, "memory.oom_control", O_RDONLY | O_CLOEXEC)
            })
        try memory.write("\(memoryEvents) \(control.number)", to: "cgroup.event_control")
    }

    func attach(_ pid: Int32) throws(SystemError) {
        for directory in directories.values { try directory.write("\(pid)", to: "cgroup.procs") }
    }

    func usage() -> TreeUsage {
        var usage = TreeUsage()
        if let accounting = directories["cpuacct"] {
            usage.userMicroseconds = number(accounting, "cpuacct.usage_user").map { $0 / 1000 }
            usage.systemMicroseconds = number(accounting, "cpuacct.usage_sys").map { $0 / 1000 }
        }
        if let memory = directories["memory"] {
            usage.memoryBytes = number(memory, "memory.usage_in_bytes")
            usage.memoryPeakBytes = number(memory, "memory.max_usage_in_bytes")
            usage.memoryKills = field("oom_kill", of: memory, "memory.oom_control") ?? 0
        }
        if let pids = directories["pids"] {
            usage.processesPeak = number(pids, "pids.peak")
            usage.forksRefused = field("max", of: pids, "pids.events") ?? 0
        }
        return usage
    }

    func killAll() {}

    func remove() -> Bool {
        var removed = true
        for (controller, home) in homes where directories[controller] != nil {
            do {
                try home.removeSubdirectory(name)
            } catch {
                // ENOENT: a second controller in the same directory.
                if error.errno != ENOENT { removed = false }
            }
        }
        return removed
    }
}

/// Whether a limit on memory alone would not hold.
func hostHasSwap() throws(SystemError) -> Bool {
    try wholeFile("/proc/swaps").split(separator: "\n").count > 1
}

/// A file with one number, `nil` when the kernel has no such file.
func number(_ directory: Directory, _ name: String) -> UInt64? {
    (try? directory.read(name)).flatMap { UInt64($0.prefix { $0 != "\n" }) }
}

/// The value behind a key in a file of "key value" lines.
func field(_ key: String, of directory: Directory, _ name: String) -> UInt64? {
    guard let text = try? directory.read(name) else { return nil }
    for line in text.split(separator: "\n") {
        let words = line.split(separator: " ")
        if words.count == 2, words[0] == key { return UInt64(words[1]) }
    }
    return nil
}
