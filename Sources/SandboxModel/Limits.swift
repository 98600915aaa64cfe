/// Limits of a run: a policy's, a request's narrower ones, or those that were in force.
///
/// Bytes, milliseconds and plain counts. `nil` means "not said here": in a request the policy's limit then holds, in a
/// result the run had no such limit.
public struct Limits: Codable, Sendable, Equatable {
    /// Memory of the whole process tree and of its files in memory (`/tmp`, `/dev/shm`), swap included.
    public var memoryBytes: UInt64?
    /// Cores' worth of CPU time per second of wall time, 1.5 for one and a half.
    public var cpus: Double?
    /// Processes and threads alive at once.
    public var processes: UInt64?
    /// Open descriptors per process (`RLIMIT_NOFILE`).
    public var openFiles: UInt64?
    /// Largest file that may be written (`RLIMIT_FSIZE`).
    public var fileSizeBytes: UInt64?
    /// Sum of bytes on standard output and standard error.
    public var outputBytes: UInt64?
    /// Wall-clock time from the start of the command.
    public var wallMilliseconds: UInt64?
    /// CPU time, user and system, of the whole process tree.
    public var cpuMilliseconds: UInt64?
    /// Time without a byte of output.
    public var idleMilliseconds: UInt64?

    public init(
        memoryBytes: UInt64? = nil, cpus: Double? = nil, processes: UInt64? = nil, openFiles: UInt64? = nil,
        fileSizeBytes: UInt64? = nil, outputBytes: UInt64? = nil, wallMilliseconds: UInt64? = nil,
        cpuMilliseconds: UInt64? = nil, idleMilliseconds: UInt64? = nil
    ) {
        self.memoryBytes = memoryBytes
        self.cpus = cpus
        self.processes = processes
        self.openFiles = openFiles
        self.fileSizeBytes = fileSizeBytes
        self.outputBytes = outputBytes
        self.wallMilliseconds = wallMilliseconds
        self.cpuMilliseconds = cpuMilliseconds
        self.idleMilliseconds = idleMilliseconds
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case memoryBytes = "memory_bytes"
        case cpus
        case processes
        case openFiles = "open_files"
        case fileSizeBytes = "file_size_bytes"
        case outputBytes = "output_bytes"
        case wallMilliseconds = "wall_ms"
        case cpuMilliseconds = "cpu_ms"
        case idleMilliseconds = "idle_ms"
    }

    public init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.self)
        let values = try decoder.container(keyedBy: CodingKeys.self)
        memoryBytes = try values.decodeIfPresent(UInt64.self, forKey: .memoryBytes)
        cpus = try values.decodeIfPresent(Double.self, forKey: .cpus)
        processes = try values.decodeIfPresent(UInt64.self, forKey: .processes)
        openFiles = try values.decodeIfPresent(UInt64.self, forKey: .openFiles)
        fileSizeBytes = try values.decodeIfPresent(UInt64.self, forKey: .fileSizeBytes)
        outputBytes = try values.decodeIfPresent(UInt64.self, forKey: .outputBytes)
        wallMilliseconds = try values.decodeIfPresent(UInt64.self, forKey: .wallMilliseconds)
        cpuMilliseconds = try values.decodeIfPresent(UInt64.self, forKey: .cpuMilliseconds)
        idleMilliseconds = try values.decodeIfPresent(UInt64.self, forKey: .idleMilliseconds)
    }
}
