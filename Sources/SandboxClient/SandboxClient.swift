import Glibc
// What the client's calls take and give is part of its API: one import is enough for a program.
@_exported public import SandboxModel
import SandboxWire

/// A connection to `sandboxd`, on which any number of runs can be alive at once.
///
/// ```swift
/// let sandbox = try await SandboxClient.connect()
/// let output = try await sandbox.run("python3", "-c", script, policy: "python", workspace: ".")
/// print(output.outputText, output.result.outcome.message)
/// ```
///
/// Calls throw `ServiceError` when the service could not do what was asked, and `CancellationError` when their task was
/// cancelled. How a command ended, well or not, is never an error: it is the result's `outcome`. The connection ends
/// with `close()`, or when the client and every `Run` of it are gone; the daemon then ends its runs.
public final class SandboxClient: Sendable {
    /// Where a service listens unless it was told otherwise.
    public static let defaultSocket = "/run/sandboxd/sandboxd.sock"
    /// Bytes of each output stream that `run` keeps unless told otherwise.
    public static let defaultCaptureBytes = 16 << 20

    /// How the daemon introduced itself.
    public let server: ServerHello
    private let connection: Connection

    /// Connects to a service: at `socket`, else at `$SANDBOXD_SOCKET`, else at `defaultSocket`.
    public static func connect(socket: String? = nil) async throws -> SandboxClient {
        switch try await openSocket(socket ?? standardSocket) {
        case .success(let descriptor): return try await SandboxClient(descriptor: descriptor)
        case .failure(let failure): throw failure.serviceError
        }
    }

    /// Speaks over a connected stream socket, and owns it from now on: also when this throws.
    public init(descriptor: Int32) async throws {
        let connection = try Connection(descriptor: descriptor)
        do {
            server = try await connection.greet()
        } catch {
            connection.close()
            throw error
        }
        self.connection = connection
    }

    deinit { connection.close() }

    /// Ends the connection and with it its runs. Every waiting call throws `ServiceError.Code.notConnected`.
    public func close() { connection.close() }

    /// `$SANDBOXD_SOCKET`, else `defaultSocket`.
    package static var standardSocket: String {
        getenv("SANDBOXD_SOCKET").map { String(cString: $0) } ?? defaultSocket
    }

    /// A connected descriptor; its failure says whether a daemon is there at all.
    package static func openSocket(_ path: String) async throws -> Result<Int32, ConnectFailure> {
        try await onThread { connectSocket(path: path) }
    }
}

extension SandboxClient {
    /// Starts a run and returns once the daemon has taken it.
    ///
    /// A relative `workspace` is this program's: it is made absolute here.
    public func start(_ request: RunRequest) async throws -> Run {
        var request = request
        request.workspace = try request.workspace.map(Self.absolute)
        let channel = try await connection.startRun(request)
        let handle = RunHandle(channel: channel, client: self)
        // A throw, also of the task's cancellation, drops the handle and so cancels the run.
        return Run(id: try await channel.waitUntilAccepted(), handle: handle)
    }

    /// Runs a command to its end and returns what it wrote.
    ///
    /// - Parameters:
    ///   - input: the command's standard input; without it the command reads end of file.
    ///   - captureBytes: how much of each output stream to keep; the rest is read and dropped.
    public func run(
        _ request: RunRequest, input: [UInt8]? = nil, captureBytes: Int = defaultCaptureBytes
    ) async throws -> RunOutput {
        var request = request
        request.stdin = input != nil
        let run = try await start(request)
        guard let input else { return try await Self.collect(run, captureBytes: captureBytes) }
        return try await withThrowingTaskGroup { group in
            group.addTask {
                // A command may end without reading its input: the result says how it ended, not this.
                try? await run.write(input)
                try? await run.closeInput()
            }
            defer { group.cancelAll() }
            return try await Self.collect(run, captureBytes: captureBytes)
        }
    }

    /// Runs a command, given as its words, to its end and returns what it wrote.
    public func run(
        _ argv: String..., policy: String? = nil, workspace: String? = nil, cwd: String? = nil,
        environment: [String: String] = [:], limits: Limits = Limits(), input: [UInt8]? = nil,
        captureBytes: Int = defaultCaptureBytes
    ) async throws -> RunOutput {
        let request = RunRequest(
            argv: argv, policy: policy, workspace: workspace, cwd: cwd, environment: environment, limits: limits)
        return try await run(request, input: input, captureBytes: captureBytes)
    }

    /// The caller's runs that are alive, of all of its connections.
    public func runs() async throws -> [RunSummary] {
        guard case .runs(_, let runs) = try await connection.ask({ .list(channel: $0) }) else {
            throw ServiceError(.protocolViolation, "sandboxd answered list with something else")
        }
        return runs
    }

    /// Ends a run by id, also one of another connection of the same user.
    public func kill(_ id: String) async throws {
        guard case .killed = try await connection.ask({ .kill(channel: $0, id: id) }) else {
            throw ServiceError(.protocolViolation, "sandboxd answered kill with something else")
        }
    }

    /// The policies that the caller may use: all of the service's for root.
    public func policies() async throws -> [PolicySummary] {
        try requirePolicyMessages()
        guard case .policies(_, let policies) = try await connection.ask({ .policies(channel: $0) }) else {
            throw ServiceError(.protocolViolation, "sandboxd answered policies with something else")
        }
        return policies
    }

    /// Probes the confinement of a policy, or of all of them, anew: what each probe found.
    ///
    /// - Parameter allChecks: for one policy, also the checks that held.
    public func verify(policy: String? = nil, allChecks: Bool = false) async throws -> [PolicyVerification] {
        guard server.capabilities.contains(WireCapability.verify) else {
            throw ServiceError(.invalidRequest, "\(server.server) cannot verify policies: it is older than this client")
        }
        let message = try await connection.ask { .verify(channel: $0, policy: policy, allChecks: allChecks) }
        guard case .verified(_, let policies) = message else {
            throw ServiceError(.protocolViolation, "sandboxd answered verify with something else")
        }
        return policies
    }

    /// One of them, with all that holds in it as `effective`.
    public func policy(_ name: String) async throws -> PolicySummary {
        try requirePolicyMessages()
        guard case .policy(_, let policy) = try await connection.ask({ .policy(channel: $0, name: name) }) else {
            throw ServiceError(.protocolViolation, "sandboxd answered policy with something else")
        }
        return policy
    }

    private func requirePolicyMessages() throws(ServiceError) {
        guard server.capabilities.contains(WireCapability.policies) else {
            throw ServiceError(.invalidRequest, "this sandboxd is too old to be asked for its policies")
        }
    }

    private static func collect(_ run: Run, captureBytes: Int) async throws -> RunOutput {
        var output = Capture(maximumBytes: captureBytes)
        var errors = Capture(maximumBytes: captureBytes)
        for try await event in run.events {
            switch event {
            case .started: break
            case .standardOutput(let bytes): output.append(bytes)
            case .standardError(let bytes): errors.append(bytes)
            case .result(let result):
                return RunOutput(
                    result: result, standardOutput: output.bytes, standardError: errors.bytes,
                    isStandardOutputTruncated: output.isTruncated, isStandardErrorTruncated: errors.isTruncated)
            }
        }
        throw ServiceError(.notConnected, "run \(run.id) ended without a result")
    }

    private static func absolute(_ path: String) throws(ServiceError) -> String {
        if path.hasPrefix("/") {
            // As completion in a shell leaves it. What else is odd about a path is the daemon's to refuse.
            let end = path.lastIndex { $0 != "/" }
            return end.map { String(path[...$0]) } ?? "/"
        }
        guard let resolved = realpath(path, nil) else {
            throw ServiceError(.workspaceNotFound, "failed to resolve workspace \(path): \(ErrorNumber.current)")
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

/// What a daemon says of itself when a connection begins.
public struct ServerHello: Sendable, Equatable {
    /// Name and version, for people.
    public let server: String
    public let protocolVersion: Int
    public let capabilities: [String]
}
