/// Limits of a run: a policy's, a request's narrower ones, or those that were in force.
///
/// Bytes, milliseconds and plain counts. `nil` means "not said here": in a request the policy's limit then holds, in a
/// result the run had no such limit.
public struct Limits: Codable, Sendable, Equatable {
    /// Memory of the whole process tree and of its files in memory (`/tmp`, `/dev/shm`).
    public var memoryBytes: UInt64?
    /// Swap beside it; 0 where a policy says nothing, so that memory means memory.
    public var swapBytes: UInt64?
    /// Cores' worth of CPU time per second of wall time, 1.5 for one and a half.
    public var cpus: Double?
    /// Processes and threads alive at once.
    public var processes: UInt64?
    /// Open descriptors per process (`RLIMIT_NOFILE`).
    public var openFiles: UInt64?
    /// Largest file that may be written (`RLIMIT_FSIZE`).
    public var fileSizeBytes: UInt64?
    /// Sum of bytes on standard output and standard error. More ends the run.
    public var outputBytes: UInt64?
    /// Bytes on standard output alone. More ends the run.
    public var stdoutBytes: UInt64?
    /// Bytes on standard error alone. More ends the run.
    public var stderrBytes: UInt64?
    /// Size of `/tmp`.
    public var tmpBytes: UInt64?
    /// Size of the workspace, and how many files it may have. Of a directory of the host only where its file system has a
    /// project quota that promises it.
    public var workspaceBytes: UInt64?
    public var workspaceInodes: UInt64?
    /// Bytes per second from and to block devices.
    public var readBytesPerSecond: UInt64?
    public var writeBytesPerSecond: UInt64?
    /// Wall-clock time from the start of the command.
    public var wallMilliseconds: UInt64?
    /// CPU time, user and system, of the whole process tree.
    public var cpuMilliseconds: UInt64?
    /// Time without a byte of output.
    public var idleMilliseconds: UInt64?
    /// Between the signal that asks the whole tree to end (SIGTERM) and the kill; 0: no signal, the kill at once.
    public var graceMilliseconds: UInt64?

    public init(
        memoryBytes: UInt64? = nil, swapBytes: UInt64? = nil, cpus: Double? = nil, processes: UInt64? = nil,
        openFiles: UInt64? = nil, fileSizeBytes: UInt64? = nil, outputBytes: UInt64? = nil, stdoutBytes: UInt64? = nil,
        stderrBytes: UInt64? = nil, tmpBytes: UInt64? = nil, workspaceBytes: UInt64? = nil,
        workspaceInodes: UInt64? = nil, readBytesPerSecond: UInt64? = nil, writeBytesPerSecond: UInt64? = nil,
        wallMilliseconds: UInt64? = nil, cpuMilliseconds: UInt64? = nil, idleMilliseconds: UInt64? = nil,
        graceMilliseconds: UInt64? = nil
    ) {
        self.memoryBytes = memoryBytes
        self.swapBytes = swapBytes
        self.cpus = cpus
        self.processes = processes
        self.openFiles = openFiles
        self.fileSizeBytes = fileSizeBytes
        self.outputBytes = outputBytes
        self.stdoutBytes = stdoutBytes
        self.stderrBytes = stderrBytes
        self.tmpBytes = tmpBytes
        self.workspaceBytes = workspaceBytes
        self.workspaceInodes = workspaceInodes
        self.readBytesPerSecond = readBytesPerSecond
        self.writeBytesPerSecond = writeBytesPerSecond
        self.wallMilliseconds = wallMilliseconds
        self.cpuMilliseconds = cpuMilliseconds
        self.idleMilliseconds = idleMilliseconds
        self.graceMilliseconds = graceMilliseconds
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case memoryBytes = "memory_bytes"
        case swapBytes = "swap_bytes"
        case cpus
        case processes
        case openFiles = "open_files"
        case fileSizeBytes = "file_size_bytes"
        case outputBytes = "output_bytes"
        case stdoutBytes = "stdout_bytes"
        case stderrBytes = "stderr_bytes"
        case tmpBytes = "tmp_bytes"
        case workspaceBytes = "workspace_bytes"
        case workspaceInodes = "workspace_inodes"
        case readBytesPerSecond = "read_bytes_per_second"
        case writeBytesPerSecond = "write_bytes_per_second"
        case wallMilliseconds = "wall_ms"
        case cpuMilliseconds = "cpu_ms"
        case idleMilliseconds = "idle_ms"
        case graceMilliseconds = "grace_ms"
    }

    /// Reads limits strictly: what is no number that a limit can have is an error of this request, with what is accepted,
    /// and not an error of the protocol. Whether the policy allows the number is for the daemon to say.
    ///
    /// - Throws: `ServiceError` with `.limitNotAllowed`; `DecodingError` for an unknown key and what is no object.
    public init(from decoder: any Decoder) throws {
        try decoder.refuseUnknownKeys(CodingKeys.self)
        let values = LimitValues(values: try decoder.container(keyedBy: CodingKeys.self))
        self.init(
            memoryBytes: try values.whole(.memoryBytes), swapBytes: try values.whole(.swapBytes),
            cpus: try values.cores(.cpus), processes: try values.whole(.processes),
            openFiles: try values.whole(.openFiles), fileSizeBytes: try values.whole(.fileSizeBytes),
            outputBytes: try values.whole(.outputBytes), stdoutBytes: try values.whole(.stdoutBytes),
            stderrBytes: try values.whole(.stderrBytes), tmpBytes: try values.whole(.tmpBytes),
            workspaceBytes: try values.whole(.workspaceBytes), workspaceInodes: try values.whole(.workspaceInodes),
            readBytesPerSecond: try values.whole(.readBytesPerSecond),
            writeBytesPerSecond: try values.whole(.writeBytesPerSecond),
            wallMilliseconds: try values.whole(.wallMilliseconds), cpuMilliseconds: try values.whole(.cpuMilliseconds),
            idleMilliseconds: try values.whole(.idleMilliseconds),
            graceMilliseconds: try values.whole(.graceMilliseconds))
    }
}
