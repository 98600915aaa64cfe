import CInitPlan
import LaunchPlan
import LinuxSystem
import SeccompFilter

/// Bytes of a structure followed by strings and tables at offsets, as init_plan.h describes.
private struct Blob {
    private(set) var bytes: [UInt8]

    init(headerBytes: Int) { bytes = [UInt8](repeating: 0, count: headerBytes) }

    /// Appends, 16-byte aligned, and says where.
    mutating func append(_ more: some Collection<UInt8>) -> UInt32 {
        bytes.append(contentsOf: repeatElement(0, count: (16 - bytes.count % 16) % 16))
        defer { bytes.append(contentsOf: more) }
        return UInt32(bytes.count)
    }

    mutating func append(_ strings: [String]) -> UInt32 {
        append(strings.flatMap { Array($0.utf8) + [0] })
    }

    func finished(_ header: some Any) -> [UInt8] {
        var bytes = self.bytes
        withUnsafeBytes(of: header) { bytes.replaceSubrange(0..<$0.count, with: $0) }
        return bytes
    }
}

/// `init_prepare`: what depends on the policy alone.
enum PrepareMessage {
    static func encode(
        _ policy: CompiledPolicy, rules: PathRules, filter: FilterProgram, watched: FilterRequest.Watched,
        isAudited: Bool, host: Host
    ) -> [UInt8] {
        let landlock = host.landlock
        var blob = Blob(headerBytes: MemoryLayout<init_prepare>.size)
        var header = init_prepare()
        header.loopback = policy.loopback ? 1 : 0
        header.execute_written = policy.executesWritten ? 1 : 0
        header.handled_access = landlock.handledAccess.rawValue
        header.handled_network = policy.loopback ? 0 : landlock.handledNetwork
        header.scoped = landlock.scoped
        header.identity = UInt32(
            policy.container != nil
                ? INIT_IDENTITY_GIVEN : host.rights.isRoot ? INIT_IDENTITY_OWN : INIT_IDENTITY_SINGLE)
        header.landlock_flags = isAudited ? UInt32(INIT_LANDLOCK_LOG) : 0
        header.watched = watched.rawValue
        header.refuse_executable_memory = !policy.writeExecuteMemory && host.memory.hasWriteExecuteRefusal ? 1 : 0
        var table: [UInt8] = []
        for rule in rules.rules {
            let entry = init_rule(access: rule.access.rawValue, path: blob.append([rule.path]), reserved: 0)
            withUnsafeBytes(of: entry) { table.append(contentsOf: $0) }
        }
        header.rule_count = UInt32(rules.rules.count)
        header.rules = blob.append(table)
        header.filter = blob.append(filter.instructions)
        header.filter_count = UInt32(filter.count)
        header.tmp_options = blob.append([TemporaryOptions.text(bytes: policy.tmpBytes)])
        header.shm_options = blob.append([TemporaryOptions.text(bytes: policy.shmBytes)])
        header.workspace_options = blob.append([WorkspaceMessage.usualOptions(of: policy)])
        header.bytes = UInt32(blob.bytes.count)
        return blob.finished(header)
    }
}

/// Mount options of a file system in memory, `tmpfs(5)`.
enum TemporaryOptions {
    /// More is no size of anything; the kernel rounds up to pages, and what overflows then is "no limit". The number of
    /// inodes it multiplies by 1024.
    static let mostBytes: UInt64 = 1 << 60
    static let mostInodes: UInt64 = 1 << 50

    /// - Parameter inodes: `nil` for one for each 4 KiB, so that empty files are bounded too.
    static func text(bytes: UInt64, inodes: UInt64? = nil) -> String {
        "mode=1777," + size(bytes: bytes, inodes: inodes)
    }

    /// What can be changed later.
    static func size(bytes: UInt64, inodes: UInt64? = nil) -> String {
        "size=\(bytes),nr_inodes=\(inodes ?? MemoryFiles.inodes(ofBytes: bytes))"
    }
}

/// `init_workspace`: how a request's file systems differ from what its policy's sandboxes have.
struct WorkspaceMessage {
    let hasMount: Bool
    /// The launcher has put everything in its place: pid 1 of a container cannot.
    private let isPlaced: Bool
    /// Mount options; `nil`: as it is.
    let options: String?
    let tmpOptions: String?

    init(_ limits: LaunchLimits, of policy: CompiledPolicy, hasMount: Bool) {
        self.hasMount = hasMount
        isPlaced = policy.container != nil
        let (asked, usual) = (Self.size(limits, of: policy), Self.size(policy.maximum, of: policy))
        options = hasMount || asked == usual ? nil : TemporaryOptions.size(bytes: asked.bytes, inodes: asked.inodes)
        let tmpBytes = limits.tmpBytes ?? policy.tmpBytes
        tmpOptions = tmpBytes < policy.tmpBytes ? TemporaryOptions.size(bytes: tmpBytes) : nil
    }

    /// pid 1 has nothing to do for this request.
    var changesNothing: Bool { !hasMount && options == nil && tmpOptions == nil }

    var encoded: [UInt8] {
        var message = init_workspace()
        message.has_mount = UInt32(!hasMount ? INIT_MOUNT_NONE : isPlaced ? INIT_MOUNT_PLACED : INIT_MOUNT_GIVEN)
        if isPlaced { return withUnsafeBytes(of: message) { Array($0) } }
        if let options { withUnsafeMutableBytes(of: &message.options) { Self.copy(options, to: $0) } }
        if let tmpOptions { withUnsafeMutableBytes(of: &message.tmp_options) { Self.copy(tmpOptions, to: $0) } }
        return withUnsafeBytes(of: message) { Array($0) }
    }

    /// Options of the workspace in memory that a policy's sandboxes have.
    static func usualOptions(of policy: CompiledPolicy) -> String {
        let usual = size(policy.maximum, of: policy)
        return TemporaryOptions.text(bytes: usual.bytes, inodes: usual.inodes)
    }

    private static func size(_ limits: LaunchLimits, of policy: CompiledPolicy) -> (bytes: UInt64, inodes: UInt64?) {
        (limits.workspaceBytes ?? limits.tmpBytes ?? policy.tmpBytes, limits.workspaceInodes)
    }

    /// Two numbers and three words: it always fits, with the NUL that is there already.
    private static func copy(_ text: String, to field: UnsafeMutableRawBufferPointer) {
        precondition(text.utf8.count < field.count, "mount options are too long")
        field.copyBytes(from: text.utf8)
    }
}

/// `init_command`.
enum CommandMessage {
    /// - Parameters:
    ///   - awaitsInit: `init_workspace` was sent.
    ///   - isCounted: a group counts and limits what the command's tree has. Else each process's own limits do what they can: on
    ///     processes and threads of the sandbox's user namespace (`RLIMIT_NPROC`, Linux 5.14), and on each one's own memory.
    static func encode(_ request: LaunchRequest, awaitsInit: Bool, isCounted: Bool) -> [UInt8] {
        var blob = Blob(headerBytes: MemoryLayout<init_command>.size)
        var header = init_command()
        header.argument_count = UInt32(request.argv.count)
        header.variable_count = UInt32(request.environment.count)
        header.terminal = request.terminal ? 1 : 0
        header.open_files = UInt64(request.limits.openFiles)
        header.file_size = request.limits.fileSizeBytes
        header.cpu_seconds = request.limits.cpuSeconds ?? .max
        header.processes = isCounted ? .max : UInt64(request.limits.processes) + 1
        header.data = isCounted ? .max : request.limits.memoryBytes
        header.has_executable = request.probe ? 1 : 0
        header.awaits_init = awaitsInit ? 1 : 0
        header.directory = blob.append([request.cwd.isEmpty ? "." : request.cwd])
        header.arguments = blob.append(request.argv)
        header.variables = blob.append(request.environment)
        header.bytes = UInt32(blob.bytes.count)
        return blob.finished(header)
    }
}
