/// The part of a policy that root enforces, as the launcher holds it.
///
/// sandboxd sends these while it is still root and trusted; after `LauncherCommand.seal()` the launcher takes no more.
/// What the launcher never needs (the command filter, output and time limits) is not in here.
package struct CompiledPolicy: Sendable, Equatable {
    package enum WorkspaceMode: UInt8, Sendable {
        case none = 0
        case read = 1
        case write = 2
    }

    package var name: String
    /// Absolute host paths that exist inside, read-only: directories with all below them, or single files.
    package var readPaths: [String]
    /// Absolute paths below `readPaths` that are covered by something empty.
    package var hidePaths: [String]
    package var tmpBytes: UInt64
    package var shmBytes: UInt64
    package var workspaceMode: WorkspaceMode
    /// Absolute host paths, or `~` for the caller's home directory. Empty: no workspace may be asked for.
    package var workspaceRoots: [String]
    /// Whether files that the command writes may be executed: the workspace, `/tmp` and `/dev/shm`. Never with
    /// `executePaths`.
    package var executeWritten: Bool
    /// Absolute host paths below `readPaths` of all that can be executed: programs, and directories (with a slash at the
    /// end) for every program in them. `nil`: everything that can be read.
    package var executePaths: [String]?
    /// Absolute host paths of directories from which listed programs may load code. `nil`: those of the dynamic loader and
    /// of the listed interpreters.
    package var libraryPaths: [String]?
    /// Whether a process may make memory that is writable and executable, at once or one after the other.
    package var writeExecuteMemory: Bool
    /// Whether 127.0.0.1 and ::1 work inside.
    package var loopback: Bool
    /// System calls allowed and denied beyond the base list, by name.
    package var syscallsAllowed: [String]
    package var syscallsDenied: [String]
    /// No plan may ask for more.
    package var maximum: LaunchLimits
    /// `nil`: the native backend.
    package var container: ContainerPlan?

    package init(
        name: String, readPaths: [String], hidePaths: [String] = [], tmpBytes: UInt64, shmBytes: UInt64,
        workspaceMode: WorkspaceMode, workspaceRoots: [String], executeWritten: Bool,
        executePaths: [String]? = nil, libraryPaths: [String]? = nil, writeExecuteMemory: Bool = true, loopback: Bool,
        syscallsAllowed: [String] = [], syscallsDenied: [String] = [], maximum: LaunchLimits,
        container: ContainerPlan? = nil
    ) {
        self.name = name
        self.readPaths = readPaths
        self.hidePaths = hidePaths
        self.tmpBytes = tmpBytes
        self.shmBytes = shmBytes
        self.workspaceMode = workspaceMode
        self.workspaceRoots = workspaceRoots
        self.executeWritten = executeWritten
        self.executePaths = executePaths
        self.libraryPaths = libraryPaths
        self.writeExecuteMemory = writeExecuteMemory
        self.loopback = loopback
        self.syscallsAllowed = syscallsAllowed
        self.syscallsDenied = syscallsDenied
        self.maximum = maximum
        self.container = container
    }

    /// As results name it.
    package var backend: String { container == nil ? "native" : "docker" }

    /// Whether files that the command writes can be executed.
    package var executesWritten: Bool { executeWritten && executePaths == nil }

    func encode(to writer: inout BinaryWriter) {
        writer.put(name)
        writer.put(readPaths)
        writer.put(hidePaths)
        writer.put(tmpBytes)
        writer.put(shmBytes)
        writer.put(workspaceMode.rawValue)
        writer.put(workspaceRoots)
        writer.put(executeWritten)
        Self.put(executePaths, to: &writer)
        Self.put(libraryPaths, to: &writer)
        writer.put(writeExecuteMemory)
        writer.put(loopback)
        writer.put(syscallsAllowed)
        writer.put(syscallsDenied)
        maximum.encode(to: &writer)
        ContainerPlan.encode(container, to: &writer)
    }

    init(from reader: inout BinaryReader) throws(PlanError) {
        name = try reader.string("policy name", maximum: 64)
        readPaths = try reader.strings("read paths", maximumCount: 256)
        hidePaths = try reader.strings("hidden paths", maximumCount: 256)
        tmpBytes = try reader.integer()
        shmBytes = try reader.integer()
        guard let mode = WorkspaceMode(rawValue: try reader.integer()) else { throw .badValue("workspace mode") }
        workspaceMode = mode
        workspaceRoots = try reader.strings("workspace roots", maximumCount: 64)
        executeWritten = try reader.bool("execute")
        executePaths = try Self.strings("programs", from: &reader)
        libraryPaths = try Self.strings("library directories", from: &reader)
        writeExecuteMemory = try reader.bool("writable and executable memory")
        loopback = try reader.bool("loopback")
        syscallsAllowed = try reader.strings("allowed system calls", maximumCount: 512, maximumBytes: 64)
        syscallsDenied = try reader.strings("denied system calls", maximumCount: 512, maximumBytes: 64)
        maximum = try LaunchLimits(from: &reader)
        container = try ContainerPlan.optional(from: &reader)
    }

    private static func put(_ strings: [String]?, to writer: inout BinaryWriter) {
        writer.put(strings != nil)
        writer.put(strings ?? [])
    }

    private static func strings(_ what: String, from reader: inout BinaryReader) throws(PlanError) -> [String]? {
        let isPresent = try reader.bool(what)
        let strings = try reader.strings(what, maximumCount: 256)
        return isPresent ? strings : nil
    }
}

/// The limits that the launcher applies: cgroup and rlimits. Every run has every one of them.
package struct LaunchLimits: Sendable, Equatable {
    package var memoryBytes: UInt64
    /// Thousandths of a core.
    package var cpuMillicores: UInt32
    package var processes: UInt32
    package var openFiles: UInt32
    package var fileSizeBytes: UInt64
    /// CPU seconds of one process (`RLIMIT_CPU`), rounded up; the sum over the tree is the daemon's to watch.
    package var cpuSeconds: UInt64?
    /// Swap beside `memoryBytes`.
    package var swapBytes: UInt64
    /// Size of `/tmp`; `nil`: the policy's.
    package var tmpBytes: UInt64?
    /// Size and number of files of the workspace. Without a size a workspace in memory is as large as the policy's `/tmp`,
    /// and one of the host as large as its caller may make it.
    package var workspaceBytes: UInt64?
    package var workspaceInodes: UInt64?
    /// Bytes per second from and to block devices.
    package var readBytesPerSecond: UInt64?
    package var writeBytesPerSecond: UInt64?

    package init(
        memoryBytes: UInt64, cpuMillicores: UInt32, processes: UInt32, openFiles: UInt32, fileSizeBytes: UInt64,
        cpuSeconds: UInt64? = nil, swapBytes: UInt64 = 0, tmpBytes: UInt64? = nil, workspaceBytes: UInt64? = nil,
        workspaceInodes: UInt64? = nil, readBytesPerSecond: UInt64? = nil, writeBytesPerSecond: UInt64? = nil
    ) {
        self.swapBytes = swapBytes
        self.tmpBytes = tmpBytes
        self.workspaceBytes = workspaceBytes
        self.workspaceInodes = workspaceInodes
        self.readBytesPerSecond = readBytesPerSecond
        self.writeBytesPerSecond = writeBytesPerSecond
        self.memoryBytes = memoryBytes
        self.cpuMillicores = cpuMillicores
        self.processes = processes
        self.openFiles = openFiles
        self.fileSizeBytes = fileSizeBytes
        self.cpuSeconds = cpuSeconds
    }

    /// The name of the first limit that is wider than `maximum`, or is zero; `nil` when all are within.
    package func widerThan(_ maximum: LaunchLimits) -> String? {
        if memoryBytes == 0 || memoryBytes > maximum.memoryBytes { return "memory" }
        if cpuMillicores == 0 || cpuMillicores > maximum.cpuMillicores { return "cpus" }
        if processes == 0 || processes > maximum.processes { return "processes" }
        if openFiles == 0 || openFiles > maximum.openFiles { return "open-files" }
        if fileSizeBytes > maximum.fileSizeBytes { return "file-size" }
        if swapBytes > maximum.swapBytes { return "swap" }
        func isWider(_ own: UInt64?, _ most: UInt64?) -> Bool {
            if let most, (own ?? .max) > most { return true }
            return own == 0
        }
        // Absent is the policy's own size of /tmp.
        if let tmpBytes, isWider(tmpBytes, maximum.tmpBytes) { return "tmp" }
        if isWider(workspaceBytes, maximum.workspaceBytes) { return "workspace size" }
        if isWider(workspaceInodes, maximum.workspaceInodes) { return "workspace inodes" }
        if isWider(readBytesPerSecond, maximum.readBytesPerSecond) { return "read-rate" }
        if isWider(writeBytesPerSecond, maximum.writeBytesPerSecond) { return "write-rate" }
        return isWider(cpuSeconds, maximum.cpuSeconds) ? "cpu-time" : nil
    }

    func encode(to writer: inout BinaryWriter) {
        writer.put(memoryBytes)
        writer.put(cpuMillicores)
        writer.put(processes)
        writer.put(openFiles)
        writer.put(fileSizeBytes)
        writer.put(cpuSeconds)
        writer.put(swapBytes)
        writer.put(tmpBytes)
        writer.put(workspaceBytes)
        writer.put(workspaceInodes)
        writer.put(readBytesPerSecond)
        writer.put(writeBytesPerSecond)
    }

    init(from reader: inout BinaryReader) throws(PlanError) {
        memoryBytes = try reader.integer()
        cpuMillicores = try reader.integer()
        processes = try reader.integer()
        openFiles = try reader.integer()
        fileSizeBytes = try reader.integer()
        cpuSeconds = try reader.optional("cpu seconds")
        swapBytes = try reader.integer()
        tmpBytes = try reader.optional("size of tmp")
        workspaceBytes = try reader.optional("size of the workspace")
        workspaceInodes = try reader.optional("inodes of the workspace")
        readBytesPerSecond = try reader.optional("read rate")
        writeBytesPerSecond = try reader.optional("write rate")
    }
}
