import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// Attacks on what an engine makes otherwise than the launcher: by the command, by an image, and by a sandboxd that was taken over.
@Suite(.needs(.root), .needs(.docker), .serialized)
struct ContainerAttackTests {
    private func ready(
        image: String = DockerEngine.debian, _ change: (inout CompiledPolicy) -> Void = { _ in }
    ) throws -> LauncherHarness {
        var policy = CompiledPolicy.testing()
        policy.readPaths = []
        policy.container = ContainerPlan(image: image)
        change(&policy)
        return try LauncherHarness.ready(policy, engine: DockerEngine.socket)
    }

    private func python(
        _ script: String, _ harness: LauncherHarness, workspace: String? = nil
    ) throws -> LauncherHarness.Finished {
        try harness.run(["/usr/bin/python3", "-c", script], workspace: workspace)
    }

    // MARK: by the command

    @Test func `a container gets no more terminals than a sandbox`() throws {
        let script = """
            import os
            kept = []
            try:
                while True: kept.append(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
            except OSError as e: print(len(kept), e.errno)
            """
        #expect(try python(script, try ready()).output == "32 \(ENOSPC)\n")
    }

    /// It has the command's uid, so that the kernel lets the command do all of this. Its end is the run's, and no later one's.
    @Test(arguments: [
        "os.setpriority(os.PRIO_PROCESS, 1, 19); os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))",
        "[os.kill(1, s) for s in range(1, 65) if s not in (32, 33)]",
    ])
    func `what a command does to pid 1 harms its own run alone`(_ attack: String) throws {
        let harness = try ready()
        let script = """
            import ctypes, os, subprocess
            c = ctypes.CDLL(None)
            try: \(attack)
            except OSError as e: print(e)
            c.mount(None, None, None, 0, None); c.unshare(0x10000000)
            for _ in range(3): subprocess.run(["true"])
            print("done")
            """
        let first = try python(script, harness)
        #expect(first.failure == nil && first.report != nil, "\(first)")
        let second = try harness.run(["/bin/true"])
        #expect(second.report?.ending == .exited(0))
    }

    /// Without open files poll(2) of pid 1 fails: it would answer no refused call any more and report no end.
    @Test func `the limits of pid 1 are not the command's`() throws {
        let script = """
            import ctypes, os
            c = ctypes.CDLL(None, use_errno=True)
            for pid in 1, os.getpid(), 0:
                print(c.prlimit64(pid, 7, (ctypes.c_ulong * 2)(64, 64), None), ctypes.get_errno())
            c.mount(None, None, None, 0, None)
            """
        let finished = try python(script, try ready())
        #expect(finished.output == "-1 \(EPERM)\n-1 \(EPERM)\n0 \(EPERM)\n", "\(finished)")
        #expect(finished.report?.ending == .exited(0) && finished.report?.denials.isEmpty == false, "\(finished)")
    }

    @Test func `nothing of the engine, of other containers or of the host's is in reach`() throws {
        let harness = try ready()
        let script = """
            import ctypes, glob, os, socket
            for path in ["/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock"]:
                try: socket.socket(socket.AF_UNIX).connect(path); print("connected", path)
                except OSError: pass
            print(sorted(p for p in os.listdir("/proc") if p.isdigit()) == sorted(["1", str(os.getpid())]))
            for path in ["/proc/1/root", "/proc/1/cwd", "/proc/1/exe", "/proc/1/map_files", "/proc/1/mem", "/proc/1/maps",
                         "/proc/1/stack", "/proc/1/ns/mnt", "/proc/1/fd", "/proc/1/auxv", "/proc/1/io"]:
                try:
                    if os.path.isdir(path): os.listdir(path)
                    elif path.endswith("exe"): os.readlink(path)
                    else: open(path, "rb").read(1)
                    print("open", path)
                except OSError: pass
            # Written nowhere but where the policy says, and no device is made or followed there.
            own = ["/tmp", "/dev/shm", "/sandbox/workspace"]
            for root, dirs, files in os.walk("/", followlinks=False):
                dirs[:] = [d for d in dirs if os.path.join(root, d) not in own + ["/proc"]]
                try:
                    with open(os.path.join(root, "escape-x"), "w"): print("written", root)
                except OSError: pass
            for path in glob.glob("/proc/sys/**", recursive=True):
                if os.access(path, os.W_OK) and os.path.isfile(path):
                    try: os.close(os.open(path, os.O_WRONLY)); print("sysctl", path)
                    except OSError: pass
            for name, mode in ("a", 0o020666), ("b", 0o060666):
                for place in own:
                    try: os.mknod(place + "/" + name, mode, os.makedev(1, 3)); print("device", place)
                    except OSError: pass
            for place in own:
                open(place + "/s", "w").close()
                try: os.chmod(place + "/s", 0o6755); print("set-id", place, oct(os.stat(place + "/s").st_mode))
                except OSError: pass
            print(os.listdir("/sys"), os.listdir("/.sandbox") == ["init", "socket"] or sorted(os.listdir("/.sandbox")))
            """
        let workspace = TemporaryDirectory()
        let finished = try python(script, harness, workspace: workspace.path)
        #expect(
            finished.output == "True\n[] True\n" || finished.output == "True\n[] ['init', 'socket']\n", "\(finished)")
    }

    @Test func `all that is in memory counts against one limit`() throws {
        let harness = try ready {
            $0.tmpBytes = 128 << 20
            $0.shmBytes = 128 << 20
        }
        let script = """
            import os
            block = bytes(1 << 20)
            for place in "/tmp", "/dev/shm", "/sandbox/workspace":
                for n in range(4):
                    with open(place + "/f%d" % n, "wb", buffering=0) as f:
                        for _ in range(30): f.write(block)
            print("took it")
            """
        let finished = try python(script, harness)
        #expect(!finished.output.contains("took it") && finished.report?.usage.memoryKills ?? 0 > 0, "\(finished)")
        #expect(try harness.run(["/bin/true"]).report?.ending == .exited(0))
    }

    // MARK: by an image

    /// A tree of busybox's after some shell commands in it, with further configuration; gone when the body is done.
    private func withImage<Value>(
        _ commands: String, changes: [String] = [], _ body: (String) throws -> Value
    ) throws -> Value {
        let directory = TemporaryDirectory()
        let tag = "sandboxd-test/attack:\(getpid())"
        // As --data-urlencode would say them.
        let words = changes.map { change in
            "&changes=" + change.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }.joined()
        let script = """
            set -e; mkdir -p tree/bin tree/etc tree/tmp; cp /bin/busybox tree/bin/busybox
            for n in sh ls id cat echo df grep true; do ln -s busybox tree/bin/$n; done
            cd tree; \(commands)
            tar -c . | curl --silent --fail --unix-socket "$0" --upload-file - --request POST \
                "http://docker/images/create?fromSrc=-&repo=sandboxd-test/attack&tag=\(getpid())$1" >/dev/null
            """
        let made = try StartedProgram(
            ["/bin/sh", "-c", "cd \(directory.path); \(script)", DockerEngine.socket, words], descriptors: [0, 1, 2]
        ).wait()
        try #require(made == 0)
        defer { _ = try? DockerEngine.ask("DELETE", "/images/\(tag)?force=true") }
        return try body(tag)
    }

    /// At which stage a run fails, if it does.
    static let images: [(tree: String, changes: [String], stage: LaunchStage?)] = [
        ("ln -s / sandbox", [], nil),
        ("mkdir sandbox; ln -s ../../../../../../VICTIM sandbox/workspace", [], .mountWorkspace),
        ("ln -s /proc/self/root sandbox", [], .mountWorkspace),
        ("ln -s VICTIM .sandbox", [], nil),
        ("echo x >.sandbox", [], .containerStart),
        ("mkdir .sandbox; ln -s VICTIM/init .sandbox/init; ln -s VICTIM/socket .sandbox/socket", [], nil),
        ("mkdir .sandbox; cp bin/busybox .sandbox/init", [], nil),
        ("rmdir tmp; ln -s VICTIM tmp", [], nil),
        ("ln -s VICTIM dev", [], nil),
        ("ln -s VICTIM proc", [], nil),
        ("ln -s VICTIM sys", [], nil),
        ("rm -rf etc; ln -s VICTIM etc", [], nil),
        ("true", ["ENV LD_PRELOAD=/evil.so", "ENV LD_AUDIT=/evil.so", "ENV PATH=/evil:/bin"], nil),
        ("true", ["USER 0:0", "ENTRYPOINT [\"/bin/cat\"]", "CMD [\"x\"]", "ONBUILD RUN true", "WORKDIR /proc"], nil),
        ("true", ["VOLUME /"], .containerImage), ("true", ["VOLUME /proc"], .containerImage),
        ("true", ["VOLUME /.sandbox"], .containerImage),
        ("true", ["VOLUME /sandbox/workspace"], nil), ("true", ["VOLUME /dev/shm"], nil),
        ("true", ["VOLUME /bin/../etc"], .containerImage),
    ]

    @Test(arguments: images.indices) func `an image reaches nothing of the host's`(_ index: Int) throws {
        let (tree, changes, stage) = Self.images[index]
        let (victim, workspace) = (TemporaryDirectory(), TemporaryDirectory())
        chmod(victim.path, 0o777)
        try withImage(tree.split(separator: "VICTIM").joined(separator: victim.path), changes: changes) { image in
            let script = "for d in /tmp /dev/shm /sandbox/workspace; do echo x >$d/made && echo $d; done; id -u; id -g"
            let finished = try ready(image: image).run(
                ["/bin/sh", "-c", script], workspace: workspace.path, environment: ["PATH=/bin"])
            #expect(try Directory(victim.path).entries().isEmpty)
            #expect(finished.failure?.stage == stage && workspace.has("made") == (stage == nil), "\(finished)")
        }
    }

    // MARK: by a sandboxd that was taken over

    @Test func `after the seal there is no other engine and no other policy`() throws {
        for command in [
            LauncherCommand.engine(socket: "/tmp/evil.sock"), .policy(.testing(name: "other")),
        ] {
            let harness = try ready()
            try harness.send(command)
            // Refused, or the end of the launcher: served by it is nobody.
            let failure = try? harness.run(["/bin/true"], policy: "other").report
            #expect(failure == nil)
        }
    }

    /// It is part of a container's name, a label, and a path of the engine's.
    @Test(arguments: [
        "../../containers/prune?x=", "a&HostConfig.Privileged=true", "a HTTP/1.1\r\nX: y\r\n\r\nGET /x",
        "a\"},{\"x\":\"", "%2e%2e%2f", "ä",
    ])
    func `a run's id that is no id does not reach the engine`(_ id: String) throws {
        let harness = try ready()
        let finished = try harness.finish(
            LaunchRequest(
                run: 77, policy: "testing", client: 1, workspace: nil, cwd: "", argv: ["/bin/true"],
                environment: ["PATH=/bin"], limits: .testing, terminal: false, id: id))
        #expect(finished.failure?.stage == .refused, "\(finished)")
        let next = try harness.finish(
            LaunchRequest(
                run: 78, policy: "testing", client: 1, workspace: nil, cwd: "", argv: ["/bin/true"],
                environment: ["PATH=/bin"], limits: .testing, terminal: false))
        #expect(next.report?.ending == .exited(0), "\(next)")
    }
}
