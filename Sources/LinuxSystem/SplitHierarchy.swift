import CSandbox
import Glibc
import LaunchPlan

/// cgroup v1: one directory per mounted hierarchy, each with one controller or several. Kernel documentation
/// `admin-guide/cgroup-v1/`.
final class SplitHierarchy: ControlGroupHierarchy {
    let resources: ResourceControl
    private let homes: SplitHomes
    private let homeName: String

    /// Our own directories, and the name of each. What every run is put into costs it 40 to 100 us a hierarchy: therefore
    /// no freezer, which nothing here needs, and `blkio` only for runs with a rate.
    private struct SplitHomes {
        /// Without the second name of directories that two controllers share.
        var always: [SplitHome] = []
        /// `nil` where `blkio` is not mounted, or is one of those above.
        var forRates: SplitHome?

        var all: [SplitHome] { always + (forRates.map { [$0] } ?? []) }

        func home(of controller: String) -> SplitHome? { all.first { $0.controllers.contains(controller) } }
    }

    /// `parents`: this process's group by controller. Returns `nil` when another launcher has the name.
    static func claim(_ name: String, below parents: [String: Directory]) throws(SystemError) -> SplitHierarchy? {
        var places: [(parent: Directory, controllers: Set<String>)] = []
        // In one order for all launchers, so that of two that begin at once one gets everything.
        for controller in parents.keys.sorted() {
            let parent = parents[controller]!
            var known: Int?
            for index in places.indices where try places[index].parent.isSame(as: parent) { known = index }
            if let known {
                places[known].controllers.insert(controller)
            } else {
                places.append((parent, [controller]))
            }
        }
        var homes = SplitHomes()
        for (parent, controllers) in places {
            let claimed: Directory?
            do {
                claimed = try parent.claimSubdirectory(name)
            } catch {
                // A container may be given this one to read only. Then there are no rates.
                guard controllers == ["blkio"] else { throw error }
                continue
            }
            guard let claimed else {
                for home in homes.all { try? home.parent.removeSubdirectory(name) }
                return nil
            }
            let home = SplitHome(parent: parent, directory: claimed, controllers: controllers)
            if controllers == ["blkio"] { homes.forRates = home } else { homes.always.append(home) }
        }
        return SplitHierarchy(homes, name: name)
    }

    private init(_ homes: SplitHomes, name: String) {
        self.homes = homes
        homeName = name
        resources = ResourceControl(version: 1, features: Self.features(homes))
        removeLeftovers()
    }

    /// Writes have no rate here: those that go through the page cache, nearly all, are charged to nobody.
    private static func features(_ homes: SplitHomes) -> ResourceControl.Features {
        var features: ResourceControl.Features = .memoryPeak
        func add(_ feature: ResourceControl.Features, if controller: String, has file: String) {
            if homes.home(of: controller)?.directory.has(file) == true { features.insert(feature) }
        }
        add(.swap, if: "memory", has: "memory.memsw.limit_in_bytes")
        add(.processesPeak, if: "pids", has: "pids.peak")
        add(.readRate, if: "blkio", has: "blkio.throttle.read_bps_device")
        return features
    }

    func create(_ name: String, limits: LaunchLimits, rates: [DiskRate]) throws(SystemError) -> any ControlGroup {
        let used = rates.isEmpty ? homes.always : homes.all
        let made = try Directory.makeFresh(name, in: used.map(\.directory))
        let group: SplitGroup
        do {
            group = try SplitGroup(name: made, homes: used, features: resources.features)
            try group.apply(limits, rates)
        } catch {
            for home in used { try? home.directory.removeSubdirectory(made) }
            throw error
        }
        return group
    }

    func adopt(_ name: String, limits: LaunchLimits, memoryEvents: Int32) throws(SystemError) -> any ControlGroup {
        let group = try SplitGroup(name: name, homes: homes.always, features: resources.features)
        group.take(limits, memoryEvents)
        return group
    }

    func remove(_ name: String) -> Bool { homes.all.remove(name) }

    func removeEmpty() { removeLeftovers() }

    func removeAll() {
        removeLeftovers()
        for home in homes.all {
            // Left when somebody is in it; the next start finds and removes it.
            try? home.parent.removeSubdirectory(homeName)
        }
    }

    /// Groups of a launcher that was killed. Its sandboxes died with it, so the groups are empty.
    private func removeLeftovers() {
        for home in homes.all.map(\.directory) {
            for entry in (try? home.entries()) ?? [] where home.has("\(entry)/cgroup.procs") {
                try? home.removeSubdirectory(entry)
            }
        }
    }
}

/// Our directory in one mounted hierarchy, with what that hierarchy controls.
struct SplitHome {
    let parent: Directory
    let directory: Directory
    let controllers: Set<String>
}

extension [SplitHome] {
    fileprivate func remove(_ name: String) -> Bool {
        var isRemoved = true
        for home in self {
            do {
                try home.directory.removeSubdirectory(name)
            } catch {
                // ENOENT: removed the last time that this was tried, or never made here.
                if error.errno != ENOENT { isRemoved = false }
            }
        }
        return isRemoved
    }
}

final class SplitGroup: ControlGroup {
    let birthDescriptor: Int32 = -1
    private(set) var memoryEvents: Int32 = -1
    let name: String
    private let homes: [SplitHome]
    private let directories: [Directory]
    private let features: ResourceControl.Features
    private let memory: KernelFileCache
    private let pids: KernelFileCache
    private let cpu: KernelFileCache
    private let accounting: KernelFileCache
    private let blocks: KernelFileCache?
    /// Those in force.
    private var limits: LaunchLimits?
    private var counted = ProcessorTime()
    private var peaks = SampledPeaks()

    fileprivate init(name: String, homes: [SplitHome], features: ResourceControl.Features) throws(SystemError) {
        var byController: [String: Directory] = [:]
        var directories: [Directory] = []
        for home in homes {
            let directory = try home.directory.subdirectory(name)
            directories.append(directory)
            for controller in home.controllers { byController[controller] = directory }
        }
        guard let memory = byController["memory"], let pids = byController["pids"], let cpu = byController["cpu"],
            let accounting = byController["cpuacct"]
        else { throw SystemError("find cgroup controllers", errno: ENOENT) }
        self.name = name
        self.homes = homes
        self.directories = directories
        self.features = features
        self.memory = KernelFileCache(memory)
        self.pids = KernelFileCache(pids)
        self.cpu = KernelFileCache(cpu)
        self.accounting = KernelFileCache(accounting)
        blocks = byController["blkio"].map(KernelFileCache.init)
    }

    deinit {
        if memoryEvents >= 0 { close(memoryEvents) }
    }

    fileprivate func take(_ limits: LaunchLimits, _ memoryEvents: Int32) {
        self.limits = limits
        self.memoryEvents = memoryEvents
    }

    fileprivate func apply(_ limits: LaunchLimits, _ rates: [DiskRate]) throws(SystemError) {
        if !features.contains(.swap), try hostHasSwap() {
            // Without swap accounting the limit would not hold: the tree would go on in swap.
            throw SystemError("limit swap (boot with swapaccount=1)", "memory.memsw.limit_in_bytes", errno: ENOENT)
        }
        try narrow(to: limits)
        for rate in rates {
            guard rate.writeBytes == nil, let blocks, features.contains(.readRate) else {
                throw SystemError("limit the rate of disk", "\(rate.disk)", errno: ENOTSUP)
            }
            if let bytes = rate.readBytes {
                try blocks.write("\(rate.disk) \(bytes)", to: "blkio.throttle.read_bps_device")
            }
        }
        try watchMemory()
    }

    func narrow(to limits: LaunchLimits) throws(SystemError) {
        let (old, share) = (self.limits, limits.cpuQuota)
        self.limits = limits
        // Lower before what it must not exceed.
        if limits.memoryBytes != old?.memoryBytes {
            try memory.write("\(limits.memoryBytes)", to: "memory.limit_in_bytes")
        }
        if features.contains(.swap), limits.memoryAndSwap != old?.memoryAndSwap {
            try memory.write("\(limits.memoryAndSwap)", to: "memory.memsw.limit_in_bytes")
        }
        if limits.processes != old?.processes { try pids.write("\(limits.groupProcesses)", to: "pids.max") }
        guard limits.cpuMillicores != old?.cpuMillicores else { return }
        try cpu.write("\(share.period)", to: "cpu.cfs_period_us")
        try cpu.write("\(share.quota)", to: "cpu.cfs_quota_us")
    }

    /// An eventfd that the kernel writes to when it kills for memory in this group.
    private func watchMemory() throws(SystemError) {
        memoryEvents = try system("create an eventfd") { sandbox_eventfd() }
        let control = OwnedDescriptor(
            owning: try system("open", "memory.oom_control") {
                openat(memory.directory.number, "memory.oom_control", O_RDONLY | O_CLOEXEC)
            })
        try memory.write("\(memoryEvents) \(control.number)", to: "cgroup.event_control")
    }

    /// `tasks` and not `cgroup.procs`: a task that moves itself by it needs no lock on every fork of the host, and waits for no
    /// RCU grace period. Processor time last: with the smallest share what comes before execve(2) would take long.
    func entrances() throws(SystemError) -> GroupEntrances {
        let entrances = GroupEntrances()
        for directory in directories where directory !== cpu.directory {
            try entrances.open("tasks", in: directory)
        }
        try entrances.open("tasks", in: cpu.directory)
        return entrances
    }

    func attach(_ pid: Int32) throws(SystemError) {
        for directory in directories { try directory.write("\(pid)", to: "cgroup.procs") }
    }

    func usage(ended: Bool) -> TreeUsage {
        var usage = TreeUsage()
        addProcessorTime(to: &usage)
        if !ended { addPresent(to: &usage) }
        usage.memoryPeakBytes = memory.number(in: "memory.max_usage_in_bytes")
        if features.contains(.processesPeak) {
            usage.processesPeak = TreeUsage.withoutInit(pids.number(in: "pids.peak"))
        }
        peaks.complete(&usage)
        // Of writes this file has only those that bypass the page cache, which would be taken for all.
        if let blocks {
            usage.readBytes = blocks.numbers(in: "blkio.throttle.io_service_bytes", maximum: 16 << 10) {
                $0.sum(behind: " Read ")
            }
        }
        usage.memoryKills = memoryKills()
        usage.forksRefused = pids.number(of: "max", in: "pids.events") ?? 0
        return usage
    }

    /// The sum is the scheduler's, to the nanosecond. How it divides is known by the timer's ticks, which may have missed
    /// processes that lived shorter than one.
    func processorTime() -> ProcessorTime {
        guard let total = accounting.number(in: "cpuacct.usage") else { return ProcessorTime() }
        let system = min(total, accounting.number(in: "cpuacct.usage_sys") ?? 0)
        return ProcessorTime(user: (total - system) / 1000, system: system / 1000)
    }

    func startCounting(from used: ProcessorTime) { counted = used }

    private func addProcessorTime(to usage: inout TreeUsage) {
        let time = processorTime().since(counted)
        usage.userMicroseconds = time.user
        usage.systemMicroseconds = time.system
        usage.throttledMicroseconds = cpu.number(of: "throttled_time", in: "cpu.stat").map { $0 / 1000 }
    }

    private func addPresent(to usage: inout TreeUsage) {
        usage.memoryBytes = memory.number(in: "memory.usage_in_bytes")
        if features.contains(.swap), let memoryNow = usage.memoryBytes,
            let sum = memory.number(in: "memory.memsw.usage_in_bytes")
        {
            // Two readings: a page that went between them may make the sum the smaller one.
            usage.swapBytes = sum > memoryNow ? sum - memoryNow : 0
        }
        usage.processes = TreeUsage.withoutInit(pids.number(in: "pids.current"))
        peaks.see(memory: usage.memoryBytes, processes: usage.processes)
    }

    func memoryKills() -> UInt64 { memory.number(of: "oom_kill", in: "memory.oom_control") ?? 0 }

    func sample() {
        var usage = TreeUsage()
        addPresent(to: &usage)
    }

    func isAnyRunning(but thread: Int32, sleepingOnly: Bool, proc: Directory) -> Bool {
        TaskList.isAnyRunning(
            in: "tasks", of: pids.directory, but: thread, sleepingOnly: sleepingOnly, proc: proc)
    }

    func killAll() -> Bool {
        liftQuota()
        return false
    }

    func liftQuota() { try? cpu.write("-1", to: "cpu.cfs_quota_us") }

    func renewQuota() {
        if let quota = limits?.cpuQuota.quota { try? cpu.write("\(quota)", to: "cpu.cfs_quota_us") }
    }

    func remove() -> Bool { homes.remove(name) }
}
