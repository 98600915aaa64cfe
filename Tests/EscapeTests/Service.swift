import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Synchronization

/// A real sandboxd for these tests: with a secret in its environment and a directory of the host left open, as a careless
/// start would leave them. In the mode of whoever makes it.
final class Service: Sendable {
    let directory = TemporaryDirectory()
    /// Root's; without root the first of those that the user has started.
    let daemon: StartedProgram
    let mode = Mode.current
    var socket: String { "\(directory.path)/sandboxd.sock" }
    static let environmentSecret = "SECRET-of-the-daemon"

    private let policyOptions: [String]
    /// Without root: all that were started, and the first one's connection until somebody takes it.
    private let started = Mutex<(daemons: [StartedProgram], unused: Int32?)>(([], nil))

    /// - Parameter policies: further ones, by name.
    init(policies: [String: String] = [:], options: [String] = []) throws {
        chmod(directory.path, 0o755)
        var arguments: [String] = []
        var policies = policies
        if mode.isContainer {
            // What every other one builds on, so that there is no attempt that is made beside a container.
            policies["default"] = try Backend.containerPolicy(ahead: 0)
            // What it adds to `default` cannot be kept in an image.
            policies["python-only"] = "version: 1\nextends: python\n"
            arguments += ["--docker-socket", DockerEngine.socket]
        }
        for (name, text) in policies.sorted(by: { $0.key < $1.key }) {
            try directory.write("\(name).yaml", text)
            arguments += ["--policy-file", "\(directory.path)/\(name).yaml"]
        }
        policyOptions = arguments
        guard case .service = mode else {
            let (first, descriptor) = try Self.startPrivate(mode.caller, arguments, in: directory)
            daemon = first
            started.withLock { $0 = ([first], descriptor) }
            return
        }
        let path = "\(directory.path)/sandboxd.sock"
        daemon = try Self.start(
            [BuiltProducts.path("sandboxd"), "--socket", path] + options + arguments, in: directory)
        for _ in 0..<1000 {
            let descriptor = Self.connect(path)
            if descriptor >= 0 {
                close(descriptor)
                return
            }
            usleep(10_000)
        }
        throw StageError.text("sandboxd does not answer: \((try? directory.read("log")) ?? "")")
    }

    /// - Parameter connection: what it serves; -1 for none.
    private static func start(
        _ arguments: [String], in directory: TemporaryDirectory, connection: Int32 = -1
    ) throws -> StartedProgram {
        let log = open("\(directory.path)/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let host = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { for descriptor in [log, null, host] { close(descriptor) } }
        return try StartedProgram(
            arguments, environment: ["PATH=/usr/bin:/bin", "ESCAPE_DAEMON_SECRET=\(Self.environmentSecret)"],
            descriptors: [null, log, log, connection >= 0 ? connection : host, host])
    }

    private static func startPrivate(
        _ user: UInt32, _ options: [String], in directory: TemporaryDirectory
    ) throws -> (StartedProgram, Int32) {
        let (own, theirs) = try pairOf(user)
        defer { close(theirs) }
        let program = try OpenPrograms.shared.get().path("sandboxd")
        let arguments = [program, "--connection-fd", "3", "--log-level", "error", "--warm", "0"] + options
        return (try start(Bench.becoming(user) + arguments, in: directory, connection: theirs), own)
    }

    /// A socket pair as that user would have made it: the kernel remembers who did (SO_PEERCRED).
    private static func pairOf(_ user: UInt32) throws -> (Int32, Int32) {
        guard setegid(user) == 0, seteuid(user) == 0 else { throw StageError.text("seteuid") }
        defer {
            seteuid(0)
            setegid(0)
        }
        return try DescriptorPair.sockets(SOCK_STREAM).release()
    }

    deinit {
        let (daemons, unused) = started.withLock { $0 }
        if let unused { close(unused) }
        for program in daemons.isEmpty ? [daemon] : daemons {
            kill(program.pid, SIGTERM)
            program.wait()
        }
    }

    func client() async throws -> Caller {
        guard case .rootless(let user) = mode else {
            return Caller(client: try await SandboxClient.connect(socket: socket), mode: mode)
        }
        let descriptor = try started.withLock { started in
            if let unused = started.unused {
                started.unused = nil
                return unused
            }
            let (program, descriptor) = try Self.startPrivate(user, policyOptions, in: directory)
            started.daemons.append(program)
            return descriptor
        }
        return Caller(client: try await SandboxClient(descriptor: descriptor), mode: mode)
    }

    var log: String { (try? directory.read("log")) ?? "" }

    /// A connected descriptor, or -1.
    static func connect(_ path: String) -> Int32 { (try? UnixSocket.connected(SOCK_STREAM, to: path)) ?? -1 }

    /// The policy of most attempts: `default`, the widest that is built in, with smaller file systems in memory so that
    /// filling them takes no time.
    static let widest = """
        version: 1
        extends: default
        description: The widest, with small file systems
        filesystem: { tmp: 32MiB, shm: 16MiB }
        """
}

/// A program run to its end, with what it wrote.
struct Ran {
    var status: Int32
    var output: String
    var errors: String

    /// - Parameter leaked: descriptors that the program finds open beside the standard ones, from 3 on.
    init(
        _ arguments: [String], environment: [String: String] = [:], in directory: String? = nil, leaked: [Int32] = []
    ) throws {
        let files = TemporaryDirectory()
        let paths = ["out", "err"].map { "\(files.path)/\($0)" }
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let outputs = paths.map { open($0, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600) }
        defer { for descriptor in [null] + outputs { close(descriptor) } }
        let variables = ["PATH=/usr/bin:/bin"] + environment.map { "\($0.key)=\($0.value)" }
        // posix_spawn has no portable working directory; a shell has.
        let command = directory.map { ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", $0] + arguments } ?? arguments
        status = try StartedProgram(
            command, environment: variables, descriptors: [null] + outputs + leaked
        ).wait()
        output = try files.read("out")
        errors = try files.read("err")
    }
}
