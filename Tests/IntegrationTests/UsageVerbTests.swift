import FoundationEssentials
import Glibc
import LinuxSystem
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// What runs use, as `sandboxctl` shows it, through a real service.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct UsageVerbTests {
    private let service: ServiceFixture

    init() throws { service = try ServiceFixture() }

    /// Uses a core until it is ended.
    private static let spin = ["sh", "-c", "while :; do :; done"]

    private func ctl(_ verb: String, _ arguments: [String]) throws -> Ran {
        try Ran(sandboxctl: [verb, "--socket", service.socket] + arguments)
    }

    private func exec(_ options: [String], _ command: [String]) throws -> Ran {
        try ctl("exec", options + ["--"] + command)
    }

    /// A run that spins, and has been seen to: the loop's first figures are not all zero.
    private func spinning(_ client: SandboxClient) async throws -> Run {
        let run = try await client.start(RunRequest(argv: Self.spin))
        for try await event in run.events { if case .started = event { break } }
        for _ in 0..<200 {
            if try await client.stats(run.id).usage?.userMilliseconds ?? 0 > 0 { return run }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw FixtureError.text("a loop uses no CPU time")
    }

    private struct Line: Decodable {
        var event: String
        var stream: String?
        var bytes: UInt64?
        var data: String?
        var usage: UsageSample?
        var result: RunResult?
    }

    private func lines(_ text: String) throws -> [Line] {
        try text.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    }

    // MARK: - exec

    @Test func `exec says on stderr what the command uses`() throws {
        let command = ["timeout", "1"] + Self.spin
        let ran = try exec(["--usage", "100ms", "--quiet"], command)
        #expect(ran.status == 124 && ran.output == "")
        let said = ran.errors.split(separator: "\n")
        #expect(said.count >= 3 && said.allSatisfy { $0.hasPrefix("sandboxctl: usage ") }, "\(ran.errors)")
        #expect(said.dropLast().contains { $0.contains("cpu ") && $0.contains(" %)") && $0.contains("memory ") })
        #expect(said.last?.contains("in all") == true && said.last?.contains("memory peak") == true, "\(ran.errors)")
        let json = try lines(try exec(["--usage", "100ms", "--json"], command).output)
        let samples = json.filter { $0.event == "usage" }.compactMap(\.usage)
        #expect(samples.count >= 2)
        // Counts only grow.
        let times = samples.compactMap(\.elapsedMilliseconds)
        #expect(times == times.sorted() && times.count == samples.count)
        #expect(samples.last?.userMilliseconds ?? 0 >= samples.first?.userMilliseconds ?? .max)
        #expect(json.last?.event == "result")
    }

    @Test func `exec carries the part of the output that was asked for`() throws {
        let script = "seq 1 100000; echo err >&2"
        let whole = (1...100_000).map { "\($0)\n" }.joined()
        let both = try exec(["--keep-stdout", "head:10B,tail:7B"], ["sh", "-c", script])
        #expect(both.status == 0 && both.output == whole.prefix(10) + whole.suffix(7), "\(both)")
        let left = whole.utf8.count - 17
        #expect(both.errors.contains("sandboxctl: \(left) bytes of stdout left out here\n"), "\(both.errors)")
        #expect(both.errors.contains("err\n"))
        // In order, and with the numbers.
        let json = try lines(try exec(["--json", "--keep-stdout", "head:10B,tail:7B"], ["sh", "-c", script]).output)
        let stdout = json.filter { $0.event == "stdout" || $0.stream == "stdout" }
        #expect(stdout.compactMap(\.data).joined() == whole.prefix(10) + whole.suffix(7))
        let gap = try #require(stdout.firstIndex { $0.event == "omitted" })
        #expect(stdout[gap].bytes == UInt64(left))
        #expect(stdout[..<gap].compactMap(\.data).joined() == whole.prefix(10))
        #expect(json.last?.result?.usage.stdoutTruncated == true && json.last?.result?.usage.stderrTruncated == false)
        #expect(json.last?.result?.usage.stdoutBytes == UInt64(whole.utf8.count))
        // Nothing is left out of what is short, and nothing is said of it.
        let short = try exec(["--keep-stderr", "tail:1KiB"], ["sh", "-c", "echo out; echo err >&2"])
        #expect(short.output == "out\n" && short.errors == "err\n")
        let head = try exec(["--keep-stderr", "head:2B", "--quiet"], ["sh", "-c", "echo err >&2"])
        #expect(head.errors == "er")
    }

    @Test func `amounts that cannot be meant are refused with the range`() throws {
        for (option, value, text) in [
            ("--usage", "10ms", "100ms to 1h"), ("--usage", "2h", "100ms to 1h"),
            ("--keep-stdout", "tail:2MiB", "1MiB"),
            ("--keep-stdout", "all", "head:64KiB"), ("--keep-stderr", "head:1.5.2GiB", "1B to"),
        ] {
            let ran = try exec([option, value], ["true"])
            #expect(ran.status == 125 && ran.errors.contains(text), "\(option) \(value): \(ran.errors)")
        }
    }

    // MARK: - ps, stats, kill

    @Test func `ps, stats and kill, by the beginning of an id`() async throws {
        let client = try await service.client()
        let run = try await spinning(client)
        let table = try ctl("ps", []).output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(table.first == ["ID", "USER", "POLICY", "STATE", "AGE", "CPU", "MEMORY", "PROCESSES", "PROGRAM"])
        #expect(table.last?.first == Substring(run.id) && table.last?.last == "sh" && table.last?[1] == "root")
        let listed = try JSONDecoder().decode(
            [RunSummary].self, from: Data(try ctl("ps", ["--json", String(run.id.prefix(6))]).output.utf8))
        #expect(listed.map(\.id) == [run.id] && listed.first?.uid == 0)
        #expect(listed.first?.usage?.memoryBytes ?? 0 > 0 && listed.first?.limits?.memoryBytes ?? 0 > 0)

        let stats = try ctl("stats", [String(run.id.prefix(6))])
        #expect(stats.status == 0 && stats.output.hasPrefix("run \(run.id), policy default, user root, program sh"))
        let memory = stats.output.split(separator: "\n").first { $0.hasPrefix("memory ") }?.split(separator: " ")
        #expect(memory?.contains("1") == true && memory?.contains("GiB") == true, "\(stats.output)")

        #expect(try ctl("kill", ["--now", String(run.id.prefix(6))]).status == 0)
        for try await event in run.events {
            if case .result(let result) = event { #expect(result.outcome.reason == .cancelled) }
        }
        for verb in ["kill", "stats"] {
            let gone = try ctl(verb, [run.id])
            #expect(gone.status == 125 && gone.errors.contains("no run"), "\(gone)")
        }
    }

    @Test func `kill ends several and tells of each that is not there`() async throws {
        let client = try await service.client()
        let (first, second) = (try await spinning(client), try await spinning(client))
        let ran = try ctl("kill", [first.id, "zz", second.id, "yy"])
        #expect(ran.status == 125 && ran.errors.contains("no run 'zz'") && ran.errors.contains("no run 'yy'"))
        for run in [first, second] {
            var reason: Outcome.Reason?
            for try await event in run.events { if case .result(let result) = event { reason = result.outcome.reason } }
            #expect(reason == .cancelled)
        }
    }

    @Test func `stats with an interval goes on to the run's end`() async throws {
        let client = try await service.client()
        let run = try await spinning(client)
        let (socket, id) = (service.socket, run.id)
        // Not in a task of its own: on one processor there is one thread for all tasks, and it would wait for ever.
        async let watching = onThread {
            Result { try Ran(sandboxctl: ["stats", "--socket", socket, "--interval", "100ms", "--json", id]) }
        }
        try await Task.sleep(for: .milliseconds(700 * Int(Slowness.factor)))
        try await client.kill(id, now: true)
        let ran = try await watching.get()
        #expect(ran.status == 0 && ran.errors == "", "\(ran.errors)")
        let samples = try ran.output.split(separator: "\n").map {
            try JSONDecoder().decode(RunSummary.self, from: Data($0.utf8))
        }
        #expect(samples.count >= 2 && samples.allSatisfy { $0.id == id })
    }

    // MARK: - top

    @Test func `top prints tables where there is no terminal`() async throws {
        let client = try await service.client()
        let run = try await spinning(client)
        let ran = try ctl("top", ["--interval", "200ms", "--count", "2"])
        #expect(ran.status == 0)
        let tables = ran.output.split(separator: "\n\n", omittingEmptySubsequences: false)
        #expect(tables.count == 2 && !ran.output.contains("\u{1B}"), "\(ran.output)")
        for table in tables {
            let rows = table.split(separator: "\n").map { $0.split(separator: " ") }
            #expect(rows.count == 2 && rows[0].contains("CPU%") && rows[1].first == run.id.prefix(8))
            // How much it really gets is the machine's business.
            #expect(rows[1].count > 5 && Double(rows[1][5]) ?? 0 > 1, "\(table)")
        }
        #expect(try ctl("top", ["--once", "--interval", "100ms"]).output.split(separator: "\n").count == 2)
    }

    /// Plays a terminal and a person before it; prints what top wrote, then how it ended and whether the terminal is as it was.
    private static let person = """
        import fcntl, os, pty, select, struct, sys, termios, time
        way, program = sys.argv[1], sys.argv[2:]
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
        before = termios.tcgetattr(slave)
        pid = os.fork()
        if pid == 0:
            os.login_tty(slave) if hasattr(os, "login_tty") else (
                os.setsid(), fcntl.ioctl(slave, termios.TIOCSCTTY, 0), [os.dup2(slave, n) for n in range(3)])
            os.execv(program[0], program)
        out = b""
        def read_until(found):
            global out
            end = time.time() + 20
            while time.time() < end and not found(out):
                if select.select([master], [], [], 0.05)[0]: out += os.read(master, 65536)
        read_until(lambda text: text.count(b"PROGRAM") >= 2)
        changed = termios.tcgetattr(slave)[3] != before[3]
        wide = len(out)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 20, 0, 0))
        read_until(lambda text: b"PROGRAM" not in text[wide:] and text[wide:].count(b"\\x1b[H") >= 2 or len(text) > wide + 20000)
        narrow = out[wide:].split(b"\\x1b[H")[-1]
        if way == "q": os.write(master, b"q")
        elif way == "ctrl-c": os.write(master, b"\\x03")
        else: os.kill(pid, int(way))
        read_until(lambda text: text.endswith(b"\\x1b[?1049l"))
        for _ in range(200):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended: break
            time.sleep(0.05)
        else:
            os.kill(pid, 9)
        after = termios.tcgetattr(slave)
        print("entered", out.startswith(b"\\x1b[?1049h"))
        print("shown", b"CPU%" in out)
        print("fits", all(len(line.strip(b"\\r")) <= 20 for line in narrow.replace(b"\\x1b[K", b"").replace(b"\\x1b[J", b"").split(b"\\n")))
        print("keys", changed)
        print("left", out.endswith(b"\\x1b[?7h\\x1b[?25h\\x1b[?1049l"))
        print("restored", after == before)
        print("status", os.waitstatus_to_exitcode(status) if ended else "none")
        """

    @Test(arguments: [("q", "0"), ("ctrl-c", "0"), ("15", "-15"), ("1", "-1")])
    func `top in a terminal gives it back, however it is left`(_ way: String, _ status: String) async throws {
        let client = try await service.client()
        let run = try await spinning(client)
        let ran = try Ran(
            [
                "/usr/bin/python3", "-c", Self.person, way, BuiltProducts.path("sandboxctl"), "top", "--socket",
                service.socket, "--interval", "100ms",
            ])
        let expected = ["entered", "shown", "fits", "keys", "left", "restored"].map { "\($0) True\n" }.joined()
        #expect(ran.output == expected + "status \(status)\n", "\(ran.errors)")
        run.cancel(now: true)
    }
}

/// Ctrl-C and kill, where the policy gives the command a grace that nobody would wait for.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct GraceVerbTests {
    private let service: ServiceFixture
    private let policies = TemporaryDirectory()

    init() throws {
        try policies.write("patient.yaml", "version: 1\nextends: default\nlimits: { grace: 40s, timeout: 2m }\n")
        service = try ServiceFixture(options: ["--policy-directory", policies.path])
    }

    /// A `sandboxctl exec` that is under way, with its output in files.
    private final class Exec {
        let files = TemporaryDirectory()
        let program: StartedProgram

        init(_ service: ServiceFixture, _ script: String) throws {
            for name in ["out", "err"] { try files.write(name, "") }
            let (out, err) = (
                open("\(files.path)/out", O_WRONLY | O_CLOEXEC), open("\(files.path)/err", O_WRONLY | O_CLOEXEC)
            )
            let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
            defer { for descriptor in [out, err, null] { close(descriptor) } }
            program = try StartedProgram(
                [
                    BuiltProducts.path("sandboxctl"), "exec", "--socket", service.socket, "--policy", "patient", "--",
                    "sh",
                    "-c", script,
                ], descriptors: [null, out, err])
        }

        func wait(for text: String) throws {
            for _ in 0..<1500 {
                if try files.read("out").contains(text) { return }
                usleep(10_000)
            }
            throw FixtureError.text("no '\(text)': \(try files.read("out")) \(try files.read("err"))")
        }
    }

    private func states() throws -> [String] {
        let listed = try Ran(sandboxctl: ["ps", "--socket", service.socket, "--json"]).output
        return try JSONDecoder().decode([RunSummary].self, from: Data(listed.utf8)).map(\.state)
    }

    private func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
        for _ in 0..<200 {
            if try condition() { return true }
            usleep(20_000)
        }
        return false
    }

    /// Takes no notice of the request to end, and says that it came.
    private static let stubborn = "trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done"

    @Test func `the first Ctrl-C lets the command end by itself`() throws {
        let exec = try Exec(service, "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.1; done")
        try exec.wait(for: "up")
        kill(exec.program.pid, SIGINT)
        // Whatever it says: it was asked to.
        #expect(exec.program.wait() == 130)
        #expect(try exec.files.read("out") == "up\nbye\n")
        #expect(try exec.files.read("err").contains("cancelled: "))
    }

    @Test func `the second ends the grace`() throws {
        let exec = try Exec(service, Self.stubborn)
        try exec.wait(for: "up")
        kill(exec.program.pid, SIGINT)
        try exec.wait(for: "asked")
        #expect(try states() == ["stopping"])
        let start = monotonicNanoseconds()
        kill(exec.program.pid, SIGTERM)
        // It dies of the first of the two.
        #expect(exec.program.wait() == 130)
        #expect(monotonicNanoseconds() - start < 30_000_000_000)
        #expect(try states().isEmpty)
    }

    @Test func `the third does not wait for a service that does not answer`() throws {
        let exec = try Exec(service, Self.stubborn)
        try exec.wait(for: "up")
        kill(service.daemon.pid, SIGSTOP)
        defer { kill(service.daemon.pid, SIGCONT) }
        for _ in 0..<3 {
            kill(exec.program.pid, SIGINT)
            // Two of the same signal that are pending are one.
            usleep(200_000)
        }
        #expect(exec.program.wait() == 130)
    }

    @Test func `kill asks, and --now does not`() throws {
        let exec = try Exec(service, Self.stubborn)
        try exec.wait(for: "up")
        let listed = try Ran(sandboxctl: ["ps", "--socket", service.socket, "--json"]).output
        let id = try #require(try JSONDecoder().decode([RunSummary].self, from: Data(listed.utf8)).first?.id)
        #expect(try Ran(sandboxctl: ["kill", "--socket", service.socket, id]).status == 0)
        try exec.wait(for: "asked")
        #expect(try states() == ["stopping"])
        #expect(try Ran(sandboxctl: ["kill", "--now", "--socket", service.socket, id]).status == 0)
        #expect(exec.program.wait() == 130)
        #expect(try eventually { try states().isEmpty })
    }
}
