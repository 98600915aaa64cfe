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
    let connection: Connection

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

    /// The service has ended it, or `close()` has.
    var hasEnded: Bool { connection.hasEnded }

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
    /// A relative `workspace` is this program's: it is made absolute here. A request that a daemon older than this library
    /// does not know throws `ServiceError.Code.invalidRequest` before it is sent.
    public func start(_ request: RunRequest) async throws -> Run {
        var request = request
        try server.require(request.needs)
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
    ///   - captureBytes: how much of each output stream to return, from its start; the rest is read and dropped. To have
    ///     its end instead, or both, and to have the rest dropped by the daemon, say `keep` in the request.
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
    ///
    /// `keep`: how much of each output stream is wanted, its head, its tail or both; `nil` is all of it.
    public func run(
        _ argv: String..., policy: String? = nil, workspace: String? = nil, cwd: String? = nil,
        environment: [String: String] = [:], limits: Limits = Limits(), keep: OutputKeep? = nil,
        input: [UInt8]? = nil, captureBytes: Int = defaultCaptureBytes
    ) async throws -> RunOutput {
        let request = RunRequest(
            argv: argv, policy: policy, workspace: workspace, cwd: cwd, environment: environment, limits: limits,
            keep: keep)
        return try await run(request, input: input, captureBytes: captureBytes)
    }

    private static func collect(_ run: Run, captureBytes: Int) async throws -> RunOutput {
        var output = Capture(maximumBytes: captureBytes)
        var errors = Capture(maximumBytes: captureBytes)
        for try await event in run.events {
            switch event {
            case .started, .usage: break
            case .standardOutput(let bytes): output.append(bytes)
            case .standardError(let bytes): errors.append(bytes)
            case .omitted(.stdout, let bytes): output.omit(bytes)
            case .omitted(.stderr, let bytes): errors.omit(bytes)
            case .result(let result):
                return RunOutput(
                    result: result, standardOutput: output.bytes, standardError: errors.bytes,
                    isStandardOutputTruncated: output.isTruncated, isStandardErrorTruncated: errors.isTruncated,
                    omittedOutput: output.omitted, omittedErrors: errors.omitted)
            }
        }
        throw ServiceError(.notConnected, "run \(run.id) ended without a result")
    }

    /// A workspace as the daemon takes it.
    package static func absolute(_ path: String) throws(ServiceError) -> String {
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

    package init(server: String, protocolVersion: Int, capabilities: [String]) {
        self.server = server
        self.protocolVersion = protocolVersion
        self.capabilities = capabilities
    }
}
