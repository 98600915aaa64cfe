import Glibc
import SandboxTestSupport
import Synchronization
import Testing

/// A real sandboxd with a launcher, for a whole suite, and what its cases found.
final class Service: Sendable {
    @TaskLocal static var current: Service?

    /// Who runs the cases, on both sides: an ordinary user, with the number that the command has inside.
    static let user: UInt32 = 1000

    let directory = TemporaryDirectory()
    let socket: String
    private let daemon: StartedProgram
    private let rows = Mutex<[Table.Row]>([])

    init() throws {
        socket = "\(directory.path)/sandboxd.sock"
        // An ordinary user connects, and starts a copy of sandboxctl: the checkout may be in root's home.
        chmod(directory.path, 0o755)
        try Self.copy(BuiltProducts.path("sandboxctl"), to: directory.path)
        // Policies must be root's, and the checkout may be somebody else's.
        try Self.copy("\(Scripts.directory)/policies", to: "\(directory.path)/policies")
        let log = open("\(directory.path)/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer {
            close(log)
            close(null)
        }
        daemon = try StartedProgram(
            [
                BuiltProducts.path("sandboxd"), "--socket", socket, "--socket-mode", "0666", "--policy-directory",
                "\(directory.path)/policies",
            ], descriptors: [null, log, log])
        for _ in 0..<3000 {
            if isAnswering { return }
            usleep(10_000)
        }
        stop()
        throw ServiceError.text("sandboxd does not listen: \((try? directory.read("log")) ?? "")")
    }

    private var isAnswering: Bool {
        guard let descriptor = try? UnixSocket.connected(SOCK_STREAM, to: socket) else { return false }
        close(descriptor)
        return true
    }

    private static func copy(_ source: String, to target: String) throws {
        guard try StartedProgram(["/bin/cp", "-R", source, target], descriptors: []).wait() == 0 else {
            throw ServiceError.text("failed to copy \(source)")
        }
    }

    func stop() {
        kill(daemon.pid, SIGTERM)
        daemon.wait()
    }

    func add(_ row: Table.Row) { rows.withLock { $0.append(row) } }

    /// Everything that was found, in the order of the cases.
    var table: Table { Table(rows: rows.withLock { $0 }) }
}

enum ServiceError: Error { case text(String) }

/// Starts the service before a suite, stops it after, and writes the table where `SANDBOX_COMPATIBILITY_TABLE` says.
struct WithService: SuiteTrait, TestScoping {
    func provideScope(for test: Test, testCase: Test.Case?, performing function: () async throws -> Void) async throws {
        let service = try Service()
        defer { service.stop() }
        try await Service.$current.withValue(service) { try await function() }
        let table = service.table
        guard !table.rows.isEmpty, let path = getenv("SANDBOX_COMPATIBILITY_TABLE") else { return }
        try table.write(to: String(cString: path))
    }
}

extension Trait where Self == WithService {
    static var withService: Self { Self() }
}
