import CInit
import CInitPlan

/// What a request says of the file systems comes last: a prepared sandbox waits here for it.
struct Workspace {
    /// Whether it is a tmpfs of this sandbox.
    let isInMemory: Bool

    /// - Parameter inMemory: the workspace of a request that says nothing of it, not mounted yet.
    static func receiveAndMount(_ prepare: Prepare, inMemory: Int32) -> Workspace {
        var message = init_workspace()
        var descriptor: Int32 = -1
        var count: Int32 = 0
        let size = MemoryLayout<init_workspace>.size
        let received = init_receive(INIT_SOCKET, &message, UInt(size), &descriptor, &count)
        // The end of the socket: this sandbox is not needed.
        if received == 0 { System.exit(0) }
        let isWhole = received == size && count == message.has_mount && isTerminated(&message)
        Report.require(init_stage_receive, isWhole ? 0 : -Int(Errno.invalid))
        resizeTemporary(&message, prepare)
        if count == 1 || message.options.0 == 0 {
            attach(count == 1 ? descriptor : inMemory)
        } else {
            let result = withUnsafePointer(to: &message.options) {
                FileSystems.temporary(prepare, at: target, options: System.address(UnsafeRawPointer($0)))
            }
            Report.require(init_stage_mount_workspace, result)
        }
        // Neither descriptor is closed: at the end of a tree that was detached the kernel waits for an RCU grace period, which is
        // for this process's end and not for a command's start.
        return Workspace(isInMemory: count == 0)
    }

    private static var target: StaticString { "/sandbox/workspace" }

    private static func attach(_ tree: Int32) {
        let empty: StaticString = ""
        Report.require(
            init_stage_mount_workspace,
            System.call(
                __NR_move_mount, Int(tree), System.address(empty), Open.here, System.address(target), Flag.emptyPath))
    }

    private static func isTerminated(_ message: inout init_workspace) -> Bool {
        func ends(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes[bytes.count - 1] == 0 }
        return withUnsafeBytes(of: &message.options) { ends($0) }
            && withUnsafeBytes(of: &message.tmp_options) { ends($0) }
    }

    /// /tmp is empty still, and the command's process, which waits, cannot change a mount.
    private static func resizeTemporary(_ message: inout init_workspace, _ prepare: Prepare) {
        guard message.tmp_options.0 != 0 else { return }
        let result = withUnsafePointer(to: &message.tmp_options) {
            System.mount(
                "tmpfs", at: "/tmp", type: "tmpfs", flags: MountFlag.remount | prepare.writableFlags,
                options: System.address(UnsafeRawPointer($0)))
        }
        Report.require(init_stage_mount_tmp, result)
    }

    /// Which of the file systems in memory have no room left, INIT_FULL_*.
    func fullSpaces() -> UInt32 {
        var full = Self.full("/tmp", INIT_FULL_TMP) | Self.full("/dev/shm", INIT_FULL_SHM)
        if isInMemory { full |= Self.full("/sandbox/workspace", INIT_FULL_WORKSPACE) }
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
