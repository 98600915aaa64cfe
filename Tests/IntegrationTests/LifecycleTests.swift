import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

/// Runs that end otherwise than by themselves, and what is left of them.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct LifecycleTests {
    private func start(_ client: SandboxClient, _ script: String) async throws -> Run {
        try await client.start(RunRequest(argv: ["sh", "-c", script]))
    }

    private func result(of run: Run) async throws -> RunResult {
        for try await event in run.events { if case .result(let result) = event { return result } }
        throw FixtureError.text("no result")
    }

    /// Whether a process with this argument lives anywhere on the host. With the answer each has its SIGKILL at least; that it goes
    /// takes a moment longer.
    private func isAlive(_ marker: String) throws -> Bool {
        try Ran(["/usr/bin/pgrep", "-f", "sleep \(marker)"]).status == 0
    }

    private func eventually(_ condition: () throws -> Bool) async throws -> Bool {
        for _ in 0..<500 {
            if try condition() { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    @Test func `output arrives while the command still runs`() async throws {
        let service = try ServiceFixture()
        let run = try await start(try await service.client(), "echo first; read line; echo second")
        // `read` ends at once without standard input, so this run has some.
        _ = run
        let client = try await service.client()
        let waiting = try await client.start(
            RunRequest(argv: ["sh", "-c", "echo first; read line; echo got $line"], stdin: true))
        var output: [String] = []
        for try await event in waiting.events {
            guard case .standardOutput(let bytes) = event else { continue }
            output.append(String(decoding: bytes, as: UTF8.self))
            // Only after the first output has come is the command allowed to go on.
            if output == ["first\n"] { try await waiting.write(Array("x\n".utf8)) }
        }
        #expect(output == ["first\n", "got x\n"])
    }

    @Test func `cancel ends the whole tree`() async throws {
        let service = try ServiceFixture()
        let client = try await service.client()
        let run = try await start(
            client, "trap '' TERM INT; setsid sleep 1111 & setsid sh -c 'sleep 1111 & sleep 1111' & echo up; sleep 1111"
        )
        for try await event in run.events {
            if case .standardOutput = event { break }
        }
        #expect(try isAlive("1111"))
        run.cancel()
        #expect(try await result(of: run).outcome.reason == .cancelled)
        #expect(try await eventually { try !isAlive("1111") })
    }

    @Test func `kill by id, from another connection`() async throws {
        let service = try ServiceFixture()
        let client = try await service.client()
        let run = try await start(client, "sleep 1112")
        let listed = try Ran(sandboxctl: ["ps", "--socket", service.socket])
        #expect(listed.output.contains(run.id))
        #expect(try Ran(sandboxctl: ["kill", "--socket", service.socket, run.id]).status == 0)
        #expect(try await result(of: run).outcome.reason == .cancelled)
        #expect(try Ran(sandboxctl: ["kill", "--socket", service.socket, run.id]).status == 125)
        #expect(try await eventually { try !isAlive("1112") })
    }

    @Test func `a client that disappears takes its runs with it`() async throws {
        let service = try ServiceFixture()
        var client: SandboxClient? = try await service.client()
        let run = try await start(try #require(client), "setsid sleep 1113 & sleep 1113")
        #expect(try await eventually { try isAlive("1113") })
        client?.close()
        client = nil
        _ = run
        #expect(try await eventually { try !isAlive("1113") })
    }

    @Test func `a service that stops gives every run its result, also the last one`() async throws {
        let service = try ServiceFixture(options: ["--drain", "0s"])
        let client = try await SandboxClient.connect(socket: service.socket)
        var runs: [Run] = []
        for index in 0..<3 { runs.append(try await start(client, "sleep 112\(index)")) }
        for index in 0..<3 { #expect(try await eventually { try isAlive("112\(index)") }) }
        kill(service.daemon.pid, SIGTERM)
        for run in runs {
            var outcome: Outcome?
            for try await event in run.events {
                if case .result(let result) = event { outcome = result.outcome }
            }
            #expect(outcome?.reason == .cancelled)
            #expect(outcome?.message.contains("because sandboxd is stopping") == true)
        }
    }

    @Test func `Ctrl-C at sandboxctl ends the run`() async throws {
        let service = try ServiceFixture()
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        let program = try StartedProgram(
            [BuiltProducts.path("sandboxctl"), "exec", "--socket", service.socket, "--", "sleep", "1114"],
            descriptors: [null, null, null])
        #expect(try await eventually { try isAlive("1114") })
        kill(program.pid, SIGINT)
        #expect(program.wait() == 130)
        #expect(try await eventually { try !isAlive("1114") })
    }

    @Test func `a client that does not read stops only its own command`() async throws {
        let service = try ServiceFixture()
        let client = try await service.client()
        let before = try memory(of: service.daemon.pid)
        // Never read: it fills its window and waits.
        let flood = try await client.start(RunRequest(argv: ["sh", "-c", "exec yes"], limits: Limits()))
        for number in 0..<20 {
            let output = try await client.run("echo", "\(number)")
            #expect(output.outputText == "\(number)\n")
        }
        #expect(try memory(of: service.daemon.pid) < before + (32 << 20))
        flood.cancel()
        #expect(try await result(of: flood).outcome.reason == .cancelled)
    }

    private func memory(of pid: Int32) throws -> Int {
        let fields = try wholeFile("/proc/\(pid)/statm").split(separator: " ")
        return (Int(fields[1]) ?? 0) * 4096
    }

    @Test func `signals reach the command, also those that pid 1 could not survive`() async throws {
        let service = try ServiceFixture()
        let client = try await service.client()
        for (signal, outcome) in [(SIGTERM, 15), (SIGKILL, 9), (SIGUSR1, 10)] as [(Int32, Int32)] {
            let run = try await start(client, "echo up; exec sleep 1116")
            for try await event in run.events {
                if case .standardOutput = event { break }
            }
            try await Task.sleep(for: .milliseconds(50))
            try await run.signal(signal)
            let result = try await result(of: run)
            #expect(result.outcome.reason == .signaled && result.outcome.signal == outcome)
        }
        // A stopped command is not a stopped sandbox: its timeout still holds.
        let stopped = try await client.start(
            RunRequest(argv: ["sh", "-c", "echo up; exec sleep 1116"], limits: Limits(wallMilliseconds: 3000)))
        for try await event in stopped.events {
            if case .standardOutput = event { break }
        }
        try await stopped.signal(SIGSTOP)
        #expect(try await result(of: stopped).outcome.reason == .wallTimeout)
    }

    @Test func `many runs at once on one connection`() async throws {
        let service = try ServiceFixture()
        let client = try await service.client()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<40 {
                group.addTask {
                    try await client.run("sh", "-c", "sleep 0.1; echo \(number); exit \(number % 7)").result.outcome
                        .code
                        == Int32(number % 7)
                }
            }
            for try await correct in group { #expect(correct) }
        }
    }

    @Test func `the daemon is an ordinary user without capabilities`() async throws {
        let service = try ServiceFixture()
        _ = try await service.client().run("true")
        for entry in try Directory("/proc/\(service.daemon.pid)/task").entries() {
            let status = try wholeFile("/proc/\(service.daemon.pid)/task/\(entry)/status")
            for line in status.split(separator: "\n") where line.hasPrefix("Cap") || line.hasPrefix("Uid") {
                let values = line.split(separator: "\t").dropFirst()
                if line.hasPrefix("Cap") { #expect(values.allSatisfy { $0 == "0000000000000000" }, "\(line)") }
                if line.hasPrefix("Uid") { #expect(values.allSatisfy { $0 != "0" }, "\(line)") }
            }
            #expect(status.contains("NoNewPrivs:\t1"))
        }
    }

    @Test func `when the launcher dies nothing goes on, and the client is told`() async throws {
        let service = try ServiceFixture()
        let client = try await service.client()
        let run = try await start(client, "setsid sleep 1115 & sleep 1115")
        #expect(try await eventually { try isAlive("1115") })
        kill(try service.launcherPid(), SIGKILL)
        #expect(try await result(of: run).outcome.reason == .lost)
        #expect(try await eventually { try !isAlive("1115") })
    }

    @Test func `200 runs leave no process, mount, cgroup or descriptor behind`() async throws {
        // What waits is not left behind: here nothing does.
        let service = try ServiceFixture(options: ["--warm", "0"])
        let client = try await service.client()
        let workspace = TemporaryDirectory()
        // Its own probes are sandboxes, too: they are to be over.
        _ = try await SandboxTraces(service)
        for _ in 0..<20 { _ = try await client.run("true", workspace: workspace.path) }
        var before = try Footprint(service)
        // Id maps are kept for each identity, of which further ones are in use while sandboxes are torn down.
        before.launcherDescriptors += 4
        for number in 0..<200 {
            let argv = ["true", "no-such-program", "sh"][number % 3]
            // Some on a connection of their own.
            let connection = number % 4 == 0 ? try await service.client() : client
            _ = try? await connection.run(argv, workspace: number % 2 == 0 ? workspace.path : nil)
        }
        // The kernel takes network namespaces apart in the background.
        var after = try Footprint(service)
        for _ in 0..<100 where !after.isWithin(before) {
            try await Task.sleep(for: .milliseconds(50))
            after = try Footprint(service)
        }
        #expect(after.isWithin(before), "\(before), then \(after)")
    }
}

/// What a service holds of the host.
private struct Footprint: Equatable {
    var daemonDescriptors: Int
    var launcherDescriptors: Int
    var children: Int
    var mounts: Int
    var groups: Int

    func isWithin(_ other: Footprint) -> Bool {
        daemonDescriptors <= other.daemonDescriptors && launcherDescriptors <= other.launcherDescriptors
            && children <= other.children && mounts <= other.mounts && groups <= other.groups
    }

    init(_ service: ServiceFixture) throws {
        let launcher = try service.launcherPid()
        daemonDescriptors = try Directory("/proc/\(service.daemon.pid)/fd").entries().count
        launcherDescriptors = try Directory("/proc/\(launcher)/fd").entries().count
        children = try wholeFile("/proc/\(launcher)/task/\(launcher)/children").split(separator: " ").count
        mounts =
            try wholeFile("/proc/self/mountinfo").split(separator: "\n").count
            + wholeFile("/proc/\(launcher)/mountinfo").split(separator: "\n").count
        // This launcher's groups alone: it holds its directory of each controller open.
        let script = """
            for home in $(readlink /proc/\(launcher)/fd/* | grep -E '/sandboxd-[0-9]+$'); do
                find "$home" -name 'run-*' -type d
            done | wc -l
            """
        groups = try Ran(["/bin/sh", "-c", script]).output.split(separator: "\n").first.flatMap { Int($0) } ?? -1
    }
}
