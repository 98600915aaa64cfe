import Glibc
import LaunchPlan
import SandboxTestSupport
import Testing

/// What a command finds when it looks around in its sandbox.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct SandboxInsideTests {
    private func output(_ script: String, policy: CompiledPolicy = .testing()) throws -> String {
        let harness = try LauncherHarness.ready(policy)
        let finished = try harness.run(["/bin/sh", "-c", script])
        try #require(finished.failure == nil, "\(String(describing: finished.failure))")
        return finished.output
    }

    @Test func `exit status reaches the report`() throws {
        let harness = try LauncherHarness.ready()
        #expect(try harness.run(["true"]).report?.ending == .exited(0))
        #expect(try harness.run(["sh", "-c", "exit 3"]).report?.ending == .exited(3))
        #expect(try harness.run(["sh", "-c", "kill -SEGV $$"]).report?.ending == .signaled(SIGSEGV))
    }

    @Test func `no capability, no new privileges, a filter`() throws {
        let status = try output("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status")
        for line in status.split(separator: "\n") {
            let fields = line.split(separator: "\t")
            switch fields[0] {
            case "NoNewPrivs:": #expect(fields[1] == "1")
            case "Seccomp:": #expect(fields[1] == "2")
            default: #expect(fields[1] == "0000000000000000", "\(line)")
            }
        }
        #expect(status.split(separator: "\n").count == 7)
    }

    @Test func `the command is user 1000 of its own user namespace`() throws {
        #expect(try output("id -u; id -g; id -G") == "1000\n1000\n1000\n")
        let map = try output("cat /proc/self/uid_map").split(whereSeparator: \.isWhitespace).map { UInt32($0) ?? 0 }
        try #require(map.count == 6)
        #expect(map[0] == 0 && map[2] == 1 && map[3] == 1000 && map[5] == 1)
        #expect(map[1] >= 0x7000_0000 && map[4] == map[1] + 1)
    }

    @Test func `nothing is open but 0, 1 and 2`() throws {
        // 3 is the directory that the glob reads: a descriptor too many would make it 4.
        #expect(try output("cd /proc/$$/fd; echo *") == "0 1 2 3\n")
    }

    @Test func `every mount is read-only or its own, and none can set a user ID`() throws {
        let lines = try output("cat /proc/self/mountinfo").split(separator: "\n")
        #expect(lines.count > 8)
        for line in lines {
            let fields = line.split(separator: " ").map(String.init)
            let options = Set(fields[5].split(separator: ",").map(String.init))
            #expect(options.contains("nosuid"), "\(line)")
            let own = ["/proc", "/dev/pts", "/tmp", "/dev/shm", "/sandbox/workspace"]
            if !own.contains(fields[4]) { #expect(options.contains("ro"), "\(line)") }
            // The one without nodev holds the six devices, which nobody inside can add to.
            if fields[4] != "/" && fields[4] != "/dev/pts" && !fields[4].hasPrefix("/proc/") {
                #expect(options.contains("nodev"), "\(line)")
            }
        }
    }

    @Test func `the host's secrets, processes and network are not there`() throws {
        #expect(try output("cat /etc/shadow 2>&1").contains("No such file"))
        #expect(try output("ls /root /home /var /sys 2>/dev/null | wc -l") == "0\n")
        #expect(try output("ls -d /proc/[0-9]* | wc -l").trimmingNewline.flatMap(Int.init) ?? 99 < 5)
        #expect(try output("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '") == "lo\n")
        #expect(try output("cat /proc/kcore 2>&1; cat /proc/keys 2>&1; ls /proc/bus 2>&1").contains("ermission denied"))
        #expect(try output("hostname") == "sandbox\n")
        #expect(try output("cat /proc/self/cgroup | cut -d: -f3 | sort -u") == "/\n")
    }

    @Test func `writing is possible in four places and nowhere else`() throws {
        let script = """
            for d in /tmp /dev/shm /sandbox/workspace /workspace; do echo x > $d/f && echo yes; done
            for d in / /etc /usr /usr/bin /dev /proc /proc/sys/kernel/hostname /sandbox /.mask; do
                (echo x > $d/f) 2>/dev/null && echo LEAK $d
                (echo x > $d) 2>/dev/null && echo LEAK $d
            done
            true
            """
        #expect(try output(script) == "yes\nyes\nyes\nyes\n")
    }

    @Test func `temporary file systems have the policy's size`() throws {
        let answer = try output("head -c 20000000 /dev/zero > /tmp/f; stat -c %s /tmp/f 2>&1")
        #expect(answer.contains("No space left"))
        #expect(answer.hasSuffix("16777216\n"))
    }

    @Test func `nothing written can be executed where the policy says so`() throws {
        var policy = CompiledPolicy.testing()
        policy.executeWritten = false
        let script = """
            for d in /tmp /dev/shm /sandbox/workspace; do
                cp /bin/true $d/t; chmod +x $d/t; $d/t 2>/dev/null && echo RAN
            done; echo end
            """
        #expect(try output(script, policy: policy) == "end\n")
        #expect(try output(script) == "RAN\nRAN\nRAN\nend\n")
    }

    @Test func `loopback is up where the policy says so, and only there`() throws {
        let script = """
            python3 -c 'import socket
            try:
                s = socket.create_server(("127.0.0.1", 0)); c = socket.create_connection(s.getsockname()); print("up")
            except OSError as e: print("down")'
            """
        #expect(try output(script) == "down\n")
        var policy = CompiledPolicy.testing()
        policy.loopback = true
        #expect(try output(script, policy: policy) == "up\n")
    }
}

extension String {
    var trimmingNewline: String? { hasSuffix("\n") ? String(dropLast()) : self }

}
