import Glibc
import SandboxTestSupport

/// The files that cases work on, beside this one.
enum Scripts {
    static let directory: String = {
        let file = #filePath
        return file[..<(file.lastIndex(of: "/") ?? file.endIndex)] + "/Scripts"
    }()
}

/// Does a case's work twice, at the same time, on two copies of the same directory.
struct Runner {
    let service: Service
    let task: Case
    private let files = TemporaryDirectory()

    init(_ task: Case, _ service: Service) {
        self.task = task
        self.service = service
    }

    /// Longer than any policy gives: the sandbox ends first.
    private static let patienceSeconds = 120

    func run() throws -> (outside: Outcome, inside: Outcome, report: String) {
        let outside = try Workspace(for: task)
        let inside = try Workspace(for: task)
        let environment = (Self.environments[task.policy] ?? []) + Self.environment
        // A private /tmp and /dev/shm, as inside; limits as in the policy; no descriptor of whoever started the tests.
        // Nothing else stands between host and command.
        let started = try start(
            "outside",
            [
                "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/bash", "-ec", Self.setUp, "bash",
                "/usr/bin/prlimit", "--nofile=\(openFiles)", "--fsize=\(fileSize)", "--core=1", "--nice=0",
                "--rtprio=0",
            ] + Self.asUser + ["/usr/bin/env", "-i", "-C", outside.path] + environment + task.command)
        let sandboxed = try start(
            "inside",
            Self.asUser + [
                "\(service.directory.path)/sandboxctl", "exec", "--quiet", "--socket", service.socket, "--policy",
                task.policy, "--workspace", inside.path, "--report", "/dev/fd/3", "--",
            ] + task.command)
        return (
            try started.outcome(in: outside, seenAs: outside.path),
            try sandboxed.outcome(in: inside, seenAs: "/sandbox/workspace"), (try? files.read("inside.report")) ?? ""
        )
    }

    private static let setUp = """
        umask 022
        mount -t tmpfs -o mode=1777,size=256m tmpfs /tmp
        mount -t tmpfs -o mode=1777,size=64m tmpfs /dev/shm
        for fd in /proc/$$/fd/*; do
            fd=${fd##*/}
            if [ $fd -gt 2 ]; then eval "exec $fd>&-"; fi
        done
        exec "$@"
        """

    private static let asUser = [
        "/usr/bin/setpriv", "--reuid", "\(Service.user)", "--regid", "\(Service.user)", "--clear-groups",
    ]

    /// As `default.yaml` sets it.
    private static let environment = [
        "PATH=\(Case.searchPath)", "HOME=/tmp", "LANG=C.UTF-8", "USER=sandbox", "LOGNAME=sandbox", "TMPDIR=/tmp",
    ]
    /// What other policies add.
    private static let environments = ["python": ["PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"]]

    private var openFiles: Int { ["python", "shell"].contains(task.policy) ? 256 : 1024 }
    private var fileSize: Int { ["python", "shell"].contains(task.policy) ? 100 << 20 : 1 << 30 }

    private func start(_ side: String, _ command: [String]) throws -> Side {
        let input = "\(files.path)/\(side).in"
        try writeInput(to: input)
        return try Side(
            command, name: side, files: files, input: input, patience: Self.patienceSeconds,
            reports: side == "inside")
    }

    /// A block of noise, again and again, each time with its number in front.
    private func writeInput(to path: String) throws {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        var block: [UInt8] = []
        while block.count < min(task.inputSize, 1 << 18) {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            block.append(UInt8(truncatingIfNeeded: state))
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        var left = task.inputSize
        while left > 0 {
            block[0] &+= 1
            let count = min(left, block.count)
            guard write(descriptor, block, count) == count else { throw ServiceError.text("no input: errno \(errno)") }
            left -= count
        }
    }
}

/// A started side: the command, and three `cat`s between its pipes and our files.
private struct Side {
    let command: StartedProgram
    let helpers: [StartedProgram]
    let name: String
    let files: TemporaryDirectory
    let deadline: Int

    /// - Parameter reports: whether descriptor 3 is a file for a report.
    init(
        _ arguments: [String], name: String, files: TemporaryDirectory, input: String, patience: Int, reports: Bool
    ) throws {
        self.name = name
        self.files = files
        deadline = time(nil) + patience
        let source = open(input, O_RDONLY | O_CLOEXEC)
        let targets = ["stdout", "stderr", "report"].map {
            open("\(files.path)/\(name).\($0)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        }
        fchown(targets[2], Service.user, Service.user)
        let pipes = try (0..<3).map { _ in try Pipe() }
        defer { for descriptor in [source] + targets + pipes.flatMap({ [$0.read, $0.write] }) { close(descriptor) } }
        command = try StartedProgram(
            arguments,
            descriptors: [pipes[0].read, pipes[1].write, pipes[2].write] + (reports ? [targets[2]] : []),
            newSession: true)
        // A reader that ends early must not stop the one who feeds it with a message.
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        helpers = [
            try StartedProgram(["/bin/cat"], descriptors: [source, pipes[0].write, null]),
            try StartedProgram(["/bin/cat"], descriptors: [pipes[1].read, targets[0], null]),
            try StartedProgram(["/bin/cat"], descriptors: [pipes[2].read, targets[1], null]),
        ]
    }

    /// Pipes as the user's own shell makes them: who opens /dev/stdout must own it.
    private struct Pipe {
        var read: Int32
        var write: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { throw ServiceError.text("no pipe: errno \(errno)") }
            for end in ends {
                _ = fcntl(end, F_SETFD, FD_CLOEXEC)
                fchown(end, Service.user, Service.user)
            }
            (read, write) = (ends[0], ends[1])
        }
    }

    func outcome(in workspace: Workspace, seenAs path: String) throws -> Outcome {
        let status = wait(command)
        // What outlives the command holds its output open, as in a shell's pipeline, and ends with it.
        for helper in helpers { wait(helper) }
        return Outcome(
            status: status, stdout: try contents("stdout"), stderr: try contents("stderr"),
            files: try Snapshot(workspace.path), workspace: path, directory: workspace)
    }

    private func contents(_ suffix: String) throws -> [UInt8] {
        try Snapshot.contents(Array("\(files.path)/\(name).\(suffix)".utf8))
    }

    /// Ends the session's leader and its group at the deadline.
    @discardableResult
    private func wait(_ program: StartedProgram) -> Int32 {
        while time(nil) < deadline {
            var information = siginfo_t()
            waitid(P_PID, UInt32(program.pid), &information, WEXITED | WNOHANG | WNOWAIT)
            if information.si_signo != 0 { return program.wait() }
            usleep(2000)
        }
        kill(-program.pid, SIGKILL)
        return program.wait()
    }
}

/// A directory of the user's with a case's files. Its path is as long as `/sandbox/workspace`, so that outputs which count
/// or lay out bytes are the same.
final class Workspace {
    let path: String

    init(for task: Case) throws {
        var template = Array("/var/tmp/sb-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ServiceError.text("no workspace: errno \(errno)") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        chmod(path, 0o755)
        if case .script(let name) = task.work {
            let source = "\(Scripts.directory)/\(name)"
            let isFile = name.split(separator: "/").last?.contains(".") ?? false
            try Self.run(["/bin/cp", "-R", isFile ? source : "\(source)/.", path])
            // Whatever the umask of the checkout was.
            try Self.run(["/bin/chmod", "-R", "u=rwX,go=rX", path])
        }
        try Self.run(["/bin/chown", "-R", "\(Service.user):\(Service.user)", path])
    }

    deinit {
        // What is left lies in /var/tmp.
        try? Self.run(["/bin/rm", "-rf", path])
    }

    private static func run(_ command: [String]) throws {
        guard try StartedProgram(command, descriptors: []).wait() == 0 else {
            throw ServiceError.text(command.joined(separator: " "))
        }
    }
}
