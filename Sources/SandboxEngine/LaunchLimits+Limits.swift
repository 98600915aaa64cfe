import LaunchPlan
import SandboxModel

extension LaunchLimits {
    /// What the launcher applies, out of the limits in force, never above what the policy told it to accept.
    ///
    /// Limits that the daemon alone watches (output, wall-clock and idle time, grace) are not among them.
    init(_ limits: Limits, maximum: LaunchLimits) {
        self = maximum
        memoryBytes = min(limits.memoryBytes ?? maximum.memoryBytes, maximum.memoryBytes)
        fileSizeBytes = min(limits.fileSizeBytes ?? maximum.fileSizeBytes, maximum.fileSizeBytes)
        swapBytes = min(limits.swapBytes ?? maximum.swapBytes, maximum.swapBytes)
        if let cpus = limits.cpus, cpus.isFinite, cpus > 0 {
            cpuMillicores = UInt32(max(1, min((cpus * 1000).rounded(), Double(maximum.cpuMillicores))))
        }
        if let wanted = limits.processes { processes = UInt32(clamping: min(wanted, UInt64(maximum.processes))) }
        if let wanted = limits.openFiles { openFiles = UInt32(clamping: min(wanted, UInt64(maximum.openFiles))) }
        if let milliseconds = limits.cpuMilliseconds {
            // A backstop per process, one second above what is watched for the whole tree.
            let seconds = milliseconds / 1000 + (milliseconds % 1000 == 0 ? 1 : 2)
            cpuSeconds = min(seconds, maximum.cpuSeconds ?? .max)
        }
        // Absent is the size that the policy's file system has anyway.
        tmpBytes = limits.tmpBytes.flatMap { $0 < maximum.tmpBytes ?? .max ? $0 : nil }
        workspaceBytes = Self.narrower(limits.workspaceBytes, maximum.workspaceBytes)
        workspaceInodes = Self.narrower(limits.workspaceInodes, maximum.workspaceInodes)
        readBytesPerSecond = Self.narrower(limits.readBytesPerSecond, maximum.readBytesPerSecond)
        writeBytesPerSecond = Self.narrower(limits.writeBytesPerSecond, maximum.writeBytesPerSecond)
    }

    private static func narrower(_ wanted: UInt64?, _ most: UInt64?) -> UInt64? {
        guard let wanted, let most else { return wanted ?? most }
        return min(wanted, most)
    }
}
