import SandboxClient
import SandboxTestSupport
import Testing

/// Every reason for which a run ends, end to end: with the limit that was met and what was observed.
@Suite(.needs(.root), .needs(.cgroup), .serialized, .timeLimit(.minutes(3)))
struct OutcomeTests {
    private let service: ServiceFixture

    init() throws { service = try ServiceFixture() }

    fileprivate func result(
        _ argv: [String], _ limits: Limits = Limits(), policy: String? = nil
    ) async throws -> RunResult {
        try await service.client().run(RunRequest(argv: argv, policy: policy, limits: limits)).result
    }

    private func python(_ body: String) -> [String] { ["python3", "-ISc", "import os, signal, time\n" + body] }

    @Test func `exited and signaled have no limit`() async throws {
        let exited = try await result(["sh", "-c", "exit 250"]).outcome
        #expect(exited.reason == .exited && exited.code == 250 && exited.signal == nil)
        #expect(exited.limit == nil && exited.observed == nil)
        let signaled = try await result(["sh", "-c", "kill -ABRT $$"]).outcome
        #expect(signaled.reason == .signaled && signaled.signal == 6 && signaled.code == nil)
        #expect(signaled.limit == nil && signaled.observed == nil)
    }

    @Test func `wall and idle time`() async throws {
        let wall = try await result(["sleep", "60"], Limits(wallMilliseconds: 150))
        #expect(wall.outcome.reason == .wallTimeout && wall.outcome.limit == 150)
        #expect(wall.outcome.observed ?? 0 >= 150 && wall.usage.wallMilliseconds ?? 0 >= 150)
        #expect(wall.limits.wallMilliseconds == 150)
        let script = "for i in 1 2 3 4; do echo $i; sleep 0.2; done; sleep 60"
        let idle = try await result(["sh", "-c", script], Limits(idleMilliseconds: 900 * Slowness.factor))
        #expect(idle.outcome.reason == .idleTimeout && idle.outcome.limit == 900 * Slowness.factor)
        // Output puts it off: it is counted from the last of it.
        #expect(idle.outcome.observed ?? 0 >= 900 && idle.usage.wallMilliseconds ?? 0 >= 1500, "\(idle)")
        #expect(idle.usage.stdoutBytes == 8)
    }

    @Test func `CPU time of one process, and of many short ones`() async throws {
        let one = try await result(python("while time.process_time() < 20: pass"), Limits(cpuMilliseconds: 400))
        #expect(one.outcome.reason == .cpuTimeout && one.outcome.limit == 400)
        #expect(one.outcome.observed ?? 0 >= 400)
        // None of them would ever meet a limit of its own.
        let many = try await result(
            python(
                """
                end = time.monotonic() + 60
                while time.monotonic() < end:
                    if os.fork() == 0:
                        start = time.process_time()
                        while time.process_time() < start + 0.01: pass
                        os._exit(0)
                    os.wait()
                """), Limits(cpuMilliseconds: 500))
        #expect(many.outcome.reason == .cpuTimeout && many.outcome.limit == 500)
        #expect(many.outcome.observed ?? 0 >= 500)
        let used = (many.usage.userMilliseconds ?? 0) + (many.usage.systemMilliseconds ?? 0)
        #expect(used >= 450, "\(many.usage)")
        // Sleeping is not computing.
        let asleep = try await result(["sleep", "1"], Limits(cpuMilliseconds: 500))
        #expect(asleep.outcome.reason == .exited, "\(asleep)")
    }

    @Test func `memory, of the command and of a child only`() async throws {
        let limits = Limits(memoryBytes: 48 << 20)
        let taken = "b = b'x' * (200 << 20)"
        let whole = try await result(python(taken), limits)
        #expect(whole.outcome.reason == .memoryLimit && whole.outcome.limit == 48 << 20)
        #expect(whole.outcome.observed ?? 0 > 44 << 20)
        // Its parent would go on, and end well.
        let child = try await result(
            python("if os.fork() == 0:\n    \(taken)\nos.wait(); time.sleep(20); os._exit(0)"), limits)
        #expect(child.outcome.reason == .memoryLimit && child.outcome.limit == 48 << 20)
        #expect(child.outcome.observed ?? 0 > 44 << 20)
        // A shell that says 137 of its child is no answer.
        let shell = try await result(["sh", "-c", "dd if=/dev/zero of=/dev/null bs=200M count=1; exit 0"], limits)
        #expect(shell.outcome.reason == .memoryLimit, "\(shell)")
        // Files in memory are memory.
        let file = try await result(["sh", "-c", "head -c 200M /dev/zero > /tmp/f"], limits)
        #expect(file.outcome.reason == .memoryLimit, "\(file)")
        // SIGKILL from inside is none.
        let killed = try await result(["sh", "-c", "kill -KILL $$"], limits)
        #expect(killed.outcome.reason == .signaled && killed.outcome.signal == 9)
    }

    @Test func `output in sum`() async throws {
        let limits = Limits(outputBytes: 50_000)
        let result = try await result(["sh", "-c", "head -c 30000 /dev/zero; yes >&2"], limits)
        #expect(result.outcome.reason == .outputLimit && result.outcome.limit == 50_000)
        #expect(result.outcome.observed ?? 0 > 50_000)
        #expect(result.usage.stderrTruncated == true)
        // To the byte: as much as the limit is no overflow, one more is.
        let exact = try await self.result(["sh", "-c", "head -c 30000 /dev/zero; head -c 20000 /dev/zero >&2"], limits)
        #expect(exact.outcome.reason == .exited, "\(exact)")
        #expect(exact.usage.stdoutBytes == 30_000 && exact.usage.stderrBytes == 20_000)
        #expect(exact.usage.stdoutTruncated == false && exact.usage.stderrTruncated == false)
        let more = try await self.result(["sh", "-c", "head -c 30000 /dev/zero; head -c 20001 /dev/zero >&2"], limits)
        #expect(more.outcome.reason == .outputLimit && more.outcome.observed == 50_001, "\(more)")
    }

    @Test func `file size, by signal and by error`() async throws {
        let limits = Limits(fileSizeBytes: 100_000)
        let signal = try await result(["dd", "if=/dev/zero", "of=f", "bs=60000", "count=2"], limits)
        #expect(signal.outcome.reason == .fileSizeLimit && signal.outcome.limit == 100_000)
        #expect(signal.outcome.signal == 25)
        // Who ignores the signal sees EFBIG and goes on.
        let error = try await result(
            python(
                """
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                f = open("f", "wb", buffering=0)
                try:
                    for _ in range(2): f.write(b"x" * 60000)
                    f.write(b"x")
                except OSError as e: os._exit(e.errno)
                """), limits)
        #expect(error.outcome.reason == .exited && error.outcome.code == 27, "\(error)")
    }

    @Test func `processes are a limit that was hit, with its value and a count`() async throws {
        let result = try await result(
            python(
                """
                failed = 0
                for _ in range(20):
                    try:
                        if os.fork() == 0: time.sleep(5); os._exit(0)
                    except BlockingIOError: failed += 1
                os.write(1, b"%d" % failed); os._exit(3)
                """), Limits(processes: 8))
        #expect(result.outcome.reason == .exited && result.outcome.code == 3)
        #expect(result.limitsHit.map(\.limit) == ["processes"])
        #expect(result.limitsHit.first?.value == 8 && result.limitsHit.first?.count ?? 0 > 0)
        #expect(result.usage.processesPeak.map { $0 <= 8 } ?? true)
        let modest = try await self.result(["sh", "-c", "true & true & wait"], Limits(processes: 8))
        #expect(modest.limitsHit.isEmpty)
    }

    @Test func `denied, by a rule and by the kernel`() async throws {
        let rule = try await result(["sudo", "true"])
        #expect(rule.outcome.reason == .denied && rule.denials.first?.kind == .command)
        // In a container that file is the engine's, and nothing of the policy's keeps it from being executed.
        let kernel = Backend.current == .docker ? rule : try await result(["/etc/hosts"], policy: "python")
        #expect(
            kernel.outcome.reason == .denied
                && kernel.denials.first?.kind == (Backend.current == .docker ? .command : .exec))
        for denied in [rule, kernel] {
            #expect(denied.outcome.code == nil && denied.outcome.limit == nil && denied.outcome.observed == nil)
        }
    }

    @Test func `cancelled, killed by id, and a client that is gone`() async throws {
        let client = try await service.client()
        let other = try await service.client()
        func started(_ client: SandboxClient) async throws -> Run {
            let run = try await client.start(RunRequest(argv: ["sh", "-c", "echo up; exec sleep 60"]))
            for try await event in run.events {
                if case .standardOutput = event { break }
            }
            return run
        }
        let cancelled = try await started(client)
        cancelled.cancel()
        let killed = try await started(client)
        try await other.kill(killed.id)
        for run in [cancelled, killed] {
            var outcome: Outcome?
            for try await event in run.events { if case .result(let result) = event { outcome = result.outcome } }
            #expect(outcome?.reason == .cancelled && outcome?.limit == nil && outcome?.observed == nil)
        }
        let gone = try await started(client)
        client.close()
        // Nobody is left to be told; the record says it.
        #expect(
            try await eventually {
                try service.directory.read("log").split(separator: "\n").contains {
                    $0.contains(gone.id) && $0.contains("reason=client_gone")
                }
            })
    }
}

/// File systems in memory that were full when the command ended.
extension OutcomeTests {
    @Test func `a full file system is a limit that was hit`() async throws {
        let limits = Limits(tmpBytes: 1 << 20)
        let full = try await result(["sh", "-c", "head -c 4M /dev/zero > /tmp/f; exit 5"], limits)
        #expect(full.outcome.reason == .exited && full.outcome.code == 5)
        #expect(full.limitsHit == [LimitHit(limit: "tmp", value: 1 << 20)], "\(full)")
        // Full, and then not: what the command made of it cannot be known.
        let removed = try await result(["sh", "-c", "head -c 4M /dev/zero > /tmp/f; rm /tmp/f"], limits)
        #expect(removed.limitsHit.isEmpty, "\(removed)")
        let modest = try await result(["sh", "-c", "head -c 500K /dev/zero > /tmp/f"], limits)
        #expect(modest.outcome.code == 0 && modest.limitsHit.isEmpty, "\(modest)")
    }
}
