import CSandbox
import Glibc
import LaunchPlan

/// One sandbox's directories, one in each hierarchy.
final class SplitGroup: ControlGroup {
    let birthDescriptor: Int32 = -1
    private(set) var memoryEvents: Int32 = -1
    let name: String
    let homes: [SplitHome]
    private(set) var directories: [Directory]
    let features: ResourceControl.Features
    private let isForeign: Bool
    let memory: KernelFileCache
    private(set) var pids: KernelFileCache
    let cpu: KernelFileCache
    let accounting: KernelFileCache
    let blocks: KernelFileCache?
    /// Those in force.
    private var limits: LaunchLimits?
    private var counted = ProcessorTime()
    /// Microseconds, of earlier sandboxes.
    private var throttledBefore: UInt64 = 0
    private var peaks = SampledPeaks()
    /// Kept open for the next sandbox.
    private var keptEntrances: GroupEntrances?

    init(
        name: String, homes: [SplitHome], features: ResourceControl.Features, isForeign: Bool = false
    ) throws(SystemError) {
        self.isForeign = isForeign
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

    func take(_ limits: LaunchLimits, _ memoryEvents: Int32) {
        self.limits = limits
        self.memoryEvents = memoryEvents
    }

    /// Another process has made it ready for another sandbox, and perhaps a new directory for the number of processes.
    func begin(_ limits: LaunchLimits) throws(SystemError) {
        self.limits = limits
        peaks = SampledPeaks()
        try reopenProcesses()
    }

    /// After that directory was made anew.
    func reopenProcesses() throws(SystemError) {
        guard let index = directories.firstIndex(where: { $0 === pids.directory }) else { return }
        let directory = try homes[index].directory.subdirectory(name)
        guard try !directory.isSame(as: pids.directory) else { return }
        directories[index] = directory
        pids = KernelFileCache(directory)
        keptEntrances = nil
    }

    /// Every limit is to be set again; entrances stay open.
    func forgetLimits() throws(SystemError) {
        limits = nil
        peaks = SampledPeaks()
        if keptEntrances == nil { keptEntrances = try openEntrances() }
    }

    func apply(_ limits: LaunchLimits, _ rates: [DiskRate]) throws(SystemError) {
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
        if let keptEntrances { return keptEntrances }
        return try openEntrances()
    }

    private func openEntrances() throws(SystemError) -> GroupEntrances {
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

    func startCounting(from used: ProcessorTime) {
        counted = used
        throttledBefore = throttled ?? 0
    }

    /// Microseconds.
    private var throttled: UInt64? { cpu.number(of: "throttled_time", in: "cpu.stat").map { $0 / 1000 } }

    private func addProcessorTime(to usage: inout TreeUsage) {
        let time = processorTime().since(counted)
        usage.userMicroseconds = time.user
        usage.systemMicroseconds = time.system
        usage.throttledMicroseconds = throttled.map { $0 - min($0, throttledBefore) }
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

    func remove() -> Bool { isForeign || homes.remove(name) }

    /// The most memory that was used so far is no run's.
    func forgetPeak() { try? memory.write("0", to: "memory.max_usage_in_bytes") }
}
