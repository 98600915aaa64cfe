import Glibc
import LaunchPlan

/// No resource control: of a launcher that is not root and was given no group. Nothing of a tree is limited or counted here, and
/// whoever serves such a sandbox says so first (`ResourceControl.version` 0).
final class UngroupedHierarchy: ControlGroupHierarchy {
    let resources = ResourceControl(version: 0, features: [])
    let paths: [String] = []

    func create(_ name: String, limits: LaunchLimits, rates: [DiskRate]) throws(SystemError) -> any ControlGroup {
        guard rates.isEmpty else { throw SystemError("limit the rate of disks without a group", errno: ENOTSUP) }
        return Ungrouped(name: name)
    }

    func adopt(_ name: String, limits: LaunchLimits, memoryEvents: Int32) throws(SystemError) -> any ControlGroup {
        throw SystemError("take over a group without groups", name, errno: ENOTSUP)
    }

    func foreign(of pid: Int32, named name: String, limits: LaunchLimits) throws(SystemError) -> any ControlGroup {
        throw SystemError("take over a group without groups", name, errno: ENOTSUP)
    }

    func remove(_ name: String) -> Bool { true }
    var names: [String] { [] }
    func removeAll() -> Bool { true }
}

/// The group that a sandbox is not in. Its processes are ended by the end of its pid 1, and by nothing else: there is no list of
/// them, and no user of their own by whom they could be found.
private final class Ungrouped: ControlGroup {
    let name: String
    let birthDescriptor: Int32 = -1
    let memoryEvents: Int32 = -1
    let mayServeAgain = false

    init(name: String) { self.name = name }

    func entrances() -> GroupEntrances { GroupEntrances() }
    func attach(_ pid: Int32) {}
    func narrow(to limits: LaunchLimits) {}
    func startCounting(from used: ProcessorTime) {}
    func processorTime() -> ProcessorTime { ProcessorTime() }
    func usage(ended: Bool) -> TreeUsage { TreeUsage() }
    func memoryKills() -> UInt64 { 0 }
    func sample() {}
    func killAll() -> Bool { false }
    /// Not known: whoever asks waits for pid 1, which ends after all others.
    func isAnyRunning(but thread: Int32, sleepingOnly: Bool, proc: Directory) -> Bool { true }
    func liftQuota() {}
    func renewQuota() {}
    func reset() -> Bool { false }

    func begin(_ limits: LaunchLimits) throws(SystemError) {
        throw SystemError("use a group again", name, errno: ENOTSUP)
    }

    func remove() -> Bool { true }
}
