import Backoff
import Glibc

/// A service that may be restarted, full or not there for a while: connects when it is needed, and tries again what fails for the time
/// being, with pauses that spread its callers.
///
/// ```swift
/// let sandboxes = ResilientClient()
/// let output = try await sandboxes.run(RunRequest(argv: ["make", "test"], workspace: "."))
/// ```
///
/// Every call has its tries and its time (`RetryPolicy`); all calls share one connection, and one circuit breaker: of a service that
/// three calls in a row did not reach nobody asks for a while, and then one. Only `ServiceError`s of category `temporary` are tried
/// again; a request whose connection ended before it was answered is not, because its command may have run: except by who says
/// `isRepeatable`. Cancelling the task ends a pause at once, and a run as it does with `SandboxClient`.
public actor ResilientClient {
    private let socket: String
    private let retry: RetryPolicy
    private let surroundings: Surroundings
    private var breaker = CircuitBreaker()
    private var client: SandboxClient?
    /// Whoever needs a connection meanwhile waits for this one.
    private var connecting: Task<SandboxClient, any Error>?

    /// What it has of the world, in tests played.
    struct Surroundings: Sendable {
        var connect: @Sendable (String) async throws -> SandboxClient = { try await SandboxClient.connect(socket: $0) }
        /// Nanoseconds of a clock that only goes forward.
        var now: @Sendable () -> UInt64 = { monotonicNow() }
        var sleep: @Sendable (UInt64) async throws -> Void = { try await Task.sleep(nanoseconds: $0) }
        var dice: @Sendable () -> Double = { Double.random(in: 0...1) }
    }

    /// Of the service at `socket`, else at `$SANDBOXD_SOCKET`, else at `SandboxClient.defaultSocket`. Nothing is connected yet.
    public init(socket: String? = nil, retry: RetryPolicy = RetryPolicy()) {
        self.init(socket: socket, retry: retry, Surroundings())
    }

    init(socket: String? = nil, retry: RetryPolicy, _ surroundings: Surroundings) {
        self.socket = socket ?? SandboxClient.standardSocket
        self.retry = retry
        self.surroundings = surroundings
    }

    var isConnected: Bool { client?.hasEnded == false }

    /// Ends the connection, and with it the runs that are alive. The next call makes another one.
    public func close() {
        client?.close()
        client = nil
    }

    /// Runs a command to its end and returns what it wrote, as `SandboxClient.run`.
    ///
    /// - Parameter isRepeatable: the command may run twice, where a connection ended before it was known whether it has run.
    public func run(
        _ request: RunRequest, input: [UInt8]? = nil, captureBytes: Int = SandboxClient.defaultCaptureBytes,
        isRepeatable: Bool = false
    ) async throws -> RunOutput {
        try await trying(isRepeatable: isRepeatable) { client in
            try await client.run(request, input: input, captureBytes: captureBytes)
        }
    }

    /// Calls `body` with a connected client, and again while it throws what is temporary.
    ///
    /// - Parameter isRepeatable: it may be called again also where its connection ended in the middle.
    public func trying<Value: Sendable>(
        isRepeatable: Bool = false, _ body: @Sendable (SandboxClient) async throws -> Value
    ) async throws -> Value {
        let begin = surroundings.now()
        var attempt = 0
        while true {
            var progress = RetryPolicy.Progress.none
            do {
                let client = try await connected()
                progress = .unknown
                return try await body(client)
            } catch let error as ServiceError {
                let pause = retry.pause(
                    after: error, progress, isRepeatable: isRepeatable, attempt: attempt, dice: surroundings.dice())
                let spent = surroundings.now() - begin
                guard let pause, spent < retry.patience.nanoseconds, pause <= retry.patience.nanoseconds - spent else {
                    throw error
                }
                try await surroundings.sleep(pause)
                attempt += 1
            }
        }
    }

    private func connected() async throws -> SandboxClient {
        if let client, !client.hasEnded { return client }
        client = nil
        if let connecting { return try await connecting.value }
        if let pause = breaker.admit(now: surroundings.now()) {
            throw ServiceError(
                .notConnected, "\(socket) has not answered several times, and is not asked again yet",
                category: .temporary,
                retryAfterMilliseconds: pause / 1_000_000 + 1)
        }
        // A task of its own: who waits for it may be cancelled, and others wait too.
        let (connect, socket) = (surroundings.connect, socket)
        let task = Task { try await connect(socket) }
        connecting = task
        defer { connecting = nil }
        do {
            let client = try await task.value
            breaker.succeeded()
            self.client = client
            return client
        } catch {
            breaker.failed(now: surroundings.now(), dice: surroundings.dice())
            throw error
        }
    }
}

/// CLOCK_MONOTONIC, nanoseconds.
private func monotonicNow() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
