import CInit
import CInitPlan

/// pid 1 of a container: an engine has started this program, and not the launcher.
enum Container {
    /// The launcher gives this program its two sockets. Where there are none, an engine has started it: it comes to the launcher by
    /// itself, through the one thing of the host's that is mounted there beside this program. Nobody could be told of what fails
    /// here, but for the engine.
    static func enter() {
        let missing = -Int(Errno.badDescriptor)
        guard System.call(__NR_fcntl, Int(INIT_SOCKET), Flag.getDescriptor) == missing else { return }
        settle()
        let path: StaticString = "/.sandbox/socket"
        // In this order: the launcher takes the first one for this process's.
        connect(path, as: INIT_SOCKET)
        connect(path, as: INIT_COMMAND_SOCKET)
    }

    /// What whoever started the engine ignored has come down to here. Go's runtime resets most of it, but not signals 32 to 34, and
    /// posix_spawn(3) of a program with threads has 32 ignored (glibc). The launcher does this for what it starts itself.
    private static func settle() {
        for number in 1...64 { _ = init_default_signal(number) }
        _ = init_block_signals(0)
    }

    private static func connect(_ path: StaticString, as descriptor: Int32) {
        let socket = init_connect(UnsafeRawPointer(path.utf8Start).assumingMemoryBound(to: CChar.self))
        guard socket >= 0 else { System.exit(1) }
        if socket == Int(descriptor) { return }
        guard System.call(__NR_dup3, socket, Int(descriptor), Open.closeOnExec) >= 0 else { System.exit(1) }
        System.close(Int32(socket))
    }
}
