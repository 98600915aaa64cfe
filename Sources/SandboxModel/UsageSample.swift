/// What a run has used so far, as a `usage` event, `stats` and `top` show it. The whole tree's, from its cgroup; an absent
/// value is one that the host does not count.
public struct UsageSample: Codable, Sendable, Equatable {
    /// Since the start of the command; absent before it.
    public var elapsedMilliseconds: UInt64?
    public var userMilliseconds: UInt64?
    public var systemMilliseconds: UInt64?
    /// How long the tree had to wait because it had used up its share of CPU time (`cpus`).
    public var throttledMilliseconds: UInt64?
    public var memoryBytes: UInt64?
    public var memoryPeakBytes: UInt64?
    public var swapBytes: UInt64?
    public var processes: UInt64?
    public var processesPeak: UInt64?
    /// From and to block devices.
    public var readBytes: UInt64?
    public var writeBytes: UInt64?
    public var stdoutBytes: UInt64?
    public var stderrBytes: UInt64?
    /// Pressure stall information (Documentation/accounting/psi.rst): how long some process of the tree has waited for CPU,
    /// for memory, for I/O. cgroup v2 only.
    public var cpuStallMilliseconds: UInt64?
    public var memoryStallMilliseconds: UInt64?
    public var ioStallMilliseconds: UInt64?

    public init() {}

    enum CodingKeys: String, CodingKey {
        case elapsedMilliseconds = "elapsed_ms"
        case userMilliseconds = "user_ms"
        case systemMilliseconds = "system_ms"
        case throttledMilliseconds = "throttled_ms"
        case memoryBytes = "memory_bytes"
        case memoryPeakBytes = "memory_peak_bytes"
        case swapBytes = "swap_bytes"
        case processes
        case processesPeak = "processes_peak"
        case readBytes = "read_bytes"
        case writeBytes = "write_bytes"
        case stdoutBytes = "stdout_bytes"
        case stderrBytes = "stderr_bytes"
        case cpuStallMilliseconds = "cpu_stall_ms"
        case memoryStallMilliseconds = "memory_stall_ms"
        case ioStallMilliseconds = "io_stall_ms"
    }
}
