/// What a process tree has consumed so far, from its cgroup; `nil` where the host does not count it.
package struct TreeUsage: Sendable, Equatable {
    package var userMicroseconds: UInt64?
    package var systemMicroseconds: UInt64?
    /// Time for which the CPU quota kept the tree from running.
    package var throttledMicroseconds: UInt64?
    package var memoryBytes: UInt64?
    package var memoryPeakBytes: UInt64?
    package var swapBytes: UInt64?
    package var processes: UInt64?
    package var processesPeak: UInt64?
    package var readBytes: UInt64?
    package var writeBytes: UInt64?
    package var contextSwitches: UInt64?
    /// Time in which some process waited for CPU, memory or I/O (PSI, `some total`).
    package var cpuStallMicroseconds: UInt64?
    package var memoryStallMicroseconds: UInt64?
    package var ioStallMicroseconds: UInt64?
    /// Whether the kernel killed for memory, as a count that is only ever compared with zero.
    package var memoryKills: UInt64
    /// Forks that failed because of the limit on processes.
    package var forksRefused: UInt64

    package init() {
        memoryKills = 0
        forksRefused = 0
    }

    func encode(to writer: inout BinaryWriter) {
        writer.put(userMicroseconds)
        writer.put(systemMicroseconds)
        writer.put(throttledMicroseconds)
        writer.put(memoryBytes)
        writer.put(memoryPeakBytes)
        writer.put(swapBytes)
        writer.put(processes)
        writer.put(processesPeak)
        writer.put(readBytes)
        writer.put(writeBytes)
        writer.put(contextSwitches)
        writer.put(cpuStallMicroseconds)
        writer.put(memoryStallMicroseconds)
        writer.put(ioStallMicroseconds)
        writer.put(memoryKills)
        writer.put(forksRefused)
    }

    init(from reader: inout BinaryReader) throws(PlanError) {
        userMicroseconds = try reader.optional("user time")
        systemMicroseconds = try reader.optional("system time")
        throttledMicroseconds = try reader.optional("throttled time")
        memoryBytes = try reader.optional("memory")
        memoryPeakBytes = try reader.optional("memory peak")
        swapBytes = try reader.optional("swap")
        processes = try reader.optional("processes")
        processesPeak = try reader.optional("processes peak")
        readBytes = try reader.optional("bytes read")
        writeBytes = try reader.optional("bytes written")
        contextSwitches = try reader.optional("context switches")
        cpuStallMicroseconds = try reader.optional("CPU stall")
        memoryStallMicroseconds = try reader.optional("memory stall")
        ioStallMicroseconds = try reader.optional("I/O stall")
        memoryKills = try reader.integer()
        forksRefused = try reader.integer()
    }
}
