import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport

/// A real sandboxd for these tests: with a secret in its environment and a directory of the host left open, as a careless
/// start would leave them.
final class Service: Sendable {
    let directory = TemporaryDirectory()
    let daemon: StartedProgram
    var socket: String { "\(directory.path)/sandboxd.sock" }
    static let environmentSecret = "SECRET-of-the-daemon"

    /// - Parameter policies: further ones, by name.
    init(policies: [String: String] = [:], options: [String] = []) throws {
        let path = "\(directory.path)/sandboxd.sock"
        chmod(directory.path, 0o755)
        var arguments = [BuiltProducts.path("sandboxd"), "--socket", path] + options
        for (name, text) in policies.sorted(by: { $0.key < $1.key }) {
            try directory.write("\(name).yaml", text)
            arguments += ["--policy-file", "\(directory.path)/\(name).yaml"]
        }
        let log = open("\(directory.path)/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let host = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { for descriptor in [log, null, host] { close(descriptor) } }
        daemon = try StartedProgram(
            arguments, environment: ["PATH=/usr/bin:/bin", "ESCAPE_DAEMON_SECRET=\(Self.environmentSecret)"],
            descriptors: [null, log, log, host, host])
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

    deinit {
        kill(daemon.pid, SIGTERM)
        daemon.wait()
    }

    func client() async throws -> SandboxClient { try await SandboxClient.connect(socket: socket) }

    var log: String { (try? directory.read("log")) ?? "" }

    /// A connected descriptor, or -1.
    static func connect(_ path: String) -> Int32 {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if result == 0 { return descriptor }
        close(descriptor)
        return -1
    }

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
