import Glibc
import LaunchPlan

/// cgroup v2. Kernel documentation `admin-guide/cgroup-v2.rst`.
///
/// A group with processes in it cannot give controllers to its children ("no internal processes"), so this process and
/// its parent first move into a leaf of their own, as a unit with `Delegate=yes` is expected to. Where others live in the
/// same group, as in a login session, or where a service manager gave it too few controllers (a unit without
/// `Delegate=`), the groups are made below the root instead, which has no such rule.
final class UnifiedHierarchy: ControlGroupHierarchy {
    let resources: ResourceControl
    /// Where this process and its parent go.
    static let leafName = "supervisor"
    private let parent: Directory
    private let home: Directory
    private let homeName: String

    /// `own` is this process's group, or `nil` when it was not given every controller. Returns `nil` when another launcher
    /// has the name.
    static func claim(_ name: String, below own: Directory?, root: Directory) throws(SystemError) -> UnifiedHierarchy? {
        var parent = root
        if let own, try moveAside(own) { parent = own }
        var controllers = "+memory +pids +cpu"
        // For rates and for counting what goes to disks; a service manager need not hand it on.
        if try parent.read("cgroup.controllers").split(whereSeparator: \.isWhitespace).contains("io") {
            controllers += " +io"
        }
        return try claim(name, in: parent, controllers, features: .ofRoot)
    }

    /// Without root: below `own`, which was delegated to this user, or nowhere. Of the controllers those that came with it.
    /// Returns `nil` when others are in that group, who cannot be moved out of it.
    static func claimDelegated(_ name: String, below own: Directory) throws(SystemError) -> UnifiedHierarchy? {
        guard try moveAside(own) else { return nil }
        let present = try own.read("cgroup.controllers").split(whereSeparator: \.isWhitespace)
        let controllers = ["memory", "pids", "cpu", "io"].filter { present.contains(Substring($0)) }.map { "+\($0)" }
        return try claim(
            name, in: own, controllers.joined(separator: " "), features: [.memoryLimit, .cpuUsage])
    }

    private static func claim(
        _ name: String, in parent: Directory, _ controllers: String, features: ResourceControl.Features
    ) throws(SystemError) -> UnifiedHierarchy? {
        try parent.write(controllers, to: "cgroup.subtree_control")
        guard let home = try parent.claimSubdirectory(name) else { return nil }
        try home.write(controllers, to: "cgroup.subtree_control")
        return UnifiedHierarchy(parent: parent, home: home, name: name, features: features)
    }

    private init(parent: Directory, home: Directory, name: String, features: ResourceControl.Features) {
        self.parent = parent
        self.home = home
        homeName = name
        resources = ResourceControl(version: 2, features: features.union(Self.features(home)))
        removeLeftovers()
    }

    /// What groups can do here: what their parent, a group itself, has files for.
    private static func features(_ home: Directory) -> ResourceControl.Features {
        let files: [(String, ResourceControl.Features)] = [
            ("memory.swap.max", .swap), ("io.max", [.readRate, .writeRate]), ("io.stat", .inputOutputUsage),
            ("memory.peak", .memoryPeak), ("pids.peak", .processesPeak), ("cgroup.kill", .kill),
            ("memory.oom.group", .memoryGroupKill), ("cpu.max", .cpuLimit),
        ]
        var features: ResourceControl.Features = .birth
        for (file, feature) in files where home.has(file) { features.formUnion(feature) }
        // There and without an answer where pressure is not measured (psi=0).
        if home.number(behind: "total=", in: "cpu.pressure") != nil { features.insert(.pressure) }
        return features
    }

    /// Whether the group is now free of processes. Nobody else's process is ever moved.
    private static func moveAside(_ group: Directory) throws(SystemError) -> Bool {
        let ours = [getpid(), getppid()].map(String.init)
        let others = try group.read("cgroup.procs").split(separator: "\n").filter { !ours.contains(String($0)) }
        guard others.isEmpty else { return false }
        let leaf = try group.ensureSubdirectory(leafName)
        for pid in ours { try leaf.write(pid, to: "cgroup.procs") }
        return true
    }

    func create(_ name: String, limits: LaunchLimits, rates: [DiskRate]) throws(SystemError) -> any ControlGroup {
        let made = try Directory.makeFresh(name, in: [home])
        let group: UnifiedGroup
        do {
            group = UnifiedGroup(
                name: made, home: home, directory: try home.subdirectory(made), features: resources.features)
            try group.apply(limits, rates)
        } catch {
            try? home.removeSubdirectory(made)
            throw error
        }
        return group
    }

    func adopt(_ name: String, limits: LaunchLimits, memoryEvents: Int32) throws(SystemError) -> any ControlGroup {
        let group = UnifiedGroup(
            name: name, home: home, directory: try home.subdirectory(name), features: resources.features)
        group.take(limits)
        return group
    }

    func foreign(of pid: Int32, named name: String, limits: LaunchLimits) throws(SystemError) -> any ControlGroup {
        guard let path = try ForeignGroup.paths(of: pid)[""], let mount = try ForeignGroup.mounts()[""] else {
            throw SystemError("find the group of", "\(pid)", errno: ENOENT)
        }
        let place = try ForeignGroup(path, below: mount, named: name)
        // Its peaks have seen the engine's own start in it. Of memory that is a few MiB, and without the kernel's word nothing would be
        // known of a run that ends before it was looked at.
        let features = resources.features.subtracting(.processesPeak)
        let group = UnifiedGroup(
            name: place.name, home: place.parent, directory: try place.parent.subdirectory(place.name),
            features: features, isForeign: true)
        try group.apply(limits, [])
        group.startCounting(from: group.processorTime())
        return group
    }

    func remove(_ name: String) -> Bool {
        do {
            try home.removeSubdirectory(name)
            return true
        } catch {
            return error.errno == ENOENT
        }
    }

    var names: [String] { (try? home.subdirectories()) ?? [] }

    @discardableResult
    func removeAll() -> Bool {
        removeLeftovers()
        // Left when somebody is in it; the next start finds and removes it.
        return (try? parent.removeSubdirectory(homeName)) != nil
    }

    var paths: [String] { [home.path] }

    private func removeLeftovers() {
        for entry in (try? home.subdirectories()) ?? [] {
            // A killed launcher's sandboxes died with it; whoever is left is ended here.
            if let group = try? home.subdirectory(entry) { try? group.write("1", to: "cgroup.kill") }
            try? home.removeSubdirectory(entry)
        }
    }
}

final class UnifiedGroup: ControlGroup {
    var birthDescriptor: Int32 { directory.directory.number }
    /// `memory.oom.group` makes the kernel end the whole group, so nobody has to watch. Not of one that is somebody else's: whose it is
    /// removes it as soon as nobody is in it, and with it all that it has counted.
    private(set) var memoryEvents: Int32 = -1
    /// What was used by a foreign one when it was killed.
    private var last: TreeUsage?
    let name: String
    private let home: Directory
    private let directory: KernelFileCache
    private let features: ResourceControl.Features
    private let isForeign: Bool
    /// Those in force.
    private var limits: LaunchLimits?
    private var counted = ProcessorTime()
    private var peaks = SampledPeaks()

    init(
        name: String, home: Directory, directory: Directory, features: ResourceControl.Features, isForeign: Bool = false
    ) {
        self.isForeign = isForeign
        self.name = name
        self.home = home
        self.directory = KernelFileCache(directory)
        self.features = features
    }

    deinit {
        if memoryEvents >= 0 { close(memoryEvents) }
    }

    fileprivate func take(_ limits: LaunchLimits) { self.limits = limits }

    var memoryEventsChange: Bool { isForeign }

    func takeMemoryEvent() -> Bool {
        var byte: UInt8 = 0
        return pread(memoryEvents, &byte, 1, 0) >= 0
    }

    /// pid 1 outlives a kill for memory, so that the group does.
    private func watchMemory() throws(SystemError) {
        let place = directory.directory
        memoryEvents = try system("open", "\(place.path)/memory.events") {
            openat(place.number, "memory.events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        }
        // What was before is nothing new.
        _ = takeMemoryEvent()
    }

    fileprivate func apply(_ limits: LaunchLimits, _ rates: [DiskRate]) throws(SystemError) {
        if !features.contains(.swap), try hostHasSwap() {
            // Without swap accounting the limit would not hold: the tree would go on in swap.
            throw SystemError("limit swap (boot with swapaccount=1)", "memory.swap.max", errno: ENOENT)
        }
        try narrow(to: limits)
        try directory.write(isForeign ? "0" : "1", to: "memory.oom.group")
        if isForeign { try watchMemory() }
        for rate in rates {
            var line = "\(rate.disk)"
            if let bytes = rate.readBytes { line += " rbps=\(bytes)" }
            if let bytes = rate.writeBytes { line += " wbps=\(bytes)" }
            try directory.write(line, to: "io.max")
        }
    }

    func entrances() -> GroupEntrances { GroupEntrances() }

    func attach(_ pid: Int32) throws(SystemError) { try directory.write("\(pid)", to: "cgroup.procs") }

    func narrow(to limits: LaunchLimits) throws(SystemError) {
        let old = self.limits
        self.limits = limits
        if limits.memoryBytes != old?.memoryBytes { try directory.write("\(limits.memoryBytes)", to: "memory.max") }
        if features.contains(.swap), limits.swapBytes != old?.swapBytes {
            try directory.write("\(limits.swapBytes)", to: "memory.swap.max")
        }
        if limits.processes != old?.processes { try directory.write("\(limits.groupProcesses)", to: "pids.max") }
        if features.contains(.cpuLimit), limits.cpuMillicores != old?.cpuMillicores {
            try directory.write(quota, to: "cpu.max")
        }
    }

    /// As `cpu.max` takes it.
    private var quota: String { limits.map { "\($0.cpuQuota.quota) \($0.cpuQuota.period)" } ?? "max" }

    func processorTime() -> ProcessorTime {
        directory.numbers(in: "cpu.stat") {
            ProcessorTime(user: $0.value(of: "user_usec"), system: $0.value(of: "system_usec"))
        } ?? ProcessorTime()
    }

    func startCounting(from used: ProcessorTime) { counted = used }

    func usage(ended: Bool) -> TreeUsage {
        var usage = TreeUsage()
        let isThere: Void? = directory.numbers(in: "cpu.stat") {
            let time = ProcessorTime(user: $0.value(of: "user_usec"), system: $0.value(of: "system_usec"))
            usage.userMicroseconds = time.since(counted).user
            usage.systemMicroseconds = time.since(counted).system
            usage.throttledMicroseconds = $0.value(of: "throttled_usec")
        }
        if isThere == nil, let last { return last }
        if !ended { addPresent(to: &usage) }
        if features.contains(.memoryPeak) { usage.memoryPeakBytes = directory.number(in: "memory.peak") }
        if features.contains(.processesPeak) {
            usage.processesPeak = TreeUsage.withoutInit(directory.number(in: "pids.peak"))
        }
        peaks.complete(&usage)
        if features.contains(.inputOutputUsage) {
            directory.numbers(in: "io.stat", maximum: 16 << 10) {
                usage.readBytes = $0.sum(behind: " rbytes=")
                usage.writeBytes = $0.sum(behind: " wbytes=")
            }
        }
        if features.contains(.pressure) {
            // The first line is "some avg10=0.00 avg60=0.00 avg300=0.00 total=12".
            usage.cpuStallMicroseconds = directory.number(behind: "total=", in: "cpu.pressure")
            usage.memoryStallMicroseconds = directory.number(behind: "total=", in: "memory.pressure")
            usage.ioStallMicroseconds = directory.number(behind: "total=", in: "io.pressure")
        }
        usage.memoryKills = memoryKills()
        usage.forksRefused = directory.number(of: "max", in: "pids.events") ?? 0
        return usage
    }

    private func addPresent(to usage: inout TreeUsage) {
        usage.memoryBytes = directory.number(in: "memory.current")
        if features.contains(.swap) { usage.swapBytes = directory.number(in: "memory.swap.current") }
        let processes = directory.number(in: "pids.current")
        usage.processes = TreeUsage.withoutInit(processes)
        peaks.see(memory: usage.memoryBytes, processes: usage.processes)
    }

    func memoryKills() -> UInt64 { directory.number(of: "oom_kill", in: "memory.events") ?? 0 }

    func sample() {
        var usage = TreeUsage()
        addPresent(to: &usage)
    }

    func isAnyRunning(but thread: Int32, sleepingOnly: Bool, proc: Directory) -> Bool {
        TaskList.isAnyRunning(
            in: "cgroup.threads", of: directory.directory, but: thread, sleepingOnly: sleepingOnly, proc: proc)
    }

    func killAll() -> Bool {
        if isForeign { last = usage(ended: true) }
        // Linux 5.14; the death of the pid namespace's init ends them all the same.
        let isKilled = features.contains(.kill) && (try? directory.write("1", to: "cgroup.kill")) != nil
        liftQuota()
        return isKilled
    }

    func liftQuota() { try? directory.write("max", to: "cpu.max") }

    func renewQuota() { try? directory.write(quota, to: "cpu.max") }

    /// One directory is made in 30 us, and its peaks cannot be reset before Linux 6.12.
    var mayServeAgain: Bool { false }

    func reset() -> Bool { false }

    func begin(_ limits: LaunchLimits) throws(SystemError) {
        throw SystemError("use a group again", name, errno: ENOTSUP)
    }

    func remove() -> Bool { isForeign || (try? home.removeSubdirectory(name)) != nil }
}
