import ArgumentParser
import LinuxSystem
import SandboxClient

/// How long other commands take meanwhile.
struct Latency: Encodable {
    var name: String
    var runs: Int
    var p50Nanoseconds: UInt64
    var p99Nanoseconds: UInt64

    init(_ name: String, _ samples: [UInt64]) {
        let times = Distribution(samples)
        self.name = name
        runs = samples.count
        p50Nanoseconds = times.p50
        p99Nanoseconds = times.p99
    }
}

/// One client stops reading its command's output for a while; others go on, on the same connection and on another.
struct StalledClient {
    private let service: BenchService
    private let seconds: Int
    private let bytes: UInt64

    /// The command writes an eighth of `bytes`, at least 64 MiB: more than all buffers on its way hold.
    init(service: BenchService, seconds: Int, bytes: UInt64) {
        self.service = service
        self.seconds = seconds
        self.bytes = max(64 << 20, bytes / 8)
    }

    func measure() async throws -> (row: FloodRow, latencies: [Latency]) {
        let own = try await service.client()
        let other = try await service.client()
        let alone = try await Self.latencies(other, for: .seconds(2))
        let before = try ServiceMemory(service)
        let most = try ServiceMemory.most(of: service)
        defer { most.cancel() }
        let start = monotonicNanoseconds()
        let request = RunRequest(argv: ["head", "-c", "\(bytes)", "/dev/zero"], policy: "flood")
        let run = try await own.start(request)
        var events = run.events.makeAsyncIterator()
        var carried: UInt64 = 0
        // Well under way.
        while carried < 16 << 20, let event = try await events.next() { carried += event.outputCount }
        async let here = Self.latencies(own, for: .seconds(seconds))
        async let there = Self.latencies(other, for: .seconds(seconds))
        let (same, another) = try await (here, there)
        var result: RunResult?
        while let event = try await events.next() {
            carried += event.outputCount
            if case .result(let end) = event { result = end }
        }
        let nanoseconds = monotonicNanoseconds() - start
        most.cancel()
        let during = try await most.value
        guard let result, result.outcome.code == 0, carried == bytes else {
            throw ValidationError("\(carried) of \(bytes) bytes came: \(result.map { "\($0.outcome)" } ?? "nothing")")
        }
        own.close()
        other.close()
        try await Task.sleep(for: .seconds(1))
        let row = FloodRow(
            name: "a client that does not read for \(seconds) s", written: result.usage.stdoutBytes ?? 0,
            carried: carried, nanoseconds: nanoseconds, before: before, during: during,
            after: try ServiceMemory(service))
        return (
            row,
            [
                Latency("nothing else", alone),
                Latency("both at once; the client that does not read, on the same connection", same),
                Latency("both at once; the same from another connection", another),
            ]
        )
    }

    /// Runs `true` one after the other.
    private static func latencies(_ client: SandboxClient, for time: Duration) async throws -> [UInt64] {
        let end = ContinuousClock.now + time
        var samples: [UInt64] = []
        repeat {
            let start = monotonicNanoseconds()
            let output = try await client.run("true")
            samples.append(monotonicNanoseconds() - start)
            guard output.isSuccess else { throw ValidationError("true ended as \(output.result.outcome)") }
        } while ContinuousClock.now < end
        return samples
    }
}

extension RunEvent {
    fileprivate var outputCount: UInt64 {
        switch self {
        case .standardOutput(let bytes), .standardError(let bytes): UInt64(bytes.count)
        case .started, .usage, .omitted, .result: 0
        }
    }
}
