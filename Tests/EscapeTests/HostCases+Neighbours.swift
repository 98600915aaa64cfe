import EscapeAttempts
import Glibc
import SandboxClient
import SandboxTestSupport

extension HostCase {
    /// Leaves the secret in every place that two programs of one machine can share, and waits.
    private static let giver = """
        import atexit, contextlib, ctypes, os, signal, socket, sys
        secret = sys.argv[1].encode(); tag = sys.argv[2]
        c = ctypes.CDLL(None); c.shmat.restype = ctypes.c_void_p
        @atexit.register
        def clean():
            c.shmctl(c.shmget(int(tag), 0, 0), 0, None); c.mq_unlink(b"/escape-" + tag.encode())
            for f in "/tmp/escape-" + tag, "/dev/shm/escape-" + tag:
                with contextlib.suppress(OSError): os.unlink(f)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        # The test's own threads block it, and a started program inherits that.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        open("/tmp/escape-" + tag, "wb").write(secret)
        open("/dev/shm/escape-" + tag, "wb").write(secret)
        i = c.shmget(int(tag), 4096, 0o1666)
        ctypes.memmove(c.shmat(i, None, 0), secret, len(secret))
        q = c.mq_open(b"/escape-" + tag.encode(), os.O_CREAT | os.O_RDWR, 0o666, None)
        c.mq_send(q, secret, len(secret), 1)
        s = socket.socket(socket.AF_UNIX); s.bind("\\0escape-" + tag); s.listen()
        t = socket.socket(); t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        t.bind(("127.0.0.1", int(tag) % 20000 + 40000)); t.listen()
        print("ready", flush=True)
        for _ in range(200):
            for x in (s, t):
                x.settimeout(0.05)
                with contextlib.suppress(OSError): x.accept()[0].sendall(secret)
        """

    private static let finders: [(name: String, tries: String, origin: String, payload: String)] = [
        ("tmp", "its file in /tmp", "file system", "print(open('/tmp/escape-' + tag).read())"),
        ("dev-shm", "its file in /dev/shm", "isolate 2.6", "print(open('/dev/shm/escape-' + tag).read())"),
        (
            "segment", "its System V segment", "ipc namespaces",
            "c.shmat.restype = ctypes.c_void_p; i = c.shmget(int(tag), 0, 0); assert i >= 0; "
                + "print(ctypes.string_at(c.shmat(i, None, 0o10000)))"
        ),
        (
            "queue", "its POSIX queue", "ipc namespaces",
            "q = c.mq_open(b'/escape-' + tag.encode(), os.O_RDWR | os.O_NONBLOCK); assert q >= 0; "
                + "b = ctypes.create_string_buffer(8192); n = c.mq_receive(q, b, 8192, None); c.mq_send(q, b, n, 1); print(b.value)"
        ),
        (
            "abstract-socket", "its abstract socket", "abstract sockets",
            "s = socket.socket(socket.AF_UNIX); s.connect('\\0escape-' + tag); s.settimeout(3); print(s.recv(99))"
        ),
        (
            "port", "its port on 127.0.0.1", "SandboxFusion test_isolation",
            "s = socket.create_connection(('127.0.0.1', int(tag) % 20000 + 40000), 3); s.settimeout(3); print(s.recv(99))"
        ),
        (
            "arguments", "its arguments in /proc", "pid namespaces",
            // One that has ended meanwhile has none.
            """
            for p in os.listdir('/proc'):
                if not p.isdigit() or int(p) in (os.getpid(), os.getppid()): continue
                try: print(open('/proc/%s/cmdline' % p).read())
                except (FileNotFoundError, ProcessLookupError): pass
            """
        ),
    ]

    /// Two sandboxes at once, of one caller and one policy: the second looks for what the first has.
    static let neighbours: [HostCase] =
        finders.map { finder in
            HostCase("neighbour-\(finder.name)", finder.origin, "in another sandbox at the same time: \(finder.tries)")
            {
                bench in
                let tag = "\(UInt32.random(in: 100_000..<900_000))"
                let secret = bench.canary.secret
                let payload =
                    "import ctypes, os, socket, sys; c = ctypes.CDLL(None); tag = sys.argv[1]\n" + finder.payload
                let run = try await bench.client.start(
                    RunRequest(argv: ["python3", "-c", giver, secret, tag], policy: "loopback"))
                for try await event in run.events { if case .standardOutput = event { break } }
                let found = try await bench.said(["python3", "-c", payload, tag], policy: "loopback")
                run.cancel()
                // Outside: one user's two programs.
                let ready = TemporaryDirectory()
                let log = open("\(ready.path)/out", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
                defer { close(log) }
                let program = try StartedProgram(
                    Bench.becoming(bench.canary.user) + ["/usr/bin/python3", "-c", giver, secret, tag],
                    descriptors: [0, log, log])
                for _ in 0..<300 where try ready.read("out").isEmpty { usleep(10_000) }
                let outside = try bench.outside(
                    ["/usr/bin/python3", "-c", payload, tag], as: bench.canary.user)
                kill(program.pid, SIGTERM)
                program.wait()
                return Judgement(bench.bySecret(found), outside: bench.bySecret(outside))
            }
        } + [nextTenant, neighbourRename]

    static let loopback = """
        version: 1
        extends: default
        description: With a network of its own
        network: loopback
        """

    private static let nextTenant = HostCase(
        "next-tenant", "piston file_persistance", "find what the run before left in /tmp, /dev/shm and the root"
    ) { bench in
        let name = "escape-left-\(bench.marker())"
        let secret = bench.canary.secret
        let leave = "for d in /tmp /dev/shm /; do echo \(secret) > $d/\(name); done"
        let look = "cat /tmp/\(name) /dev/shm/\(name) /\(name)"
        _ = try await bench.said(["/bin/sh", "-c", leave])
        let inside = bench.bySecret(try await bench.said(["/bin/sh", "-c", look]))
        let user = bench.canary.user
        _ = try bench.outside(["/bin/sh", "-c", leave], as: user)
        let outside = bench.bySecret(try bench.outside(["/bin/sh", "-c", look], as: user))
        _ = try bench.outside(["/bin/sh", "-c", "rm /tmp/\(name) /dev/shm/\(name)"], as: user)
        return Judgement(inside, outside: outside)
    }

    /// The classic way out of a bind mount: the directory in which a process stands is moved out of it.
    private static let neighbourRename = HostCase(
        "neighbour-rename", "bind mount escape", "stand in W/sub/d as a workspace's tenant while W's tenant moves d out"
    ) { bench in
        let directory = bench.directory()
        try directory.makeDirectory("sub")
        try directory.makeDirectory("sub/d")
        try directory.write("secret", bench.canary.secret)
        for name in ["sub", "sub/d"] { chown("\(directory.path)/\(name)", bench.caller, bench.caller) }
        let payload = """
            import os, time
            os.chdir("d"); print("in", flush=True)
            deadline = time.time() + 10
            while time.time() < deadline:
                for path in "../secret", "../../secret", "../../../secret":
                    try: print(open(path).read()); raise SystemExit
                    except OSError as e: error = e
                if not os.path.exists("\(bench.workspace)/d"): print("moved", error); raise SystemExit
            """
        let run = try await bench.client.start(
            RunRequest(argv: ["python3", "-c", payload], policy: "widest", workspace: directory.path + "/sub"))
        var said = ""
        for try await event in run.events {
            guard case .standardOutput(let bytes) = event else { continue }
            said += String(decoding: bytes, as: UTF8.self)
            guard said == "in\n" else { continue }
            _ = try await bench.said(["mv", "sub/d", "d"], workspace: directory.path)
        }
        let inside: Verdict = said.contains("moved") ? bench.bySecret(said) : .error(said)
        return Judgement(
            said.contains(bench.canary.secret) ? .escaped("the secret") : inside,
            outside: bench.bySecret(try bench.outside(["/bin/cat", "../secret"], in: directory.path + "/d")))
    }

    /// The probe on the host, by root, while a sandbox holds all that it gets of something.
    private static func supply(_ name: String, _ tries: String, _ payload: String) -> HostCase {
        HostCase("supply-\(name)", "ucounts", tries) { bench in
            let run = try await bench.client.start(
                RunRequest(
                    argv: ["python3", "-c", payload + "\nprint('holding', flush=True)\nimport time; time.sleep(30)"],
                    policy: "widest"))
            for try await event in run.events { if case .standardOutput = event { break } }
            defer { run.cancel() }
            let directory = try AttemptRuns.workspace(owner: 0)
            let said = try bench.outside(["./escape-probe", "--isolated", name], in: directory.path)
            // There the attempt has to work: what it takes must be there to be taken.
            let verdict = AttemptRuns.parse(said)[name]
            return Judgement(
                verdict?.word == "escaped" ? .stopped("the host's root has its share") : .escaped("\(said)"))
        }
    }

    static let supplies: [HostCase] = [
        supply(
            "inotify-instances", "take all inotify instances that it gets; then root on the host wants 64",
            """
            import ctypes
            c = ctypes.CDLL(None)
            for _ in range(1000): c.inotify_init()
            """),
        supply(
            "pending-signals", "take all pending signals that it gets; then root on the host wants 2,048",
            """
            import ctypes, os, signal
            c = ctypes.CDLL(None)
            signal.pthread_sigmask(signal.SIG_BLOCK, range(34, 64))
            for _ in range(300000): c.sigqueue(os.getpid(), 40, None)
            """),
        supply(
            "posix-queue-bytes", "take all bytes of POSIX queues that it gets; then root on the host wants 200 KiB",
            """
            import ctypes, os
            c = ctypes.CDLL(None)
            for i in range(1000): c.mq_open(b"/q%d" % i, os.O_CREAT | os.O_RDWR, 0o600, None)
            """),
        supply(
            "terminals", "take all terminals that it gets; then root on the host wants 100",
            """
            import os
            kept = []
            for _ in range(8):
                if os.fork() == 0:
                    try:
                        while True: kept.append(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
                    except OSError: pass
                    import time; time.sleep(20); os._exit(0)
            """),
    ]
}
