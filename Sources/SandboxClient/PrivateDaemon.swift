import Glibc
package import SandboxModel

/// A `sandboxd` for one call: it serves one connection, made here, and ends when that does.
package struct PrivateDaemon: Sendable {
    private let process: pid_t
    /// Our end of the connection, for `SandboxClient` to own.
    package let descriptor: CInt

    /// Starts one. Its stderr is ours, so that what it misses is said in its own words.
    ///
    /// - Parameters:
    ///   - policyFile: one more than it has.
    ///   - policy: the only one that will be asked for, where that is known: the others are not made ready.
    package init(policyFile: String? = nil, policy: String? = nil) throws(ServiceError) {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ServiceError(.notConnected, "failed to make a socket pair: \(ErrorNumber.current)")
        }
        defer { close(ends[1]) }
        // stderr is the command's: only what keeps the call from working is said there.
        var arguments = ["sandboxd", "--connection-fd", "3", "--log-level", "error", "--warm", "0"]
        if let policyFile { arguments += ["--policy-file", policyFile] }
        if let policy { arguments += ["--only-policy", policy] }
        do throws(ServiceError) {
            process = try Self.spawn(Self.executable(), arguments, connection: ends[1])
        } catch {
            close(ends[0])
            throw error
        }
        descriptor = ends[0]
    }

    /// Waits until it has ended, blocking; for after the connection's end. Returns its status in words.
    @discardableResult
    package func waitUntilEnded() -> String {
        var status: CInt = 0
        while waitpid(process, &status, 0) < 0 {
            if errno != EINTR { return "not known" }
        }
        let signal = status & 0x7f
        return signal == 0 ? "exit status \((status >> 8) & 0xff)" : "signal \(signal)"
    }

    private static func executable() throws(ServiceError) -> String {
        do throws(CompanionProgram.Absence) {
            return try CompanionProgram.path("sandboxd")
        } catch {
            throw ServiceError(
                .notConnected, "no service answers, and there is no sandboxd that could be started: \(error)")
        }
    }

    private static func spawn(
        _ path: String, _ arguments: [String], connection: CInt
    ) throws(ServiceError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, connection, 3)
        // Our stdin and stdout are the command's alone.
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A process group of its own: Ctrl-C is for us, and we cancel the run. Signals as at a program's start.
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var set = sigset_t()
        sigemptyset(&set)
        posix_spawnattr_setsigmask(&attributes, &set)
        sigaddset(&set, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &set)

        var argv = arguments.map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        var process: pid_t = 0
        let status = posix_spawn(&process, path, &actions, &attributes, &argv, environ)
        guard status == 0 else {
            throw ServiceError(.notConnected, "failed to start \(path): \(ErrorNumber(status))")
        }
        return process
    }
}
