import CInit
import CInitPlan

/// What the command works in: a tmpfs of this sandbox, until a request brings a caller's directory.
struct Workspace {
    private(set) var isInMemory = true

    static var path: StaticString { "/sandbox/workspace" }

    /// What a request says of the file systems.
    mutating func receive(_ prepare: Prepare) {
        var message = init_workspace()
        var descriptor: Int32 = -1
        var count: Int32 = 0
        let size = MemoryLayout<init_workspace>.size
        let received = init_receive(INIT_SOCKET, &message, UInt(size), &descriptor, &count)
        // The end of the socket: this sandbox is not needed.
        if received == 0 { System.exit(0) }
        let isWhole =
            received == size && count == (message.has_mount == UInt32(INIT_MOUNT_GIVEN) ? 1 : 0)
            && Self.isTerminated(&message)
        Report.require(init_stage_receive, isWhole ? 0 : -Int(Errno.invalid))
        Self.resize("/tmp", by: &message.tmp_options, prepare, init_stage_mount_tmp)
        if count == 1 {
            Self.attach(descriptor)
            isInMemory = false
        } else if message.has_mount == UInt32(INIT_MOUNT_PLACED) {
            isInMemory = false
        } else {
            Self.resize(Self.path, by: &message.options, prepare, init_stage_mount_workspace)
        }
    }

    /// The descriptor is not closed: at the end of a tree that was detached the kernel waits for an RCU grace period, which is
    /// for this process's end and not for a command's start.
    private static func attach(_ tree: Int32) {
        let empty: StaticString = ""
        Report.require(
            init_stage_mount_workspace,
            System.call(
                __NR_move_mount, Int(tree), System.address(empty), Open.here, System.address(path), Flag.emptyPath))
    }

    private static func isTerminated(_ message: inout init_workspace) -> Bool {
        func ends(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes[bytes.count - 1] == 0 }
        return withUnsafeBytes(of: &message.options) { ends($0) }
            && withUnsafeBytes(of: &message.tmp_options) { ends($0) }
    }

    /// A tmpfs that is empty still; and the command's process, which waits, cannot change a mount.
    private static func resize(
        _ target: StaticString, by options: inout init_options, _ prepare: Prepare, _ stage: init_stage
    ) {
        guard options.text.0 != 0 else { return }
        let result = withUnsafePointer(to: &options.text) {
            System.mount(
                "tmpfs", at: target, type: "tmpfs", flags: MountFlag.remount | prepare.writableFlags,
                options: System.address(UnsafeRawPointer($0)))
        }
        Report.require(stage, result)
    }

    /// Which of the file systems in memory have no room left, INIT_FULL_*.
    func fullSpaces() -> UInt32 {
        var full = Self.full("/tmp", INIT_FULL_TMP) | Self.full("/dev/shm", INIT_FULL_SHM)
        if isInMemory { full |= Self.full(Self.path, INIT_FULL_WORKSPACE) }
        return full
    }

    private static func full(_ path: StaticString, _ bit: Int32) -> UInt32 {
        let found = path.utf8Start.withMemoryRebound(to: CChar.self, capacity: path.utf8CodeUnitCount + 1) {
            init_is_full($0)
        }
        let blocks = UInt32(bit)
        return (found & 1 != 0 ? blocks : 0) | (found & 2 != 0 ? blocks << UInt32(INIT_FULL_INODES) : 0)
    }
}
