import CSandbox
import Glibc
import LaunchPlan

/// cgroup v2. Kernel documentation `admin-guide/cgroup-v2.rst`.
///
/// A group with processes in it cannot give controllers to its children ("no internal processes"), so this process and
/// its parent first move into a leaf of their own, as a unit with `Delegate=yes` is expected to. Where others live in the
/// same group, as in a login session, or where a service manager gave it too few controllers (a unit without
/// `Delegate=`), the groups are made below the root instead, which has no such rule.
final class UnifiedHierarchy: ControlGroupHierarchy {
    let name = "cgroup v2"
    private let parent: Directory
    private let home: Directory
    private let homeName: String

    /// `own` is this process's group, or `nil` when it was not given every controller.
    init(below own: Directory?, root: Directory, name: String) throws(SystemError) {
        homeName = name
        if let own, try Self.moveAside(own) { parent = own } else { parent = root }
        let controllers = "+memory +pids +cpu"
        try parent.write(controllers, to: "cgroup.subtree_control")
        home = try parent.ensureSubdirectory(name)
        try home.write(controllers, to: "cgroup.subtree_control")
        removeLeftovers()
    }

    /// Whether the group is now free of processes. Nobody else's process is ever moved.
    private static func moveAside(_ group: Directory) throws(SystemError) -> Bool {
        let ours = [getpid(), getppid()].map(String.init)
        let others = try group.read("cgroup.procs").split(separator: "\n").filter { !ours.contains(String($0)) }
        guard others.isEmpty else { return false }
        let leaf = try group.ensureSubdirectory("supervisor")
        for pid in ours { try leaf.write(pid, to: "cgroup.procs") }
        return true
    }

    func create(_ name: String, limits: LaunchLimits) throws(SystemError) -> any ControlGroup {
        try home.makeSubdirectory(name)
        let group = UnifiedGroup(name: name, home: home, directory: try home.subdirectory(name))
        do {
            try group.apply(limits)
        } catch {
            _ = group.remove()
            throw error
        }
        return group
    }

    func removeAll() {
        removeLeftovers()
        // Left when somebody else holds it; the next start finds and removes it.
        try? parent.removeSubdirectory(homeName)
    }

    private func removeLeftovers() {
        for entry in (try? home.entries()) ?? [] where home.has("\(entry)/cgroup.procs") {
            // A killed launcher's sandboxes died with it; whoever is left is ended here.
            if let group = try? home.subdirectory(entry) { try? group.write("1", to: "cgroup.kill") }
            try? home.removeSubdirectory(entry)
        }
    }
}

final class UnifiedGroup: ControlGroup {
    var birthDescriptor: Int32 { directory.number }
    /// `memory.oom.group` makes the kernel end the whole group, so nobody has to watch.
    let memoryEvents: Int32 = -1
    private let name: String
    private let home: Directory
    private let directory: Directory

    init(name: String, home: Directory, directory: Directory) {
        self.name = name
        self.home = home
        self.directory = directory
    }

    fileprivate func apply(_ limits: LaunchLimits) throws(SystemError) {
        try directory.write("\(limits.memoryBytes)", to: "memory.max")
        if directory.has("memory.swap.max") {
            try directory.write("0", to: "memory.swap.max")
        } else if try hostHasSwap() {
            // Without swap accounting the limit would not hold: the tree would go on in swap.
            throw SystemError("limit swap (boot with swapaccount=1)", "memory.swap.max", errno: ENOENT)
        }
        try directory.write("1", to: "memory.oom.group")
        try directory.write("\(limits.processes)", to: "pids.max")
        try directory.write("\(max(1000, UInt64(limits.cpuMillicores) * 100)) 100000", to: "cpu.max")
    }

    func attach(_ pid: Int32) throws(SystemError) { try directory.write("\(pid)", to: "cgroup.procs") }

    func usage() -> TreeUsage {
        var usage = TreeUsage()
        usage.userMicroseconds = field("user_usec", of: directory, "cpu.stat")
        usage.systemMicroseconds = field("system_usec", of: directory, "cpu.stat")
        usage.memoryBytes = number(directory, "memory.current")
        usage.memoryPeakBytes = number(directory, "memory.peak")
        usage.memoryKills = field("oom_kill", of: directory, "memory.events") ?? 0
        usage.processesPeak = number(directory, "pids.peak")
        usage.forksRefused = field("max", of: directory, "pids.events") ?? 0
        return usage
    }

    func killAll() {
        // Linux 5.14; the death of the pid namespace's init ends them all the same.
        try? directory.write("1", to: "cgroup.kill")
    }

    func remove() -> Bool { (try? home.removeSubdirectory(name)) != nil }
}
