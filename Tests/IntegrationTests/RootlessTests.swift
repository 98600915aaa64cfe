import Foundation
import Glibc
import LinuxSystem
import SandboxModel
import SandboxTestSupport
import Testing

/// Sandboxes without root. The tests' own root makes the user and looks on; nothing here is done with it.
@Suite(.needs(.root), .needs(.userNamespaces), .serialized)
struct RootlessTests {
    private let fixture: RootlessFixture

    init() throws { fixture = try RootlessFixture() }

    // MARK: - What is lacking

    @Test func `what cannot be enforced is refused by name, with what would accept it`() throws {
        let (ran, _, error) = try fixture.exec([], ["true"], accepted: [])
        #expect(ran.status == 125 && ran.output == "")
        #expect(error?.code == .notEnforceable && error?.category == .permanent)
        for weakness in [Weakness.ownUID, .memory, .cpus] {
            #expect(ran.errors.contains("\(weakness.name) (\(weakness.meaning))"))
            #expect(ran.errors.contains("--accept-weaker \(weakness.name)"))
        }
        // Not what the policy does not promise.
        #expect(!ran.errors.contains("cpu-time") && !ran.errors.contains("read-rate"))
        #expect(ran.errors.split(separator: "\n").count == 1)
    }

    @Test func `what is accepted is not asked for again, and accepting more changes nothing`() throws {
        let part = try fixture.exec([], ["true"], accepted: ["--accept-weaker", "memory"])
        #expect(part.ran.status == 125 && part.ran.errors.contains("--accept-weaker own-uid --accept-weaker cpus"))
        #expect(!part.ran.errors.contains("--accept-weaker memory"))
        let more = try fixture.exec(["--accept-weaker", "read-rate"], ["true"])
        #expect(more.ran.status == 0 && more.result?.weaker == ["own-uid", "memory", "cpus"])
        let unknown = try fixture.exec(["--accept-weaker", "everything"], ["true"])
        #expect(unknown.ran.status != 0 && unknown.ran.errors.contains("own-uid, memory, cpus, cpu-time"))
    }

    @Test func `a limit that a request brings is asked for as well`() throws {
        let refused = try fixture.exec(["--cpu-time", "5s"], ["true"])
        #expect(refused.ran.status == 125 && refused.ran.errors.contains("--accept-weaker cpu-time"))
        // Each process has it then.
        let spin = ["sh", "-c", "while :; do :; done"]
        let (ran, result, _) = try fixture.exec(["--cpu-time", "1s", "--accept-weaker", "cpu-time"], spin)
        #expect(ran.status == 124 && result?.outcome.reason == .cpuTimeout)
        #expect(result?.weaker == ["own-uid", "memory", "cpus", "cpu-time"])
    }

    @Test func `explain says it before the run`() throws {
        let ran = try fixture.exec(["--explain"], ["true"]).ran
        #expect(ran.status == 0 && ran.errors.contains("weaker: own-uid: \(Weakness.ownUID.meaning); accepted"))
        let refused = try fixture.exec(["--explain"], ["true"], accepted: []).ran
        #expect(refused.status == 125 && refused.errors.contains("--accept-weaker cpus would"))
    }

    @Test func `the launcher of root lacks nothing, whatever its caller accepts`() throws {
        let report = TemporaryDirectory()
        let words = [
            "exec", "--standalone", "--accept-weaker", "own-uid", "--report", "\(report.path)/report", "--", "cat",
            "/proc/self/uid_map",
        ]
        let ran = try Ran(sandboxctl: words)
        let ids = ran.output.split(whereSeparator: \.isWhitespace).map(String.init)
        #expect(ran.status == 0 && ids.count == 6 && ids[0] == "0" && ids[3] == "1000")
        #expect(ids.count == 6 && UInt32(ids[1]) ?? 0 >= 0x7000_0000 && UInt32(ids[4]) ?? 0 >= 0x7000_0000)
        #expect(try !report.read("report").contains("weaker"))
    }

    // MARK: - What holds

    @Test func `output, status, and who the command is`() throws {
        let script = "id -u; id -g; cat /proc/self/uid_map; grep Cap /proc/self/status; echo err >&2; exit 3"
        // As a login has it: the primary group is among the others too.
        let (ran, result, _) = try fixture.exec(
            ["--policy", "shell"], ["sh", "-c", script], groups: [fixture.uid, 0x6300_0001])
        let lines = ran.output.split(separator: "\n").map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
        #expect(ran.status == 3 && ran.errors == "err\n" && lines.count == 8)
        #expect(lines.prefix(3) == [["1000"], ["1000"], ["1000", "\(fixture.uid)", "1"]])
        #expect(lines.dropFirst(3).allSatisfy { $0.last == "0000000000000000" })
        #expect(result?.weaker == ["own-uid", "memory", "cpus"] && result?.policy == "shell")
        #expect(result?.usage.userMilliseconds != nil && result?.usage.memoryPeakBytes == nil)
    }

    @Test func `files in the workspace are the caller's`() throws {
        try fixture.workspace.write("given", "x")
        chown("\(fixture.workspace.path)/given", fixture.uid, fixture.uid)
        let script = "stat -c %u given; echo y > given; echo z > made; mkdir d; chmod 4755 made"
        let ran = try fixture.exec(["--workspace", fixture.workspace.path], ["sh", "-c", script]).ran
        #expect(ran.output == "1000\n" && ran.errors.contains("Operation not permitted"))
        #expect(try fixture.workspace.read("given") == "y\n")
        for name in ["given", "made", "d"] { #expect(fixture.workspace.owner(of: name) == fixture.uid) }
        let reading = try fixture.exec(
            ["--policy", "readonly", "--workspace", fixture.workspace.path], ["touch", "more"])
        #expect(reading.ran.status != 0 && !fixture.workspace.has("more"))
    }

    @Test func `no network, and nothing of the host's that the policy does not show`() throws {
        let secret = TemporaryDirectory()
        try secret.write("secret", "SECRET", mode: 0o600)
        chown("\(secret.path)/secret", fixture.uid, fixture.uid)
        chmod(secret.path, 0o755)
        let script = """
            import os, socket, sys
            for path in sys.argv[1:]:
                try: print(open(path).read())
                except OSError as e: print(type(e).__name__)
            for address in ("127.0.0.1", 9), ("192.0.2.1", 80):
                try: socket.create_connection(address, 2); print("connected")
                except OSError as e: print("refused")
            print([p for p in ("/home", "/root", "/var", "/run", "/sys") if os.path.exists(p)])
            print(sorted(p for p in os.listdir("/proc") if p.isdigit()) == [str(os.getpid())])
            """
        let own = "/proc/\(getpid())/environ"
        let ran = try fixture.exec([], ["python3", "-c", script, "\(secret.path)/secret", "/etc/shadow", own]).ran
        let lacking = Array(repeating: "FileNotFoundError", count: 3)
        #expect(ran.output.split(separator: "\n").map(String.init) == lacking + ["refused", "refused", "[]", "True"])
    }

    @Test func `processes and threads are limited, the caller's others not counted`() throws {
        let others = try (0..<8).map { _ in
            try StartedProgram(fixture.becoming() + ["/bin/sleep", "60"], descriptors: [0, 1, 2])
        }
        defer {
            for other in others {
                kill(other.pid, SIGKILL)
                other.wait()
            }
        }
        let script = """
            import os, time
            made = 0
            try:
                while made < 40:
                    if os.fork() == 0: time.sleep(5); os._exit(0)
                    made += 1
            except BlockingIOError: pass
            print(made, flush=True)
            os.kill(-1, 9)
            """
        // Five with the one that forks.
        #expect(try fixture.exec(["--processes", "5"], ["python3", "-c", script]).ran.output == "4\n")
        #expect(try fixture.exec(["--processes", "12"], ["python3", "-c", script]).ran.output == "11\n")
    }

    @Test func `memory that is accepted as weaker is limited for each process`() throws {
        let script = "x = bytearray(int(__import__('sys').argv[1]) << 20); print('took it')"
        let refused = try fixture.exec(["--memory", "128MiB"], ["python3", "-c", script, "200"])
        #expect(refused.ran.status == 1 && refused.ran.errors.contains("MemoryError"))
        #expect(try fixture.exec(["--memory", "128MiB"], ["python3", "-c", script, "60"]).ran.output == "took it\n")
    }

    @Test func `groups that the caller is in go with the command, as own-uid says`() throws {
        try fixture.workspace.write("shared", "of a group", mode: 0o640)
        chown("\(fixture.workspace.path)/shared", 0, 0x6300_0000)
        let command = ["sh", "-c", "grep Groups /proc/self/status; cat shared"]
        let workspace = ["--workspace", fixture.workspace.path]
        let within = try fixture.exec(workspace, command, groups: [0x6300_0000]).ran
        #expect(within.output.contains("65534") && within.output.hasSuffix("of a group"))
        let without = try fixture.exec(workspace, command).ran
        #expect(!without.output.contains("65534") && without.errors.contains("Permission denied"))
    }

    // MARK: - Ends

    @Test(arguments: [
        "for i in 1 2 3 4 5 6 7 8; do setsid sh -c 'trap : TERM; while :; do :; done' & done; wait",
        "trap : TERM; for i in $(seq 40); do setsid sleep 300 & done; while :; do :; done",
        "exec python3 -c 'import os\nwhile True:\n try:\n  if os.fork() == 0: os.setsid()\n except OSError: pass'",
    ]) func `a kill ends every process of the sandbox, and none of the caller's others`(_ script: String) throws {
        let victim = try StartedProgram(fixture.becoming() + ["/bin/sleep", "300"], descriptors: [0, 1, 2])
        defer {
            kill(victim.pid, SIGKILL)
            victim.wait()
        }
        let options = ["--timeout", "300ms", "--grace", "100ms", "--processes", "64", "--quiet"]
        let (ran, result, _) = try fixture.exec(options, ["sh", "-c", script])
        #expect(ran.status == 124 && result?.outcome.reason == .wallTimeout)
        #expect(try fixture.waitForOnly([victim.pid]))
    }

    @Test func `kill(-1) inside reaches nobody outside`() throws {
        let victim = try StartedProgram(fixture.becoming() + ["/bin/sleep", "300"], descriptors: [0, 1, 2])
        defer {
            kill(victim.pid, SIGKILL)
            victim.wait()
        }
        let script = "import os, signal; os.kill(-1, 9); print('alone')"
        let ran = try fixture.exec([], ["python3", "-c", script]).ran
        #expect(ran.output == "alone\n" || ran.errors.contains("No such process"))
        #expect(try fixture.waitForOnly([victim.pid]))
    }

    @Test(arguments: ["sandboxctl", "sandboxd", "sandbox-launcher"])
    func `nothing outlives a part that is killed`(_ name: String) throws {
        let command = ["sh", "-c", "setsid sleep 300 & sleep 300"]
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        let program = try StartedProgram(
            fixture.becoming() + fixture.words([], command), descriptors: [null, null, null])
        for _ in 0..<500 where try fixture.processes().count < 7 { usleep(10_000) }
        let part = try fixture.processes().first { pid in
            // The kernel's names have fifteen characters.
            (try? wholeFile("/proc/\(pid)/comm"))?.hasPrefix(String(name.prefix(15))) == true
        }
        kill(try #require(part), SIGKILL)
        program.wait()
        #expect(try fixture.waitForOnly([]))
    }

    /// Where the kernel writes core dumps to files, 0 is none; where it starts a program, only 1 keeps it from that.
    @Test func `a hard limit of 0 on core dumps is taken where it means that there are none`() throws {
        let script = "ulimit -Hc 0; exec \"$@\""
        let ran = try Ran(
            fixture.becoming() + ["/bin/sh", "-c", script, "sh"]
                + fixture.words([], ["grep", "-c", "Max core file size *0 *0", "/proc/self/limits"]))
        if try wholeFile("/proc/sys/kernel/core_pattern").hasPrefix("|") {
            #expect(ran.status == 125 && ran.errors.contains("hard limit on core dumps"), "\(ran)")
        } else {
            #expect(ran.status == 0 && ran.output == "1\n" && ran.errors == "", "\(ran)")
        }
    }

    @Test func `verify says what is not kept, and is no proof of`() throws {
        let verify = ["\(fixture.programs.path)/sandboxctl", "verify", "--standalone", "default"]
        let ran = try Ran(fixture.becoming() + verify)
        #expect(ran.status == 0, "\(ran)")
        #expect(
            ran.output.contains("\ndefault: without root sandboxd does not keep\n  weaker: own-uid: "), "\(ran.output)")
        let json = try Ran(fixture.becoming() + verify + ["--json"])
        let verdicts = try JSONDecoder().decode([PolicyVerification].self, from: Data(json.output.utf8))
        #expect(verdicts.first?.weaker?.contains("own-uid") == true)
        let roots = try Ran(sandboxctl: ["verify", "--standalone", "--json", "default"])
        #expect(roots.status == 0 && !roots.output.contains("weaker"), "\(roots)")
    }

    // MARK: - Hosts that forbid it

    @Test func `the setting that forbids it is found, whichever it is`() {
        for name in ["kernel/unprivileged_userns_clone", "user/max_user_namespaces"] {
            let found = UserNamespaceBarrier.first { $0 == "/proc/sys/\(name)" ? "0\n" : nil }
            #expect(found?.setting == "\(name.split(separator: "/").joined(separator: ".")) is 0")
        }
        let profile = UserNamespaceBarrier.first { $0.contains("apparmor") ? "1\n" : "15000\n" }
        #expect(profile?.setting == "kernel.apparmor_restrict_unprivileged_userns is 1")
        #expect(UserNamespaceBarrier.first { _ in "15000\n" } == nil && UserNamespaceBarrier.first { _ in nil } == nil)
    }

    @Test func `a host that allows no user namespaces is told by its setting`() throws {
        // The sysctl is each user namespace's own: in one that is thrown away it can be set.
        let ids = ["--map-user=\(fixture.uid)", "--map-group=\(fixture.uid)", "--keep-caps"]
        let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\""
        let ran = try Ran(
            fixture.becoming() + ["/usr/bin/unshare", "--user"] + ids + ["/bin/sh", "-c", script, "sh"]
                + fixture.words([], ["true"]))
        #expect(ran.status == 125)
        #expect(ran.errors.contains("user.max_user_namespaces is 0") && ran.errors.contains("sysctl user.max_user"))
    }
}
