import ArgumentParser
import Glibc
import SandboxClient

/// What a sandbox costs over starting the same program without one.
///
/// Both are measured in turn (A B A B), so that a noisy machine harms both alike; the ratio is the figure, not the
/// milliseconds.
@main
struct SandboxBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox-bench",
        abstract: "Compare /bin/true in a fresh sandbox, over an open connection, with posix_spawn and wait.")

    @Option(help: "How often each is measured.") var runs = 300
    @Option(help: "The policy.") var policy = "default"
    @Option(help: "A running service's socket (default: a private daemon).") var socket: String?
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        guard (10...1_000_000).contains(runs) else { throw ValidationError("--runs takes 10 to 1000000") }
    }

    func run() async throws {
        let daemon = socket == nil ? try PrivateDaemon() : nil
        let client =
            if let daemon {
                try await SandboxClient(descriptor: daemon.descriptor)
            } else {
                try await SandboxClient.connect(socket: socket)
            }
        let report = try await measure(client)
        print(json ? report.json : report.table)
        client.close()
        _ = try await daemon?.waitUntilEnded()
    }

    private func measure(_ client: SandboxClient) async throws -> ExecReport {
        var spawned: [UInt64] = []
        var sandboxed: [UInt64] = []
        var started: [UInt64] = []
        for index in 0..<(runs + Self.warmUp) {
            let plain = try Self.timed { try spawnAndWait("/bin/true") }
            let before = Self.now()
            let output = try await client.run("/bin/true", policy: policy)
            let sandbox = Self.now() - before
            guard output.isSuccess else { throw ValidationError("/bin/true ended as \(output.result.outcome)") }
            guard index >= Self.warmUp else { continue }
            spawned.append(plain)
            sandboxed.append(sandbox)
            started.append(UInt64((output.result.usage.startMilliseconds ?? 0) * 1_000_000))
        }
        return ExecReport(
            runs: runs, spawn: Distribution(spawned), sandbox: Distribution(sandboxed), start: Distribution(started))
    }

    private static let warmUp = 10

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private static func timed(_ body: () throws -> Void) rethrows -> UInt64 {
        let before = now()
        try body()
        return now() - before
    }
}

/// The yardstick: posix_spawn(3) and waitpid(2) of a program without arguments.
private func spawnAndWait(_ path: String) throws {
    var pid: pid_t = 0
    var argv = [strdup(path), nil]
    var envp: [UnsafeMutablePointer<CChar>?] = [nil]
    defer { free(argv[0]) }
    let failure = posix_spawn(&pid, path, nil, nil, &argv, &envp)
    guard failure == 0 else { throw ValidationError("failed to start \(path): errno \(failure)") }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    guard status == 0 else { throw ValidationError("\(path) ended with status \(status)") }
}
