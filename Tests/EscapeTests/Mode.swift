import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

/// Who makes the sandboxes that are attacked.
enum Mode: Sendable {
    /// A service that root has started.
    case service
    /// An ordinary user for himself, with a daemon for each connection, as `sandboxctl exec --standalone` starts it.
    case rootless(user: UInt32)

    /// Cases make services of their own, and know of no mode.
    @TaskLocal static var current = Mode.service

    /// Names of what requests put up with; whatever is not lacking holds all the same.
    var accepted: [String] {
        switch self {
        case .service: []
        case .rootless: Weakness.allCases.map(\.name)
        }
    }

    /// A service's sandboxes come from an engine (`SANDBOX_BACKEND`). An ordinary user's never do.
    var isContainer: Bool {
        if case .service = self { Backend.current == .docker } else { false }
    }

    /// For tests of sandboxes that an ordinary user makes.
    static var rootlessIsNative: ConditionTrait { .nativeOnly("who may use an engine's socket is root") }

    /// Who owns workspaces.
    var caller: UInt32 {
        switch self {
        case .service: 0
        case .rootless(let user): user
        }
    }
}

/// A connection to whoever makes the sandboxes.
struct Caller: Sendable {
    let client: SandboxClient
    let mode: Mode

    private func accepting(_ request: RunRequest) -> RunRequest {
        var request = request
        request.acceptWeaker = mode.accepted
        return request
    }

    func run(_ request: RunRequest, input: [UInt8]? = nil) async throws -> RunOutput {
        try await client.run(accepting(request), input: input)
    }
    func start(_ request: RunRequest) async throws -> Run { try await client.start(accepting(request)) }
    func run(_ argv: String...) async throws -> RunOutput { try await run(RunRequest(argv: argv)) }
    func close() { client.close() }
}

/// The programs where everybody may execute them; the checkout may be closed to others.
final class OpenPrograms: Sendable {
    let directory = TemporaryDirectory()

    static let shared = Result { try OpenPrograms() }

    private init() throws {
        chmod(directory.path, 0o755)
        for name in ["sandboxd", "sandbox-launcher", "sandbox-init", "sandbox-probe"] {
            let copied = try Ran(["/bin/cp", BuiltProducts.path(name), "\(directory.path)/\(name)"])
            guard copied.status == 0 else { throw StageError.text(copied.errors) }
            chmod("\(directory.path)/\(name)", 0o755)
        }
    }

    func path(_ name: String) -> String { "\(directory.path)/\(name)" }
}
