import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

/// Trees that do not want to end: with the answer, all of them have, or have their SIGKILL. Every one of these would end by
/// itself after a while, and none would do harm without a sandbox.
@Suite(.needs(.root), .needs(.cgroup), .serialized, .timeLimit(.minutes(10)))
struct EndingTests {
    private let policies = TemporaryDirectory()
    private let service: ServiceFixture

    init() throws {
        try policies.write(
            "many.yaml", "version: 1\nextends: default\nlimits: { processes: 12000, memory: 4GiB, output: 1TiB }\n")
        service = try ServiceFixture(options: ["--policy-file", "\(policies.path)/many.yaml"])
    }

    struct Tree: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var argv: [String]
        var limits = Limits(wallMilliseconds: 700 * Slowness.factor)
        /// Processes that are there before the end, at least.
        var least = 2

        static let all = [
            Tree(testDescription: "a session of its own", argv: shell("setsid sleep 60 & setsid sleep 60 & sleep 60")),
            Tree(
                testDescription: "two forks away from its parent",
                argv: shell("(setsid sh -c '(sleep 60 &) ; sleep 60' &); (sleep 60 &); sleep 60")),
            Tree(
                testDescription: "signals ignored",
                argv: shell("trap '' TERM INT HUP QUIT; setsid sh -c 'sleep 60 & sleep 60' & sleep 60")),
            Tree(testDescription: "stopped children", argv: shell("sleep 60 & sleep 60 & kill -STOP $!; sleep 60")),
            Tree(testDescription: "all stopped", argv: shell("sleep 60 & kill -STOP $! $$; sleep 60")),
            Tree(
                testDescription: "a fork bomb", argv: ["python3", "-ISc", forkBomb],
                limits: Limits(processes: 64, wallMilliseconds: 1500 * Slowness.factor), least: 10),
        ]

        private static func shell(_ script: String) -> [String] { ["sh", "-c", "echo up; \(script)"] }

        /// In every process, as long as it is let. A pipe holds a byte for each of 200 processes, and all end after ten
        /// seconds: that bounds it where nothing else does.
        private static let forkBomb = """
            import os, time
            os.write(1, b"up\\n")
            r, w = os.pipe(); os.write(w, b"." * 200); os.set_blocking(r, False)
            end = time.monotonic() + 10
            while time.monotonic() < end:
                try: os.read(r, 1)
                except BlockingIOError: time.sleep(0.01); continue
                try: os.fork()
                except OSError: os.write(w, b".")
            """
    }

    /// Starts, waits for the first output, and returns what is there then.
    private func start(_ client: SandboxClient, _ request: RunRequest) async throws -> Run {
        let run = try await client.start(request)
        for try await event in run.events {
            if case .standardOutput = event { break }
        }
        return run
    }

    private func result(of run: Run) async throws -> RunResult {
        for try await event in run.events { if case .result(let result) = event { return result } }
        throw FixtureError.text("no result")
    }

    private static func isPipe(_ descriptor: Int32) -> Bool {
        var status = stat()
        return descriptor >= 0 && fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
    }

    /// With the answer nothing is executed any more; that the processes and the group go takes a moment longer.
    private func expectNothingIsLeft(_ traces: SandboxTraces) async throws {
        #expect(try await eventually { try traces.isIdle() })
    }

    /// Each of eight processes has a session of its own and writes a byte after the other, for 20 seconds if it is let.
    private static let writers = """
        import os, sys, time
        file = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for _ in range(8):
            if os.fork() == 0:
                os.setsid()
                end = time.monotonic() + 20
                while time.monotonic() < end: os.write(file, b".")
                os._exit(0)
        os.write(1, b"up\\n")
        time.sleep(float(sys.argv[1]))
        """

    @Test(arguments: [Outcome.Reason.exited, .wallTimeout, .cancelled])
    func `nothing is executed any more when the answer comes`(_ reason: Outcome.Reason) async throws {
        let traces = try await SandboxTraces(service)
        let directory = TemporaryDirectory()
        let run = try await start(
            try await service.client(),
            RunRequest(
                argv: ["python3", "-ISc", Self.writers, reason == .exited ? "0.5" : "60"], workspace: directory.path,
                limits: reason == .wallTimeout ? Limits(wallMilliseconds: 700 * Slowness.factor) : Limits()))
        if reason == .cancelled {
            #expect(try await eventually { try directory.read("log") != "" })
            run.cancel()
        }
        #expect(try await result(of: run).outcome.reason == reason)
        let before = try directory.read("log").utf8.count
        try await expectNothingIsLeft(traces)
        let after = try directory.read("log").utf8.count
        // Who was in write(2) when SIGKILL came may finish that one.
        #expect(before > 0 && after - before <= 8, "\(before), then \(after)")
    }

    @Test(arguments: Tree.all)
    func `a deadline ends the whole tree before it is answered`(_ tree: Tree) async throws {
        let traces = try await SandboxTraces(service)
        let client = try await service.client()
        let run = try await start(client, RunRequest(argv: tree.argv, limits: tree.limits))
        #expect(try await eventually { try traces.processes().count >= tree.least })
        #expect(try !traces.groups().isEmpty)
        let result = try await result(of: run)
        try await expectNothingIsLeft(traces)
        #expect(result.outcome.reason == .wallTimeout)
        #expect(result.outcome.limit == tree.limits.wallMilliseconds)
        #expect(result.outcome.observed ?? 0 >= tree.limits.wallMilliseconds ?? .max)
    }

    @Test(arguments: Tree.all)
    func `so does cancelling`(_ tree: Tree) async throws {
        let traces = try await SandboxTraces(service)
        let client = try await service.client()
        let run = try await start(client, RunRequest(argv: tree.argv, limits: Limits(processes: 64)))
        #expect(try await eventually { try traces.processes().count >= tree.least })
        run.cancel()
        let result = try await result(of: run)
        try await expectNothingIsLeft(traces)
        #expect(result.outcome.reason == .cancelled)
    }

    @Test func `10,000 zombies`() async throws {
        let traces = try await SandboxTraces(service)
        let script = """
            import os, time
            for _ in range(10000):
                if os.fork() == 0: os._exit(0)
            os.write(1, b"up\\n"); time.sleep(60)
            """
        let run = try await start(
            try await service.client(), RunRequest(argv: ["python3", "-ISc", script], policy: "many"))
        #expect(try traces.processes().count >= 10_000)
        run.cancel()
        let result = try await result(of: run)
        try await expectNothingIsLeft(traces)
        #expect(result.outcome.reason == .cancelled)
        #expect(result.usage.processesPeak.map { $0 >= 10_000 } ?? true, "\(result.usage)")
    }

    @Test func `what a command leaves behind ends with it`() async throws {
        let traces = try await SandboxTraces(service)
        let script = "setsid sleep 60 & (setsid sh -c 'sleep 60' &); trap '' TERM; sleep 60 & echo out; exit 3"
        let output = try await service.client().run("sh", "-c", script)
        try await expectNothingIsLeft(traces)
        #expect(output.result.outcome.reason == .exited && output.result.outcome.code == 3)
        #expect(output.outputText == "out\n")
    }

    /// Nobody inside can outlive pid 1. But a descriptor can be lent to a host process (by a socket in the workspace), and
    /// root can open it: then somebody holds the pipe who does not end.
    @Test(arguments: [Outcome.Reason.exited, .wallTimeout])
    func `somebody outside holds the pipes, and the answer comes all the same`(_ reason: Outcome.Reason) async throws {
        let traces = try await SandboxTraces(service)
        let client = try await service.client()
        let last = reason == .exited ? "exit 4" : "sleep 60"
        let run = try await start(
            client,
            RunRequest(
                argv: ["sh", "-c", "echo up; read line; echo last; echo error >&2; \(last)"],
                limits: Limits(wallMilliseconds: 4000), stdin: true))
        var held: [Int32] = []
        defer { for descriptor in held { close(descriptor) } }
        for pid in try traces.processes() {
            for number in 1...2 {
                let descriptor = open("/proc/\(pid)/fd/\(number)", O_WRONLY | O_CLOEXEC)
                if descriptor >= 0 { held.append(descriptor) }
            }
        }
        #expect(held.count >= 2)
        try await run.write(Array("go\n".utf8))
        var output = ""
        var errors = ""
        var result: RunResult?
        for try await event in run.events {
            switch event {
            case .standardOutput(let bytes): output += String(decoding: bytes, as: UTF8.self)
            case .standardError(let bytes): errors += String(decoding: bytes, as: UTF8.self)
            case .result(let end): result = end
            case .started, .usage, .omitted: break
            }
        }
        try await expectNothingIsLeft(traces)
        #expect(result?.outcome.reason == reason)
        #expect(output == "last\n" && errors == "error\n")
        let pipes = held.filter(Self.isPipe)
        #expect(pipes.count >= 2)
    }

    @Test func `somebody outside writes on into the pipe, and the answer comes all the same`() async throws {
        let traces = try await SandboxTraces(service)
        let run = try await start(
            try await service.client(),
            RunRequest(argv: ["sh", "-c", "echo up; read line; sleep 0.3; exit 4"], policy: "many", stdin: true))
        let outputs = try traces.processes().map { open("/proc/\($0)/fd/1", O_WRONLY | O_CLOEXEC) }
        defer { for descriptor in outputs where descriptor >= 0 { close(descriptor) } }
        let pipe = try #require(outputs.first(where: Self.isPipe))
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        // With default signals: this process may ignore SIGPIPE.
        let writer = try StartedProgram(["/usr/bin/yes"], descriptors: [null, pipe, null], newSession: true)
        close(null)
        try await run.write(Array("go\n".utf8))
        let result = try await result(of: run)
        try await expectNothingIsLeft(traces)
        #expect(result.outcome.reason == .exited && result.outcome.code == 4)
        #expect(result.usage.stdoutBytes ?? 0 > 1 << 16, "\(result.usage)")
        // It ends when nobody reads any more.
        #expect(writer.wait() == 128 + SIGPIPE)
    }

    @Test func `a grandchild that holds the terminal does not delay the answer`() async throws {
        let traces = try await SandboxTraces(service)
        let request = RunRequest(
            argv: ["sh", "-c", "setsid sleep 60 & (setsid sleep 60 &); sleep 0.2; echo last; exit 5"],
            terminal: TerminalSize(columns: 80, rows: 24))
        let output = try await service.client().run(request)
        try await expectNothingIsLeft(traces)
        #expect(output.result.outcome.code == 5 && output.outputText == "last\r\n")
    }

    @Test func `a client that goes away takes each of its trees along`() async throws {
        let traces = try await SandboxTraces(service)
        let client = try await service.client()
        // Kept: a run that nobody holds any more is cancelled.
        var runs: [Run] = []
        for tree in Tree.all {
            runs.append(try await start(client, RunRequest(argv: tree.argv, limits: Limits(processes: 64))))
        }
        client.close()
        #expect(try await eventually { try traces.isIdle() })
        for run in runs {
            // The log waits for nobody, and nobody for it.
            var line = ""
            let isTold = try await eventually {
                let lines = try service.directory.read("log").split(separator: "\n")
                line = lines.last { $0.contains(run.id) }.map(String.init) ?? ""
                return line.contains("reason=client_gone")
            }
            #expect(isTold, "\(line)")
        }
    }
}
