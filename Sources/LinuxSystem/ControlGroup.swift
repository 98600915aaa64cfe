import Glibc
package import LaunchPlan

/// Resource control of the host: cgroup v2 where its controllers are, v1 otherwise, `cgroups(7)`.
///
/// Groups are made below the group that this program runs in, so that the host's own limits on it go on holding.
package protocol ControlGroupHierarchy: AnyObject {
    /// What can be limited and counted here.
    var resources: ResourceControl { get }

    /// A fresh, empty group with limits, and with rates on the disks that are named. Fails, and leaves nothing, when a
    /// limit cannot be set.
    func create(_ name: String, limits: LaunchLimits, rates: [DiskRate]) throws(SystemError) -> any ControlGroup

    /// A group that another process made with the same hierarchy and these limits.
    ///
    /// - Parameter memoryEvents: its `memoryEvents`, which this takes over; -1 for none.
    func adopt(_ name: String, limits: LaunchLimits, memoryEvents: Int32) throws(SystemError) -> any ControlGroup

    /// The group that somebody else has made for a process and that it is in alone with its children, with these limits. What was
    /// used in it so far is not counted, and `remove` leaves it to whoever made it.
    ///
    /// - Parameter name: what the group's directory must be called, but for what a service manager puts around it.
    func foreign(of pid: Int32, named name: String, limits: LaunchLimits) throws(SystemError) -> any ControlGroup

    /// Removes a group by its name, as `ControlGroup.remove`.
    func remove(_ name: String) -> Bool

    /// Names of all groups here, whoever made them.
    var names: [String] { get }

    /// Removes everything that this hierarchy made. Returns whether nothing of it is left.
    @discardableResult
    func removeAll() -> Bool

    /// The directories in which groups are made: one in each mounted hierarchy.
    var paths: [String] { get }
}

/// One sandbox's group. Its pid 1, which is this project's own, counts for nobody: neither as one of the processes that a
/// limit allows nor in what is reported.
package protocol ControlGroup: AnyObject {
    /// Its directory's name, in every hierarchy that it is in.
    var name: String { get }

    /// A cgroup v2 directory into which clone3(2) puts a child, or -1: then the child enters by `entrances`.
    var birthDescriptor: Int32 { get }

    /// What a process of one thread writes "0" to, so that it is in this group and in nothing else; none where it is born there.
    func entrances() throws(SystemError) -> GroupEntrances

    /// Readable when the kernel has killed for memory, or -1 where the kernel ends the whole group by itself.
    var memoryEvents: Int32 { get }

    /// Whether `memoryEvents` can always be read, and has changed then.
    var memoryEventsChange: Bool { get }

    /// What `memoryEvents` tells of is known. Returns false when it has nothing to tell any more.
    func takeMemoryEvent() -> Bool

    /// Moves somebody else, which on cgroup v1 waits for an RCU grace period.
    func attach(_ pid: Int32) throws(SystemError)

    /// Sets those of `limits` that are not what they were; before there is a command. Rates cannot be changed.
    func narrow(to limits: LaunchLimits) throws(SystemError)

    /// What has been used so far is no run's: CPU time is counted from here on.
    func startCounting(from used: ProcessorTime)

    /// What the host counts; `nil` for what it does not.
    func processorTime() -> ProcessorTime

    /// What the host counts; `nil` for what it does not.
    ///
    /// - Parameter ended: all processes are gone. Then what they have "now" is not asked for.
    func usage(ended: Bool) -> TreeUsage

    /// The one number of `usage` that a decision hangs on while processes live.
    func memoryKills() -> UInt64

    /// Looks at what is used now, for the peaks of a kernel that does not keep them; otherwise does nothing.
    func sample()

    /// Sends SIGKILL to every process of the group at once where the kernel can (v2), and takes away the limit on CPU time:
    /// dying takes some. Returns whether the kernel did; where it cannot, the death of the pid namespace's init ends them.
    func killAll() -> Bool

    /// Whether any thread of the group but one may still do something; those that are on their way out do not count, nor, with
    /// `sleepingOnly`, those that wait for nothing but a core.
    func isAnyRunning(but thread: Int32, sleepingOnly: Bool, proc: Directory) -> Bool

    /// Takes away the limit on CPU time: what is over its share does not run before the next period, also to die.
    func liftQuota()

    /// Begins a new period of CPU time: a tree that is asked to end, and has used up its share, would not hear of it before
    /// the next one.
    func renewQuota()

    /// Whether it may be reset for another sandbox, as far as the process knows that had it from `adopt`.
    var mayServeAgain: Bool { get }

    /// Makes it as if it were new, but for its limits, which are to be set by `narrow`. Returns whether it is: its processes must
    /// be gone, it must have met no limit of memory, and the kernel must have forgotten what they had.
    func reset() -> Bool

    /// The same after another process has called `reset` and `narrow`.
    func begin(_ limits: LaunchLimits) throws(SystemError)

    /// Removes the group; its processes must be gone. Returns whether it is removed.
    func remove() -> Bool
}

/// Open files of a group, for as long as this object lives.
package final class GroupEntrances {
    package private(set) var descriptors: [Int32] = []

    package init() {}

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }

    func open(_ name: String, in directory: Directory) throws(SystemError) {
        descriptors.append(
            try system("open", "\(directory.path)/\(name)") {
                openat(directory.number, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
            })
    }
}

/// Of groups that serve one sandbox after another.
package enum ControlGroupReuse {
    /// Bytes of memory below which a sandbox gets a new group: what the kernel may still have charged to another would be felt.
    package static let leastMemory: UInt64 = 32 << 20
}

extension ControlGroup {
    package var memoryEventsChange: Bool { false }

    package func takeMemoryEvent() -> Bool {
        var count: UInt64 = 0
        // EAGAIN: it was known already.
        _ = read(memoryEvents, &count, 8)
        return true
    }
}

extension ControlGroupHierarchy {
    /// Whether groups must be looked at from time to time, so that their peaks are known.
    package var needsSamples: Bool {
        resources.version != 0
            && (!resources.features.contains(.memoryPeak) || !resources.features.contains(.processesPeak))
    }
}

/// Bytes per second from and to one disk.
package struct DiskRate: Sendable, Equatable {
    package var disk: DeviceNumber
    package var readBytes: UInt64?
    package var writeBytes: UInt64?

    package init(disk: DeviceNumber, readBytes: UInt64? = nil, writeBytes: UInt64? = nil) {
        self.disk = disk
        self.readBytes = readBytes
        self.writeBytes = writeBytes
    }
}

/// The highest values that were seen, where the kernel keeps none.
package struct SampledPeaks: Sendable {
    private var memory: UInt64 = 0
    private var processes: UInt64 = 0

    package init() {}

    package mutating func see(memory: UInt64?, processes: UInt64?) {
        self.memory = max(self.memory, memory ?? 0)
        self.processes = max(self.processes, processes ?? 0)
    }

    /// Fills in what is not known. A run that ended before it was looked at has no peak.
    package func complete(_ usage: inout TreeUsage) {
        if usage.memoryPeakBytes == nil, memory > 0 { usage.memoryPeakBytes = memory }
        if usage.processesPeak == nil, processes > 0 { usage.processesPeak = processes }
    }
}

extension LaunchLimits {
    /// pids.max: processes of the caller's, and the sandbox's pid 1.
    var groupProcesses: UInt64 { UInt64(processes) + 1 }

    /// What cgroup v1 limits beside memory alone; the most there is instead of an overflow.
    var memoryAndSwap: UInt64 {
        let (sum, isTooMuch) = memoryBytes.addingReportingOverflow(swapBytes)
        return isTooMuch ? .max : sum
    }

    /// Microseconds of CPU time in each period of so many microseconds. The kernel takes no quota below 1 ms and no period
    /// above 1 s; periods are as short as that allows, so that nobody waits long for his turn.
    var cpuQuota: (quota: UInt64, period: UInt64) {
        let period: UInt64 = cpuMillicores < 10 ? 1_000_000 : 100_000
        return (UInt64(cpuMillicores) * period / 1000, period)
    }
}

extension TreeUsage {
    /// A count that includes the sandbox's pid 1.
    static func withoutInit(_ count: UInt64?) -> UInt64? { count.map { $0 > 0 ? $0 - 1 : 0 } }
}

/// Whether a limit on memory alone would not hold.
func hostHasSwap() throws(SystemError) -> Bool {
    try wholeFile("/proc/swaps").split(separator: "\n").count > 1
}

extension Directory {
    /// Makes a directory for a group in each of `homes`, under one name, and returns the name. With what was left of an
    /// earlier group of this name its counters would be taken for the new one's: it is removed, or, where somebody is
    /// still in it, the new one is called something else.
    static func makeFresh(_ name: String, in homes: [Directory]) throws(SystemError) -> String {
        var attempt = 0
        while true {
            let candidate = attempt == 0 ? name : "\(name).\(attempt)"
            do {
                try make(candidate, in: homes)
                return candidate
            } catch {
                guard error.errno == EEXIST, attempt < 100 else { throw error }
                attempt += 1
            }
        }
    }

    /// In all of them or in none.
    private static func make(_ name: String, in homes: [Directory]) throws(SystemError) {
        for (index, home) in homes.enumerated() {
            do {
                try home.makeAnew(name)
            } catch {
                for made in homes[..<index] { try? made.removeSubdirectory(name) }
                throw error
            }
        }
    }

    private func makeAnew(_ name: String) throws(SystemError) {
        do {
            try makeSubdirectory(name)
        } catch {
            guard error.errno == EEXIST else { throw error }
            // EBUSY: not empty yet. Then this is EEXIST once more.
            try? removeSubdirectory(name)
            try makeSubdirectory(name)
        }
    }

    /// A directory `name` in this one, made if need be, that no other process has claimed: flock(2) on a descriptor of it,
    /// which this object holds. `nil` when another has.
    func claimSubdirectory(_ name: String) throws(SystemError) -> Directory? {
        for _ in 0..<Self.mostClaims {
            let directory = try ensureSubdirectory(name)
            guard flock(directory.number, LOCK_EX | LOCK_NB) == 0 else {
                let code = errno
                guard code == EWOULDBLOCK else { throw SystemError("lock", directory.path, errno: code) }
                return nil
            }
            // Whoever held it may have removed it before he let it go: then it is not what has this name now.
            if let current = try? subdirectory(name), try directory.isSame(as: current) { return directory }
        }
        throw SystemError("lock", "\(path)/\(name)", errno: EAGAIN)
    }

    private static let mostClaims = 16

    /// Whether two descriptors are of one directory: of two cgroup v1 controllers that are mounted together, for example.
    func isSame(as other: Directory) throws(SystemError) -> Bool {
        var (own, others) = (stat(), stat())
        try system("describe", path) { fstat(number, &own) }
        try system("describe", other.path) { fstat(other.number, &others) }
        return own.st_dev == others.st_dev && own.st_ino == others.st_ino
    }
}

/// CPU time of a group, in microseconds.
package struct ProcessorTime: Sendable, Equatable {
    package var user: UInt64?
    package var system: UInt64?

    package init(user: UInt64? = nil, system: UInt64? = nil) {
        self.user = user
        self.system = system
    }

    /// What came after `earlier`.
    func since(_ earlier: ProcessorTime) -> ProcessorTime {
        func difference(_ now: UInt64?, _ then: UInt64?) -> UInt64? { now.map { $0 - min($0, then ?? 0) } }
        return ProcessorTime(user: difference(user, earlier.user), system: difference(system, earlier.system))
    }
}
