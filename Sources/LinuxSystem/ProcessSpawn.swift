import CSandbox
import Glibc

/// A child process, started by `posix_spawn(3)` and reaped by its parent.
package struct ChildProcess: Sendable {
    package let pid: Int32

    /// Starts a program with one socket as its descriptor 3, /dev/null as standard input and output, this process's
    /// standard error, no other descriptor, default signals and an environment of its own.
    ///
    /// It gets a process group: the terminal's Ctrl-C is sandboxd's to handle.
    package init(
        executing path: String, arguments: [String], environment: [String], socket: Int32
    ) throws(SystemError) {
        try closeAllOnExec()
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, socket, 3)
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        posix_spawnattr_setflags(&attributes, Int16(flags))
        let argv = CStrings(arguments)
        let environment = CStrings(environment)
        var pid: pid_t = 0
        let code = posix_spawn(&pid, path, &actions, &attributes, argv.pointers, environment.pointers)
        guard code == 0 else { throw SystemError("start", path, errno: code) }
        self.pid = pid
    }

    /// Waits until the process has ended, at most so long. Returns whether it has.
    package func wait(milliseconds: Int32) -> Bool {
        // A child that nobody else reaps: its number is its own.
        let pidfd = sandbox_pidfd_open(pid)
        if pidfd >= 0 {
            var state = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
            while poll(&state, 1, milliseconds) < 0, errno == EINTR {}
            close(pidfd)
        }
        var status: Int32 = 0
        while true {
            let result = waitpid(pid, &status, WNOHANG)
            if result < 0, errno == EINTR { continue }
            return result != 0
        }
    }
}

/// A NULL-ended array of C strings.
private final class CStrings {
    let pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) { pointers = strings.map { strdup($0) } + [nil] }
    deinit { for pointer in pointers { free(pointer) } }
}

/// Marks every descriptor but the standard three, whoever opened it and however.
private func closeAllOnExec() throws(SystemError) {
    for number in try openDescriptors() where number > 2 {
        try system("mark a descriptor") { fcntl(number, F_SETFD, FD_CLOEXEC) }
    }
}
