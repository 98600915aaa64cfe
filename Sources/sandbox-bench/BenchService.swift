import ArgumentParser
import FoundationEssentials
import Glibc
import LinuxSystem
import SandboxClient

/// A directory of this program's own below /var/tmp: on a disk, because what lies in memory cannot be a workspace
/// everywhere. Removed with the value.
final class ScratchDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/var/tmp/sandbox-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("create", "/var/tmp/sandbox-bench-*", errno: errno) }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws {
        let path = "\(path)/\(name)"
        let file = OwnedDescriptor(
            owning: try system("create", path) { open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644) })
        let number = file.number
        let count = try system("write", path) { Glibc.write(number, text, text.utf8.count) }
        guard count == text.utf8.count else { throw SystemError("write", path, errno: ENOSPC) }
    }

    func makeDirectory(_ name: String) throws -> String {
        let path = "\(path)/\(name)"
        try system("create directory", path) { mkdir(path, 0o755) }
        return path
    }
}

/// A sandboxd with its launcher, on a socket in a directory of its own.
final class BenchService: Sendable {
    let directory: ScratchDirectory
    let daemon: pid_t
    let launcher: pid_t
    var socket: String { "\(directory.path)/sandboxd.sock" }
    private var logPath: String { "\(directory.path)/log" }

    /// Starts one and waits until it answers. `policies`: further ones, by name; `options`: of sandboxd.
    init(policies: [String: String] = [:], options: [String] = []) async throws {
        directory = try ScratchDirectory()
        var arguments = ["sandboxd", "--socket", "\(directory.path)/sandboxd.sock", "--log-level", "info"] + options
        for (name, text) in policies.sorted(by: { $0.key < $1.key }) {
            try directory.write("\(name).yaml", text)
            arguments += ["--policy-file", "\(directory.path)/\(name).yaml"]
        }
        let log = "\(directory.path)/log"
        daemon = try Self.spawn(Self.executable("sandboxd"), arguments, log: log)
        do {
            launcher = try await Self.launcher(of: daemon, socket: "\(directory.path)/sandboxd.sock")
        } catch {
            kill(daemon, SIGTERM)
            throw ValidationError("\(error): \((try? wholeFile(log)) ?? "")")
        }
    }

    func client() async throws -> SandboxClient { try await SandboxClient.connect(socket: socket) }

    /// A connected descriptor, for the caller to close.
    func connect() async throws -> Int32 {
        switch try await SandboxClient.openSocket(socket) {
        case .success(let descriptor): return descriptor
        case .failure(let failure): throw failure.serviceError
        }
    }

    /// Ends it and waits for its end. Once.
    func stop() {
        kill(daemon, SIGTERM)
        var status: Int32 = 0
        while waitpid(daemon, &status, 0) < 0 && errno == EINTR {}
    }

    /// What it has logged so far, line by line.
    func log() throws -> [Substring] { try wholeFile(logPath).split(separator: "\n") }

    /// How much it has logged so far.
    func logBytes() throws -> Int {
        var status = stat()
        try system("describe", logPath) { stat(logPath, &status) }
        return Int(status.st_size)
    }

    /// What it has logged since there were so many bytes.
    func log(after bytes: Int) throws -> [Substring] {
        let file = OwnedDescriptor(owning: try system("open", logPath) { open(logPath, O_RDONLY | O_CLOEXEC) })
        let number = file.number
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let count = try system("read", logPath) { pread(number, &buffer, buffer.count, off_t(bytes)) }
        return String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: "\n")
    }

    private static func launcher(of daemon: pid_t, socket: String) async throws -> pid_t {
        for _ in 0..<1000 {
            if case .success(let descriptor) = try await SandboxClient.openSocket(socket) {
                close(descriptor)
                // Its only child ever.
                if let child = try ProcessTable.children(of: daemon).first { return child }
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw ValidationError("sandboxd does not answer")
    }

    /// Beside this program.
    static func executable(_ name: String) throws -> String {
        guard let resolved = realpath("/proc/self/exe", nil) else {
            throw SystemError("read", "/proc/self/exe", errno: errno)
        }
        defer { free(resolved) }
        let own = String(cString: resolved)
        let path = String(own[..<(own.lastIndex(of: "/") ?? own.startIndex)]) + "/\(name)"
        guard access(path, X_OK) == 0 else { throw SystemError("execute", path, errno: errno) }
        return path
    }

    /// In this program's process group: Ctrl-C ends both.
    private static func spawn(_ path: String, _ arguments: [String], log: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO)
        var argv = arguments.map { strdup($0) } + [nil]
        let variables = ["PATH=/usr/bin:/bin"]
        var environment = variables.map { strdup($0) } + [nil]
        defer { for pointer in argv + environment { free(pointer) } }
        var pid: pid_t = 0
        let status = posix_spawn(&pid, path, &actions, nil, &argv, &environment)
        guard status == 0 else { throw SystemError("start", path, errno: status) }
        return pid
    }
}
