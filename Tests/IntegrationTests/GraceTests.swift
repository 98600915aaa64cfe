import Glibc
import SandboxClient
import SandboxTestSupport
import Testing

/// Runs that wait for a sandbox to be made: more at once than are ready.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct WaitingSignalTests {
    @Test func `a signal for a run that waits for its sandbox is kept for its command`() async throws {
        let service = try ServiceFixture(options: ["--warm", "1"])
        let client = try await service.client()
        // Its policy is proven and in use.
        _ = try await client.run("true")
        let ends = try await withThrowingTaskGroup(of: Outcome.self) { group -> [Outcome] in
            for _ in 1...12 {
                group.addTask {
                    let run = try await client.start(RunRequest(argv: ["sleep", "5"]))
                    try await run.signal(SIGTERM)
                    for try await case .result(let result) in run.events { return result.outcome }
                    throw FixtureError.text("no result")
                }
            }
            return try await group.reduce(into: [Outcome]()) { $0.append($1) }
        }
        #expect(ends.allSatisfy { $0.reason == .signaled && $0.signal == SIGTERM }, "\(ends)")
    }
}

/// The time between SIGTERM and the kill: who gets it, what can be done in it, and what it changes of the outcome (nothing).
@Suite(.needs(.root), .needs(.cgroup), .serialized, .timeLimit(.minutes(3)))
struct GraceTests {
    private let policies = TemporaryDirectory()
    private let service: ServiceFixture

    init() throws {
        try policies.write("patient.yaml", "version: 1\nextends: default\nlimits: { grace: 1m }\n")
        service = try ServiceFixture(options: ["--policy-file", "\(policies.path)/patient.yaml"])
    }

    /// Longer than any machine is slow: who needs it all has missed its end.
    private static let long: UInt64 = 60_000
    /// When a shell has begun and set its handler, also on a host that does not do much at once.
    private static let soon: UInt64 = 700 * Slowness.factor

    /// Says "up", and on SIGTERM runs `handler`.
    private static func shell(_ handler: String) -> [String] {
        ["sh", "-c", "trap '\(handler)' TERM; echo up; while :; do sleep 0.05; done"]
    }

    private func run(_ argv: [String], _ limits: Limits, workspace: String? = nil) async throws -> RunOutput {
        try await service.client().run(RunRequest(argv: argv, policy: "patient", workspace: workspace, limits: limits))
    }

    private func start(_ client: SandboxClient, _ request: RunRequest) async throws -> Run {
        let run = try await client.start(request)
        for try await event in run.events {
            if case .standardOutput = event { break }
        }
        return run
    }

    private func rest(of run: Run) async throws -> (output: String, result: RunResult) {
        var output = ""
        for try await event in run.events {
            if case .standardOutput(let bytes) = event { output += String(decoding: bytes, as: UTF8.self) }
            if case .result(let result) = event { return (output, result) }
        }
        throw FixtureError.text("no result")
    }

    @Test func `what a handler writes arrives, and its exit does not change the reason`() async throws {
        let output = try await run(
            Self.shell("echo tidying; exit 3"), Limits(wallMilliseconds: Self.soon, graceMilliseconds: Self.long))
        #expect(output.outputText == "up\ntidying\n")
        #expect(output.result.outcome.reason == .wallTimeout && output.result.outcome.limit == Self.soon)
        #expect(output.result.outcome.observed ?? 0 >= Self.soon)
        #expect(output.result.usage.wallMilliseconds ?? .max < Self.long)
        // Nor does its death by the signal.
        let died = try await run(["sleep", "100"], Limits(wallMilliseconds: 300, graceMilliseconds: Self.long))
        #expect(died.result.outcome.reason == .wallTimeout && died.result.outcome.limit == 300)
    }

    @Test func `who ignores the signal is killed when the grace is over`() async throws {
        let output = try await run(Self.shell(""), Limits(wallMilliseconds: Self.soon, graceMilliseconds: 600))
        #expect(output.result.outcome.reason == .wallTimeout && output.result.outcome.limit == Self.soon)
        #expect(output.result.usage.wallMilliseconds ?? 0 >= Self.soon + 600, "\(output.result.usage)")
    }

    @Test func `without a grace there is no signal`() async throws {
        let output = try await run(
            Self.shell("echo tidying; exit 3"), Limits(wallMilliseconds: Self.soon, graceMilliseconds: 0))
        #expect(output.outputText == "up\n" && output.result.outcome.reason == .wallTimeout)
    }

    @Test func `every process gets it, also in sessions of their own and stopped ones`() async throws {
        let script = """
            import os, signal, time
            def child(name, stop):
                pid = os.fork()
                if pid: return pid
                os.setsid()
                def told(*_): os.write(1, name); os._exit(0)
                signal.signal(signal.SIGTERM, told)
                os.write(1, b"+")
                if stop: os.kill(os.getpid(), signal.SIGSTOP)
                while True: time.sleep(1)
            pids = [child(b"a", False), child(b"b", True), child(b"c", False)]
            def told(*_):
                for pid in pids: os.waitpid(pid, 0)
                os.write(1, b"!"); os._exit(0)
            signal.signal(signal.SIGTERM, told)
            while True: time.sleep(1)
            """
        let output = try await run(
            ["python3", "-ISc", script], Limits(wallMilliseconds: 3 * Self.soon, graceMilliseconds: Self.long))
        #expect(output.outputText.sorted() == "+++abc!".sorted() && output.outputText.hasSuffix("!"))
        #expect(output.result.outcome.reason == .wallTimeout)
        #expect(output.result.usage.wallMilliseconds ?? .max < Self.long)
    }

    private static let untilTold = "trap 'echo tidied; exit 3' TERM; : > up; while :; do :; done"

    /// A start is told a moment after it: who has just begun is asked as anybody.
    @Test func `a command that has just begun has it too, and hears signals`() async throws {
        let client = try await service.client()
        for turn in 0..<6 {
            let workspace = TemporaryDirectory()
            let run = try await client.start(
                RunRequest(
                    argv: ["sh", "-c", Self.untilTold], policy: "patient", workspace: workspace.path,
                    limits: Limits(wallMilliseconds: 20_000, graceMilliseconds: Self.long)))
            for _ in 0..<50_000 where access("\(workspace.path)/up", F_OK) != 0 { usleep(100) }
            if turn % 2 == 0 { run.cancel() } else { try await run.signal(SIGTERM) }
            var text = ""
            for try await event in run.events {
                switch event {
                case .standardOutput(let bytes): text += String(decoding: bytes, as: UTF8.self)
                case .result(let result):
                    #expect(
                        result.outcome.reason == (turn % 2 == 0 ? .cancelled : .exited), "\(turn): \(result.outcome)")
                default: break
                }
            }
            #expect(text == "tidied\n", "\(turn)")
        }
    }

    @Test func `idle and CPU time have it too`() async throws {
        let idle = try await run(
            Self.shell("echo tidying; exit 3"), Limits(idleMilliseconds: Self.soon, graceMilliseconds: Self.long))
        #expect(idle.outputText == "up\ntidying\n" && idle.result.outcome.reason == .idleTimeout)
        let cpu = try await run(
            ["sh", "-c", "trap 'echo tidying; exit 3' TERM; while :; do :; done"],
            Limits(cpuMilliseconds: 300, graceMilliseconds: Self.long))
        #expect(cpu.outputText == "tidying\n" && cpu.result.outcome.reason == .cpuTimeout)
    }

    @Test func `output and memory limits do not`() async throws {
        let workspace = TemporaryDirectory()
        let output = try await run(
            ["sh", "-c", "trap 'touch tidied; exit' TERM; yes & wait"],
            Limits(outputBytes: 10_000, graceMilliseconds: Self.long), workspace: workspace.path)
        #expect(output.result.outcome.reason == .outputLimit)
        let memory = try await run(
            ["sh", "-c", "trap 'touch tidied; exit' TERM; dd if=/dev/zero of=/dev/null bs=64M count=1 & sleep 30"],
            Limits(memoryBytes: 24 << 20, graceMilliseconds: Self.long), workspace: workspace.path)
        #expect(memory.result.outcome.reason == .memoryLimit)
        #expect(!workspace.has("tidied"))
        #expect(memory.result.usage.wallMilliseconds ?? .max < 20_000)
    }

    @Test func `cancel and kill ask first; a second one, or one that says now, does not`() async throws {
        let client = try await service.client()
        let limits = Limits(graceMilliseconds: Self.long)
        let asked = try await start(
            client, RunRequest(argv: Self.shell("echo tidying; exit 3"), policy: "patient", limits: limits))
        asked.cancel()
        let polite = try await rest(of: asked)
        #expect(polite.output == "tidying\n" && polite.result.outcome.reason == .cancelled)

        let killed = try await start(
            client, RunRequest(argv: Self.shell("echo tidying; exit 3"), policy: "patient", limits: limits))
        try await client.kill(killed.id)
        let byId = try await rest(of: killed)
        #expect(byId.output == "tidying\n" && byId.result.outcome.reason == .cancelled)

        // These ignore the signal, and would live for the whole grace.
        let twice = try await start(
            client, RunRequest(argv: Self.shell("echo told"), policy: "patient", limits: limits))
        twice.cancel()
        for try await event in twice.events {
            if case .standardOutput = event { break }
        }
        twice.cancel()
        let now = try await start(client, RunRequest(argv: Self.shell("echo told"), policy: "patient", limits: limits))
        now.cancel(now: true)
        for run in [twice, now] {
            let (output, result) = try await rest(of: run)
            #expect(output == "" && result.outcome.reason == .cancelled)
            #expect(result.usage.wallMilliseconds ?? .max < Self.long / 2, "\(result.usage)")
        }
    }

    @Test func `the first reason stays, whatever comes in the grace`() async throws {
        let client = try await service.client()
        let run = try await start(
            client,
            RunRequest(
                argv: Self.shell("echo told"), policy: "patient",
                limits: Limits(wallMilliseconds: Self.soon, graceMilliseconds: Self.long)))
        for try await event in run.events {
            if case .standardOutput = event { break }
        }
        run.cancel(now: true)
        let result = try await rest(of: run).result
        #expect(result.outcome.reason == .wallTimeout && result.outcome.limit == Self.soon, "\(result)")
        #expect(result.usage.wallMilliseconds ?? .max < Self.long / 2, "\(result.usage)")
    }

    @Test func `a run is listed as stopping in its grace`() async throws {
        let client = try await service.client()
        let run = try await start(
            client,
            RunRequest(argv: Self.shell("echo told"), policy: "patient", limits: Limits(graceMilliseconds: Self.long)))
        #expect(try await client.runs().map(\.state) == ["running"])
        run.cancel()
        for try await event in run.events {
            if case .standardOutput = event { break }
        }
        #expect(try await client.runs().map(\.state) == ["stopping"])
        run.cancel(now: true)
        #expect(try await rest(of: run).result.outcome.reason == .cancelled)
    }

    @Test func `what runs for a client that is gone can tidy up`() async throws {
        let workspace = TemporaryDirectory()
        let traces = try await SandboxTraces(service)
        let client = try await service.client()
        let run = try await start(
            client,
            RunRequest(
                argv: Self.shell("touch tidied; exit"), policy: "patient", workspace: workspace.path,
                limits: Limits(graceMilliseconds: Self.long)))
        client.close()
        #expect(try await eventually { try traces.isIdle() })
        #expect(workspace.has("tidied"))
        let line = try service.directory.read("log").split(separator: "\n").last { $0.contains(run.id) }
        #expect(line?.contains("reason=client_gone") == true)
    }
}
