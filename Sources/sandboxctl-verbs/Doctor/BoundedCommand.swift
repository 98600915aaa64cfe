import Glibc

/// A program of the host that is asked something, and is not waited for longer than it may take.
enum BoundedCommand {
    private static let maximumBytes = 64 << 10

    /// What it wrote on standard output when it ended with 0 in time; `nil` in every other case. It is killed then.
    ///
    /// - Parameter program: an absolute path; nothing is searched for in the caller's `PATH`.
    static func output(of program: String, _ arguments: [String], milliseconds: Int32) -> String? {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            return nil
        }
        let process = start(program, arguments, output: ends[1])
        close(ends[1])
        defer { close(ends[0]) }
        guard let process else { return nil }
        let end = now() + Int64(milliseconds)
        let text = readAll(ends[0], until: end)
        var status: Int32 = 0
        // Who has closed its output ends at once, or is not worth the wait.
        while waitpid(process, &status, WNOHANG) == 0 {
            if text == nil || now() >= end {
                kill(process, SIGKILL)
                waitpid(process, &status, 0)
                return nil
            }
            usleep(1000)
        }
        return status == 0 ? text : nil
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    private static func readAll(_ descriptor: Int32, until end: Int64) -> String? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.count < maximumBytes {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let rest = end - now()
            guard rest > 0, poll(&waiting, 1, Int32(rest)) > 0 else { return nil }
            let count = recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            if count < 0 {
                guard errno == EAGAIN || errno == EINTR else { return nil }
                continue
            }
            bytes += chunk[..<count]
        }
        return nil
    }

    private static func start(_ program: String, _ arguments: [String], output: Int32) -> pid_t? {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var variables = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER="]
        for name in ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"] {
            if let value = getenv(name) { variables.append("\(name)=\(String(cString: value))") }
        }
        var argv = ([program] + arguments).map { strdup($0) } + [nil]
        var environment = variables.map { strdup($0) } + [nil]
        defer { for pointer in argv + environment { free(pointer) } }
        var process: pid_t = 0
        return posix_spawn(&process, program, &actions, nil, &argv, &environment) == 0 ? process : nil
    }
}
