import Glibc
import LaunchPlan

/// A group for one sandbox after another. To make four directories, open and set their files, and take them apart again is an
/// eighth of what a short run costs.
///
/// What a kernel's counter cannot forget is the difference to what it was at the beginning, or ends the group, or, where it is
/// about numbers of processes, makes that directory new.
extension SplitGroup {
    /// What the kernel may have left charged: objects that it frees later, shares that each processor keeps for the next
    /// charge. It belongs to the next sandbox's limit and peak; who has little memory gets a new group (`ControlGroupReuse`).
    private static let mostBytesLeft: UInt64 = 512 << 10
    /// pids.peak after a run of one process, beside pid 1: what the next one has at least.
    private static let fewestProcesses: UInt64 = 2

    /// What cannot be read is not taken for nothing.
    var mayServeAgain: Bool {
        blocks == nil && !sharesProcesses && memory.number(of: "oom_kill", in: "memory.oom_control") == 0
    }

    /// The number of processes is counted in the directory of another controller, that is not made anew.
    private var sharesProcesses: Bool { [memory, cpu, accounting].contains { $0.directory === pids.directory } }

    func reset() -> Bool {
        guard mayServeAgain, isEmpty, !wasTold, let bytes = memory.number(in: "memory.usage_in_bytes"),
            bytes <= Self.mostBytesLeft
        else { return false }
        do throws(SystemError) {
            for files in [memory, cpu] { files.keepsWritten = true }
            try memory.write("0", to: "memory.max_usage_in_bytes")
            // Whatever the next limits are, in whatever order they are set.
            if features.contains(.swap) { try memory.write("-1", to: "memory.memsw.limit_in_bytes") }
            // A quota that is set begins a new period: what the last run has used of its own is not the next one's to pay.
            try cpu.write("-1", to: "cpu.cfs_quota_us")
            if countsProcessesOfBefore { try renewProcesses() }
            pids.keepsWritten = true
            try forgetLimits()
            return true
        } catch {
            return false
        }
    }

    /// No task is in any of the directories; a zombie is one. Opened each time: who reads an open one again gets the list of up
    /// to a second ago (CGROUP_PIDLIST_DESTROY_DELAY).
    private var isEmpty: Bool {
        directories.allSatisfy { directory in directory.numbers(in: "tasks") { $0.first == nil } ?? false }
    }

    /// The kernel has said that memory was not enough, whatever came of that.
    private var wasTold: Bool {
        var count: UInt64 = 0
        return memoryEvents >= 0 && read(memoryEvents, &count, 8) == 8
    }

    private var countsProcessesOfBefore: Bool {
        let peak = features.contains(.processesPeak) ? pids.number(in: "pids.peak") ?? .max : 0
        return peak > Self.fewestProcesses || pids.number(of: "max", in: "pids.events") != 0
    }

    private func renewProcesses() throws(SystemError) {
        guard let home = homes.first(where: { $0.controllers.contains("pids") }) else { return }
        try home.directory.removeSubdirectory(name)
        try home.directory.makeSubdirectory(name)
        try reopenProcesses()
    }
}
