import CInit
import CInitPlan

/// The workspace comes last: a prepared sandbox waits here for its request.
enum Workspace {
    static func receiveAndMount(_ prepare: Prepare) {
        var message = init_workspace()
        var descriptor: Int32 = -1
        var count: Int32 = 0
        let size = MemoryLayout<init_workspace>.size
        let received = init_receive(INIT_SOCKET, &message, UInt(size), &descriptor, &count)
        // The end of the socket: this sandbox is not needed.
        if received == 0 { System.exit(0) }
        Report.require(init_stage_receive, received == size && count == message.has_mount ? 0 : -Int(Errno.invalid))
        let target: StaticString = "/sandbox/workspace"
        guard count == 1 else {
            let options = prepare.header.pointee.tmp_options
            return Report.require(
                init_stage_mount_workspace, FileSystems.temporary(prepare, at: target, options: options))
        }
        let empty: StaticString = ""
        let result = System.call(
            __NR_move_mount, Int(descriptor), System.address(empty), Open.here, System.address(target),
            Flag.emptyPath)
        System.close(descriptor)
        Report.require(init_stage_mount_workspace, result)
    }
}
