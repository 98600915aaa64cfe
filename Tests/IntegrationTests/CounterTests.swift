import SandboxClient
import SandboxTestSupport
import Testing

/// What one run has used and met is nothing of the next one's.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct CounterTests {
    /// A modest command after a greedy one. Its figures have room: a loaded machine, a debug build.
    private func expectFresh(_ output: RunOutput) {
        let usage = output.result.usage
        #expect(output.result.outcome.reason == .exited && output.result.outcome.code == 0, "\(output.result)")
        #expect(usage.memoryPeakBytes ?? .max < 40 << 20, "\(usage)")
        #expect(usage.processesPeak.map { $0 <= 4 } ?? true, "\(usage)")
        #expect((usage.userMilliseconds ?? .max) &+ (usage.systemMilliseconds ?? 0) < 400, "\(usage)")
        #expect(usage.stdoutBytes == 3 && usage.stderrBytes == 0)
        #expect(usage.stdoutTruncated == false && usage.stderrTruncated == false)
        #expect(output.result.limitsHit.isEmpty && output.result.denials.isEmpty, "\(output.result)")
    }

    private static let greedy: [(name: String, argv: [String], limits: Limits)] = [
        (
            "memory, processes, CPU time and output",
            [
                "python3", "-ISc",
                """
                import os, time
                b = b"x" * (200 << 20)
                for _ in range(20):
                    if os.fork() == 0: time.sleep(0.3); os._exit(0)
                while time.process_time() < 0.7: pass
                os.write(1, b"y" * 100000)
                """,
            ], Limits()
        ),
        (
            "an end for memory", ["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"],
            Limits(memoryBytes: 24 << 20)
        ),
        (
            "a child's end for memory", ["sh", "-c", "dd if=/dev/zero of=/dev/null bs=64M count=1 & sleep 20"],
            Limits(memoryBytes: 24 << 20)
        ),
        (
            "refused forks", ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2 & done; wait"],
            Limits(processes: 4)
        ),
        ("too much output", ["yes"], Limits(outputBytes: 10_000)),
        ("CPU time", ["sh", "-c", "while :; do :; done"], Limits(cpuMilliseconds: 300)),
        ("a refused call", ["unshare", "--net", "true"], Limits()),
    ]

    @Test func `every counter starts at zero, whatever the run before did`() async throws {
        let service = try ServiceFixture()
        let client = try await service.client()
        for (name, argv, limits) in Self.greedy {
            let greedy = try await client.run(RunRequest(argv: argv, limits: limits)).result
            // It did use or meet something that would show.
            let met = greedy.outcome.reason != .exited || !greedy.limitsHit.isEmpty || !greedy.denials.isEmpty
            #expect(met || greedy.usage.memoryPeakBytes ?? 0 > 200 << 20, "\(name): \(greedy)")
            expectFresh(try await client.run("echo", "ok"))
        }
    }

    @Test func `nor do runs at the same time count for each other`() async throws {
        let service = try ServiceFixture()
        let client = try await service.client()
        let (name, argv, limits) = Self.greedy[0]
        for _ in 0..<3 {
            async let greedy = client.run(RunRequest(argv: argv, limits: limits))
            for _ in 0..<5 { expectFresh(try await client.run("echo", "ok")) }
            let usage = try await greedy.result.usage
            #expect(usage.memoryPeakBytes ?? 0 > 200 << 20, "\(name): \(usage)")
        }
    }
}
