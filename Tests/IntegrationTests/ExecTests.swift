import Foundation
import Glibc
import SandboxModel
import SandboxTestSupport
import Testing

/// `sandboxctl exec` as people and scripts use it, through a real service and without one.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct ExecTests {
    private let service: ServiceFixture

    init() throws { service = try ServiceFixture() }

    private struct Answer: Decodable {
        var result: RunResult?
        var error: ServiceError?
    }

    /// Runs with a report, which must always be there.
    private func exec(
        _ options: [String], _ command: [String], input: String = ""
    ) throws -> (ran: Ran, result: RunResult?, error: ServiceError?) {
        let directory = TemporaryDirectory()
        let report = "\(directory.path)/report.json"
        let ran = try Ran(
            sandboxctl: ["exec", "--socket", service.socket, "--report", report] + options + ["--"] + command,
            input: input)
        let data = Data(try directory.read("report.json").utf8)
        if let result = try? JSONDecoder().decode(RunResult.self, from: data) { return (ran, result, nil) }
        return (ran, nil, try JSONDecoder().decode(Answer.self, from: data).error)
    }

    @Test func `success`() throws {
        let (ran, result, _) = try exec(["--policy", "python"], ["python3", "-c", "print(6 * 7)"])
        #expect(ran.status == 0 && ran.output == "42\n" && ran.errors == "")
        #expect(result?.outcome.reason == .exited && result?.outcome.code == 0)
        #expect(result?.policy == "python" && result?.backend == Backend.current.rawValue && result?.id.count == 32)
        #expect(result?.usage.memoryPeakBytes ?? 0 > 1 << 20)
        #expect(result?.usage.stdoutBytes == 3)
        #expect(result?.limits.memoryBytes == 512 << 20)
    }

    @Test func `a status of the command's own`() throws {
        let (ran, result, _) = try exec([], ["sh", "-c", "echo out; echo err >&2; exit 3"])
        #expect(ran.status == 3 && ran.output == "out\n" && ran.errors == "err\n")
        #expect(result?.outcome.code == 3)
    }

    @Test func `a signal`() throws {
        let (ran, result, _) = try exec(
            ["--policy", "python"], ["python3", "-c", "import os; os.kill(os.getpid(), 11)"])
        #expect(ran.status == 139)
        #expect(result?.outcome.reason == .signaled && result?.outcome.signal == 11)
    }

    @Test func `wall, idle and CPU timeouts`() throws {
        let wall = try exec(["--timeout", "200ms"], ["sleep", "30"])
        #expect(wall.ran.status == 124 && wall.result?.outcome.reason == .wallTimeout)
        #expect(wall.result?.outcome.limit == 200 && wall.result?.outcome.observed ?? 0 >= 200)
        #expect(wall.ran.errors.contains("wall_timeout"))
        let idle = try exec(["--idle", "\(200 * Slowness.factor)ms"], ["sh", "-c", "echo once; sleep 30"])
        #expect(idle.ran.status == 124 && idle.result?.outcome.reason == .idleTimeout && idle.ran.output == "once\n")
        // Two processes share the second of CPU time.
        let cpu = try exec(["--cpu-time", "500ms"], ["sh", "-c", "(while :; do :; done) & while :; do :; done"])
        #expect(cpu.ran.status == 124 && cpu.result?.outcome.reason == .cpuTimeout)
        #expect(cpu.result?.outcome.observed ?? 0 >= 500)
    }

    @Test func `memory limit`() throws {
        let (ran, result, _) = try exec(
            ["--policy", "python", "--memory", "64MiB"], ["python3", "-c", "x = bytearray(200 << 20)"])
        #expect(ran.status == 137 && result?.outcome.reason == .memoryLimit)
        #expect(result?.outcome.limit == 64 << 20 && result?.outcome.observed ?? 0 > 60 << 20)
    }

    @Test func `output limit, in sum over both streams`() throws {
        let (ran, result, _) = try exec(["--output", "100KiB"], ["sh", "-c", "yes >&2 & yes"])
        #expect(result?.outcome.reason == .outputLimit && result?.outcome.limit == 100 << 10)
        #expect(ran.status == 141)
        #expect(ran.output.utf8.count + ran.errors.utf8.count <= (100 << 10) + 300)
        #expect(result?.usage.stdoutTruncated == true || result?.usage.stderrTruncated == true)
    }

    @Test func `file size and processes`() throws {
        let file = try exec(["--file-size", "1MiB"], ["python3", "-c", "open('f', 'wb').write(b'x' * (2 << 20))"])
        // Python ignores SIGXFSZ and sees EFBIG.
        #expect(file.ran.status == 1 && file.ran.errors.contains("File too large"))
        let signal = try exec(["--file-size", "1MiB"], ["sh", "-c", "exec head -c 2000000 /dev/zero > f"])
        #expect(signal.ran.status == 153 && signal.result?.outcome.reason == .fileSizeLimit)
        let processes = try exec(
            ["--processes", "5"], ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait"])
        #expect(processes.result?.limitsHit.first?.limit == "processes")
    }

    @Test func `an engine's address that is none keeps nobody from a sandbox who needs no engine`() throws {
        let ran = try Ran(
            [BuiltProducts.path("sandboxctl"), "exec", "--standalone", "--", "true"],
            environment: ["PATH=/usr/bin:/bin", "HOME=/root", "DOCKER_HOST=unix://nowhere"])
        #expect(ran.status == 0, "\(ran.errors)")
    }

    @Test func `who needs an engine is told that its address is none, and gets no other one`() throws {
        let files = TemporaryDirectory()
        try files.write("boxed.yaml", "version: 1\nextends: default\nbackend: docker\ndocker: { image: a }\n")
        for address in ["tcp://127.0.0.1:2375", "unix://nowhere"] {
            let ran = try Ran(
                [BuiltProducts.path("sandboxctl"), "exec", "--policy", "\(files.path)/boxed.yaml", "--", "true"],
                environment: ["PATH=/usr/bin:/bin", "HOME=/root", "DOCKER_HOST=\(address)"])
            let shown = address.split(separator: "unix://").joined()
            #expect(ran.status == 125 && ran.errors.contains("find the engine's socket \(shown): ENOENT"), "\(ran)")
            #expect(ran.errors.split(separator: "\n").count { $0.contains("ENOENT") } == 1, "\(ran)")
        }
    }

    @Test func `a program that is not there, or cannot be executed`() throws {
        let missing = try exec([], ["no-such-program"])
        #expect(missing.ran.status == 127 && missing.error?.code == .programNotFound)
        #expect(missing.error?.message.contains("no-such-program") == true)
        let plain = try exec([], ["/usr/lib/os-release"])
        #expect(plain.ran.status == 126 && plain.error?.code == .programNotExecutable)
        // Here it is the sandbox that refuses, and it can say so. In a container that file is the engine's, like any that is no program.
        let refused = try exec(["--policy", "python"], ["/etc/hosts"])
        #expect(refused.ran.status == 126)
        if Backend.current == .native {
            #expect(refused.result?.outcome.reason == .denied)
            #expect(refused.result?.denials.map(\.kind) == [.exec])
        }
        let directory = try exec([], ["/usr"])
        #expect(directory.ran.status == 126)
    }

    @Test func `denied by a rule, with the rule and what to do instead`() throws {
        let (ran, result, _) = try exec(["--policy", "python"], ["curl", "https://example.com"])
        #expect(ran.status == 126 && result?.outcome.reason == .denied)
        let denial = try #require(result?.denials.first)
        #expect(denial.kind == .command && denial.rule.hasPrefix("python.yaml:") && denial.hint != nil)
        let everything = try exec(["--policy", "deny-all"], ["true"])
        #expect(everything.ran.status == 126 && everything.result?.outcome.reason == .denied)
        let variable = try exec(["--policy", "shell", "--env", "SECRET=x"], ["true"])
        #expect(variable.ran.status == 126 && variable.result?.denials.first?.kind == .environment)
    }

    @Test func `standard input arrives whole, and its end`() throws {
        let text = String(repeating: "0123456789abcdef\n", count: 100_000)
        let (ran, _, _) = try exec([], ["sh", "-c", "wc -c; cat"], input: text)
        #expect(ran.output == "\(text.utf8.count)\n")
        #expect(try exec([], ["md5sum"], input: text).ran.output == Ran(["/usr/bin/md5sum"], input: text).output)
        // Never read.
        #expect(try exec([], ["true"], input: text).ran.status == 0)
    }

    @Test func `binary output arrives byte for byte`() throws {
        let (ran, _, _) = try exec(
            [], ["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' 'x'; printf '\\377' | od -An -tx1"])
        #expect(ran.output == String(repeating: "x", count: 300_000) + " ff\n")
    }

    @Test func `environment, start directory and workspace`() throws {
        let directory = TemporaryDirectory()
        try directory.makeDirectory("sub")
        let (ran, _, _) = try exec(
            ["--workspace", directory.path, "--cwd", "sub", "--env", "A=b c"],
            ["sh", "-c", "echo \"$A\"; pwd; touch f"])
        #expect(ran.output == "b c\n/sandbox/workspace/sub\n")
        #expect(directory.has("sub/f"))
        #expect(try exec(["--cwd", "no-such"], ["true"]).error?.code == .cwdNotFound)
    }

    @Test func `a terminal`() throws {
        let (ran, _, _) = try exec(["--tty"], ["sh", "-c", "tty -s && echo terminal; stty size; echo x > /dev/tty"])
        #expect(ran.output.hasPrefix("terminal\r\n") && ran.output.hasSuffix("x\r\n"))
        #expect(try exec(["--tty"], ["printenv", "TERM"]).ran.output == "xterm-256color\r\n")
        #expect(try exec(["--tty", "--env", "TERM=vt100"], ["printenv", "TERM"]).ran.output == "vt100\r\n")
    }

    @Test func `a line of sandboxctl's own begins as one where it follows the command's output`() throws {
        let line = "sandboxctl: status 153 is what SIGXFSZ gives: limits.file-size is 1 GiB\n"
        let ctl = "'\(BuiltProducts.path("sandboxctl"))' exec --socket '\(service.socket)' -- sh -c"
        func ran(_ script: String, _ redirection: String) throws -> Ran {
            try Ran(["/bin/sh", "-c", "\(ctl) '\(script); exit 153' \(redirection)"])
        }
        let both = try ran("printf x", "2>&1")
        #expect(both.status == 153 && both.output == "x\n\(line)", "\(both)")
        #expect(try ran("echo x", "2>&1").output == "x\n\(line)")
        #expect(try ran("printf x >&2", "").errors == "x\n\(line)")
        let apart = try ran("printf x", "")
        #expect(apart.output == "x" && apart.errors == line, "\(apart)")
    }

    @Test func `JSON lines`() throws {
        let ran = try Ran(
            sandboxctl: ["exec", "--socket", service.socket, "--json", "--", "sh", "-c", "echo hi; exit 4"])
        #expect(ran.status == 4)
        let events = try ran.output.split(separator: "\n").map { line in
            try JSONDecoder().decode([String: AnyValue].self, from: Data(line.utf8))
        }
        #expect(events.compactMap { $0["event"]?.text } == ["started", "stdout", "result"])
        #expect(events[1]["data"]?.text == "hi\n")
    }

    /// Programs of nobody else's, so that what is left of them can be told.
    private static func ownPrograms(probe: String) throws -> TemporaryDirectory {
        let directory = TemporaryDirectory()
        for name in ["sandboxctl", "sandboxd", "sandbox-launcher", "sandbox-init"] {
            #expect(try Ran(["/bin/cp", BuiltProducts.path(name), directory.path]).status == 0)
        }
        #expect(try Ran(["/bin/cp", probe, "\(directory.path)/sandbox-probe"]).status == 0)
        return directory
    }

    @Test func `a private daemon for one call, which leaves nothing behind`() throws {
        let directory = try Self.ownPrograms(probe: BuiltProducts.path("sandbox-probe"))
        let groups = try Self.groupsOfNobody()
        let ran = try Ran([
            "\(directory.path)/sandboxctl", "exec", "--standalone", "--", "sh", "-c", "echo alone; id -u",
        ])
        #expect(ran.status == 0 && ran.output == "alone\n1000\n" && ran.errors == "")
        #expect(try Self.sandboxdProcesses(in: directory.path) == 0)
        #expect(try Self.groupsOfNobody().subtracting(groups).isEmpty)
    }

    /// What launchers made that have ended: one that lives holds a lock on its directory.
    private static func groupsOfNobody() throws -> Set<String> {
        let found = try Ran([
            "/bin/sh", "-c",
            "find /sys/fs/cgroup -type d -name 'sandboxd-[0-9]*' | while read d; do flock -n $d echo $d; done",
        ])
        return Set(found.output.split(separator: "\n").map(String.init))
    }

    /// Its sandbox is made while the probe runs; what the probe does not prove runs nothing all the same.
    @Test func `a private daemon whose probe proves nothing runs nothing and leaves nothing behind`() throws {
        let (directory, workspace) = (try Self.ownPrograms(probe: "/bin/true"), TemporaryDirectory())
        let groups = try Self.groupsOfNobody()
        let ran = try Ran([
            "\(directory.path)/sandboxctl", "exec", "--standalone", "--workspace", workspace.path, "--", "sh", "-c",
            "echo ran; touch ran",
        ])
        #expect(ran.status == 125 && ran.output == "" && ran.errors.contains("is not served"), "\(ran)")
        #expect(access("\(workspace.path)/ran", F_OK) != 0)
        #expect(try Self.sandboxdProcesses(in: directory.path) == 0)
        #expect(try Self.groupsOfNobody().subtracting(groups).isEmpty)
    }

    /// Asked for before the launcher has taken the policy.
    @Test func `a private daemon whose launcher refuses the policy says that, once`() throws {
        let directory = TemporaryDirectory()
        try directory.write("loose.yaml", "version: 1\nextends: default\nsyscalls: { allow: [mount] }\n")
        for _ in 1...3 {
            let ran = try Ran(
                sandboxctl: ["exec", "--standalone", "--policy", "\(directory.path)/loose.yaml", "--", "echo", "ran"])
            #expect(ran.status == 125 && ran.output == "" && ran.errors.contains("mount"), "\(ran)")
            #expect(!ran.errors.contains("probe") && !ran.errors.contains("verified"), "\(ran)")
        }
    }

    /// An agent that is a service itself has a socket to tell its own state to.
    @Test func `a private daemon tells its caller's service manager nothing`() throws {
        let directory = TemporaryDirectory()
        let script = """
            import os, socket, subprocess, sys
            manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            manager.bind(sys.argv[1])
            os.environ["NOTIFY_SOCKET"] = sys.argv[1]
            subprocess.run(sys.argv[2:], check=True)
            manager.setblocking(False)
            try: print(manager.recv(4096))
            except BlockingIOError: print("nothing")
            """
        let ran = try Ran([
            "/usr/bin/python3", "-c", script, "\(directory.path)/notify", BuiltProducts.path("sandboxctl"), "exec",
            "--standalone", "--", "true",
        ])
        #expect(ran.status == 0 && ran.output == "nothing\n", "\(ran)")
    }

    /// Its own processes are put on processors of their own meanwhile.
    @Test func `a private daemon's command may run on every processor that its caller may`() throws {
        let outside = try Ran(["/usr/bin/nproc"])
        let inside = try Ran(sandboxctl: ["exec", "--standalone", "--", "nproc"])
        #expect(outside.status == 0 && inside.output == outside.output, "\(inside)")
        let one = try Ran([
            "/usr/bin/taskset", "-c", "0", BuiltProducts.path("sandboxctl"), "exec", "--standalone", "--", "nproc",
        ])
        #expect(one.output == "1\n", "\(one)")
    }

    @Test func `without a service the default is a private daemon`() throws {
        let ran = try Ran(
            [BuiltProducts.path("sandboxctl"), "exec", "--", "echo", "hello"],
            environment: ["PATH=/usr/bin"])
        #expect(ran.status == 0 && ran.output == "hello\n")
    }

    /// Other policies hold in a private daemon than in the one that was meant.
    @Test func `a service that was named and is not there is an error`() throws {
        let ran = try Ran(
            [BuiltProducts.path("sandboxctl"), "exec", "--", "echo", "hello"],
            environment: ["PATH=/usr/bin", "SANDBOXD_SOCKET=/nonexistent/sandboxd.sock"])
        #expect(ran.status == 125 && ran.output.isEmpty)
        #expect(
            ran.errors.contains("/nonexistent/sandboxd.sock") && ran.errors.contains("--standalone"), "\(ran.errors)")
    }

    @Test func `a policy file of one's own`() throws {
        let directory = TemporaryDirectory()
        try directory.write(
            "mine.yaml",
            """
            version: 1
            extends: default
            environment: { set: { MINE: "1" } }
            limits: { timeout: 5s }

            """)
        let ran = try Ran(
            sandboxctl: [
                "exec", "--standalone", "--policy", "\(directory.path)/mine.yaml", "--", "sh", "-c", "echo $MINE",
            ])
        #expect(ran.output == "1\n", "\(ran.errors)")
        try directory.write("typo.yaml", "version: 1\nextends: default\nlimits: { timout: 5s }\n")
        let typo = try Ran(
            sandboxctl: ["exec", "--standalone", "--policy", "\(directory.path)/typo.yaml", "--", "true"])
        #expect(typo.status == 125 && typo.errors.contains("typo.yaml:3:11") && typo.errors.contains("timeout"))
    }

    @Test func `a policy's own CPU time ends the run as cpu_timeout, also behind a shell`() throws {
        let directory = TemporaryDirectory()
        try directory.write("brief.yaml", "version: 1\nextends: default\nlimits: { cpu-time: 1s }\n")
        let ran = try Ran(
            sandboxctl: [
                "exec", "--standalone", "--policy", "\(directory.path)/brief.yaml", "--", "sh", "-c",
                "python3 -c 'while True: pass'; echo survived",
            ])
        #expect(ran.status == 124 && ran.errors.contains("cpu_timeout") && ran.output == "", "\(ran)")
    }

    @Test func `policy files are checked, shown and explained by their paths`() throws {
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/mine.yaml"
        try directory.write("mine.yaml", "version: 1\nextends: default\ncommands: { deny: [perl] }\n")
        let check = try Ran(sandboxctl: ["policy", "check", path])
        #expect(check.status == 0 && check.output == "\(path): ok\n", "\(check.errors)")
        #expect(try Ran(sandboxctl: ["policy", "show", "--effective", path]).output.contains("perl"))
        let denied = try Ran(sandboxctl: ["policy", "explain", "--policy", path, "--", "perl", "-e", "1"])
        #expect(denied.status == 1 && denied.output.contains("mine.yaml:3"), "\(denied)")
        #expect(try Ran(sandboxctl: ["policy", "explain", "--policy", path, "--path", "/etc/shadow"]).status == 1)
        #expect(try Ran(sandboxctl: ["policy", "explain", "--policy", path, "--", "ls"]).status == 0)
        try directory.write("typo.yaml", "version: 1\nextends: default\ncommands: { deny: [rm -rf] }\n")
        let typo = try Ran(sandboxctl: ["policy", "check", "\(directory.path)/typo.yaml"])
        #expect(typo.status == 1 && typo.errors.contains("typo.yaml:3:20") && typo.errors.contains("program: rm"))
    }

    private static func sandboxdProcesses(in directory: String) throws -> Int {
        let own = ["sandboxd", "sandbox-launcher"].map { name in
            URL(fileURLWithPath: "\(directory)/\(name)").resolvingSymlinksInPath().path
        }
        return try FileManager.default.contentsOfDirectory(atPath: "/proc").count { entry in
            guard Int(entry) != nil else { return false }
            let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(entry)/exe")
            return program.map(own.contains) ?? false
        }
    }
}

/// A JSON value of which only text matters.
private struct AnyValue: Decodable {
    var text: String?
    init(from decoder: any Decoder) throws { text = try? decoder.singleValueContainer().decode(String.self) }
}
