import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// Runs in containers of a real engine, with the test in sandboxd's place. What containers have in common with sandboxes of the
/// launcher's own is tested by running those tests on both (`SANDBOX_BACKEND`); here is what is the backend's own.
@Suite(.needs(.root), .needs(.docker), .serialized)
struct ContainerTests {
    private static func policy(_ change: (inout CompiledPolicy) -> Void = { _ in }) -> CompiledPolicy {
        var policy = CompiledPolicy.testing()
        policy.readPaths = []
        policy.container = ContainerPlan(image: DockerEngine.busybox)
        change(&policy)
        return policy
    }

    private func ready(_ change: (inout CompiledPolicy) -> Void = { _ in }) throws -> LauncherHarness {
        try LauncherHarness.ready(Self.policy(change), engine: DockerEngine.socket)
    }

    /// What an engine shows of containers of this test's policy.
    private func containers(of policy: String = "testing") throws -> [String] {
        try DockerEngine.containers(labelled: "io.sandboxd.policy=\(policy)")
    }

    private func waitForNone(of policy: String = "testing") throws -> Bool {
        for _ in 0..<200 {
            if try containers(of: policy).isEmpty { return true }
            usleep(50_000)
        }
        return false
    }

    @Test func `a command runs, is told apart by its status or its signal, and leaves no container`() throws {
        do {
            let harness = try ready()
            let exited = try harness.run(["sh", "-c", "echo out; echo err >&2; exit 137"], environment: ["PATH=/bin"])
            #expect(exited.output == "out\nerr\n" && exited.report?.ending == .exited(137))
            let killed = try harness.run(["sh", "-c", "kill -9 $$"], environment: ["PATH=/bin"])
            #expect(killed.report?.ending == .signaled(9))
            let missing = try harness.run(["/nowhere"])
            #expect(missing.failure?.stage == .commandExecute && missing.failure?.errno == ENOENT)
            #expect(try waitForNone())
        }
        #expect(try waitForNone())
    }

    @Test func `it is a user of its own, without rights, and the workspace's files are the caller's`() throws {
        let workspace = TemporaryDirectory()
        let script =
            "id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; echo x > made; ls -n made"
        let finished = try ready().run(["sh", "-c", script], workspace: workspace.path, environment: ["PATH=/bin"])
        let lines = finished.output.split(separator: "\n").map(String.init)
        try #require(lines.count == 6, "\(finished)")
        let uid = UInt32(lines[0]) ?? 0
        #expect(SandboxIdentities.contains(uid) && uid >= SandboxIdentities.base + SandboxIdentities.blockSize)
        #expect(
            lines[1...4] == ["CapBnd:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"]
                || Set(lines[1...4]) == [
                    "CapBnd:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2",
                ])
        #expect(lines[5].contains("\(uid)"))
        var status = stat()
        #expect(stat("\(workspace.path)/made", &status) == 0 && status.st_uid == geteuid())
    }

    /// The engine that Tests/Docker starts ignores SIGRTMIN, which Go's runtime leaves as it finds it.
    @Test func `what the engine's parent ignored is ignored in no container`() throws {
        let finished = try ready().run(
            ["grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"], environment: ["PATH=/bin"])
        #expect(finished.output == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", "\(finished)")
    }

    @Test func `a user that the policy names is the one it runs as`() throws {
        let finished = try ready { $0.container?.user = .init(uid: 4321, gid: 1234) }
            .run(["sh", "-c", "id -u; id -g"], environment: ["PATH=/bin"])
        #expect(finished.output == "4321\n1234\n")
    }

    @Test func `what an image asks for it does not get`() throws {
        let script = """
            id -u; pwd; grep ' /data ' /proc/self/mountinfo | grep -c tmpfs; ls -A /data | wc -l
            { echo x > /data/own && echo written; } 2>/dev/null; sleep 2; ls /tmp
            """
        let harness = try ready { $0.container?.image = DockerEngine.greedy }
        let finished = try harness.run(["sh", "-c", script], environment: ["PATH=/bin", "LD_PRELOAD="])
        let lines = finished.output.split(separator: "\n").map(String.init)
        try #require(lines.count == 4, "\(finished)")
        // Not root, not its entry point, not its directory; its volumes empty, and not to be written; no health check.
        #expect(SandboxIdentities.contains(UInt32(lines[0]) ?? 0))
        #expect(Array(lines[1...]) == ["/sandbox/workspace", "1", "0"])
        let volumes: [String: Any]? = try DockerEngine.ask("GET", "/volumes").json()
        let kept = volumes?["Volumes"] as? [Any] ?? []
        #expect(kept.isEmpty)
    }

    @Test func `the engine shows a container as the policy has it`() throws {
        let harness = try ready()
        let command = try harness.begin(["/bin/sh", "-c", "echo up; sleep 30"])
        try command.wait(for: "up\n")
        let container = try #require(try containers().first)
        let inspected = try #require(try DockerEngine.inspect(container))
        let host = try #require(inspected["HostConfig"] as? [String: Any])
        #expect(host["ReadonlyRootfs"] as? Bool == true && host["Privileged"] as? Bool == false)
        #expect(host["NetworkMode"] as? String == "none" && host["CapDrop"] as? [String] == ["ALL"])
        #expect((host["CapAdd"] as? [String] ?? []).isEmpty && host["PidMode"] as? String == "")
        #expect(host["IpcMode"] as? String == "private" && host["UsernsMode"] as? String == "")
        #expect(host["Memory"] as? Int == 256 << 20 && host["MemorySwap"] as? Int == 256 << 20)
        #expect(host["NanoCpus"] as? Int == 1_000_000_000 && host["PidsLimit"] as? Int == 65)
        let (devices, binds) = (host["Devices"] as? [Any] ?? [], host["Binds"] as? [Any] ?? [])
        #expect(devices.isEmpty && binds.isEmpty)
        let options = host["SecurityOpt"] as? [String] ?? []
        #expect(options.contains("no-new-privileges=true") && options.contains { $0.hasPrefix("seccomp={") })
        #expect((host["RestartPolicy"] as? [String: Any])?["Name"] as? String == "no")
        #expect(host["AutoRemove"] as? Bool == true)
        // What is mounted of the host's: two files, both to be read only.
        let mounts = inspected["Mounts"] as? [[String: Any]] ?? []
        #expect(mounts.compactMap { $0["Destination"] as? String }.sorted() == ["/.sandbox/init", "/.sandbox/socket"])
        #expect(mounts.allSatisfy { $0["RW"] as? Bool == false })
        let labels = (inspected["Config"] as? [String: Any])?["Labels"] as? [String: String]
        #expect(labels?["io.sandboxd.policy"] == "testing" && labels?["io.sandboxd.tenant"] == "\(geteuid())")
        #expect(try command.kill().report.ending == .killed)
        #expect(try waitForNone())
    }

    @Test func `the socket that it came by is nobody's any more`() throws {
        let harness = try ready { $0.container?.image = DockerEngine.debian }
        let script = """
            import socket, os
            for kind in (socket.SOCK_SEQPACKET, socket.SOCK_STREAM):
                try: socket.socket(socket.AF_UNIX, kind).connect('/.sandbox/socket'); print('connected')
                except OSError as e: print(e.errno)
            for path in ('/proc/1/mem', '/proc/1/environ', '/proc/1/fd/3'):
                try: os.open(path, os.O_RDONLY); print('open')
                except OSError as e: print(e.errno)
            try: open('/.sandbox/init', 'r+b'); print('writable')
            except OSError as e: print(e.errno)
            try: os.kill(1, 9)
            except OSError: pass
            print('alive')
            """
        let finished = try harness.run(["/usr/bin/python3", "-c", script])
        let lines = finished.output.split(separator: "\n").map(String.init)
        try #require(lines.count == 7, "\(finished.output)")
        #expect(lines[..<5] == ["\(ECONNREFUSED)", "\(ECONNREFUSED)", "\(EACCES)", "\(EACCES)", "\(EACCES)"])
        // Of root's, and on a mount that is read-only.
        #expect(["\(EACCES)", "\(EROFS)"].contains(lines[5]) && lines[6] == "alive")
    }

    @Test func `memory over the limit ends the run by the kernel's count`() throws {
        let harness = try ready { $0.container?.image = DockerEngine.debian }
        var limits = LaunchLimits.testing
        limits.memoryBytes = 64 << 20
        let finished = try harness.run(["/usr/bin/python3", "-c", "x = bytearray(300 << 20)"], limits: limits)
        #expect(finished.report?.usage.memoryKills ?? 0 > 0, "\(finished)")
    }

    @Test func `sizes of what is in memory are the request's`() throws {
        let harness = try ready()
        var limits = LaunchLimits.testing
        limits.tmpBytes = 1 << 20
        limits.workspaceBytes = 2 << 20
        let script = "df -k /tmp /sandbox/workspace | awk 'NR > 1 { print $2 }'"
        let finished = try harness.run(["sh", "-c", script], limits: limits, environment: ["PATH=/bin"])
        #expect(finished.output == "1024\n2048\n")
    }

    /// /tmp of this image is root's alone to write.
    @Test func `what is in memory can be written, whatever the image's directory is like`() throws {
        let script = "for place in /tmp /dev/shm /sandbox/workspace; do echo x >$place/own && echo $place; done"
        let finished = try ready().run(["sh", "-c", script], environment: ["PATH=/bin"])
        #expect(finished.output == "/tmp\n/dev/shm\n/sandbox/workspace\n")
    }

    @Test func `variables of the image are there unless the request has its own`() throws {
        let finished = try ready().run(["/bin/sh", "-c", "echo $FROM_IMAGE $PATH"], environment: ["PATH=/bin:/own"])
        #expect(finished.output == "yes /bin:/own\n")
    }

    // MARK: ahead

    @Test func `one that was started ahead serves one run, and another takes its place`() throws {
        let harness = try ready { $0.container?.ahead = 1 }
        func waitForOne() throws -> String {
            for _ in 0..<400 {
                let pool = try harness.pool()
                if pool.waiting.contains(where: { $0.policy == "testing" && $0.count == 1 }) {
                    return try #require(try containers().first)
                }
                usleep(25_000)
            }
            throw HarnessError.unexpected("none was started ahead")
        }
        let first = try waitForOne()
        let finished = try harness.run(["/bin/true"])
        #expect(finished.report?.ending == .exited(0))
        #expect(try waitForOne() != first)
    }

    // MARK: failures

    @Test func `a rate that cannot be kept is refused`() throws {
        let harness = try ready()
        var limits = LaunchLimits.testing
        limits.readBytesPerSecond = 1 << 20
        let finished = try harness.finish(
            LaunchRequest(
                run: 5, policy: "testing", client: 1, workspace: nil, cwd: "", argv: ["/bin/true"],
                environment: ["PATH=/bin"],
                limits: limits, terminal: false))
        #expect(finished.failure?.stage == .refused, "\(finished)")
    }

    @Test func `an engine that is not there is said to be so, at once`() throws {
        let harness = try LauncherHarness.ready(Self.policy(), engine: "/run/no-such-engine.sock")
        let failure = try #require(try harness.run(["/bin/true"]).failure)
        #expect(failure.stage == .containerEngine && failure.errno == ENOENT && failure.retryAfterMilliseconds != nil)
    }

    @Test func `an image that is not there is said to be so`() throws {
        let harness = try ready { $0.container?.image = "sandboxd-test/none:1" }
        let failure = try #require(try harness.run(["/bin/true"]).failure)
        #expect(failure.stage == .containerImage && failure.errno == ENOENT && failure.retryAfterMilliseconds == nil)
    }

    @Test func `a network that is not there is the engine's to refuse`() throws {
        let harness = try ready { $0.container?.network = "sandboxd-test-none" }
        let failure = try #require(try harness.run(["/bin/true"]).failure)
        #expect(failure.stage == .containerStart || failure.stage == .containerCreate, "\(failure)")
        #expect(failure.subject.contains("sandboxd-test-none"))
        #expect(try waitForNone())
    }
}
