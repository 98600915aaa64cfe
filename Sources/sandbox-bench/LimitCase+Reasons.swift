import SandboxClient

// Every reason for which a run ends.
extension LimitCase {
    static let reasons: [LimitCase] = ownEnds + timeouts + amounts + hits + refusals + requests + grace

    private static let ownEnds: [LimitCase] = [
        LimitCase(
            "exited", "`exit 3`", Payload.python("tell(); os._exit(3)"), from: .told(0), .exited),
        LimitCase(
            "signaled", "`kill -SEGV $$`", Payload.python("tell(); os.kill(os.getpid(), 11)"), from: .told(0),
            .signaled),
    ]

    private static let timeouts: [LimitCase] = [
        LimitCase(
            "wall_timeout", "`sleep 10`", ["sleep", "10"], Limits(wallMilliseconds: 50, graceMilliseconds: 0),
            from: .started(50), .wallTimeout),
        LimitCase(
            "wall_timeout while it floods", "`yes`", ["yes"], Limits(wallMilliseconds: 100, graceMilliseconds: 0),
            policy: "flood", from: .started(100), .wallTimeout),
        LimitCase(
            "idle_timeout", "writes once, then sleeps", Payload.python("tell(); time.sleep(10)"),
            Limits(idleMilliseconds: 200, graceMilliseconds: 0), from: .told(200), .idleTimeout),
        LimitCase(
            "cpu_timeout", "one process computes",
            Payload.python(
                """
                while time.process_time() < 0.08: pass
                tell()
                while time.process_time() < 2: pass
                """), Limits(cpuMilliseconds: 100, graceMilliseconds: 0), from: .told(20), .cpuTimeout),
        LimitCase(
            "cpu_timeout of many", "a child of 2 ms after the other",
            Payload.python(
                """
                import resource
                def used():
                    r = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
                    return sum(u.ru_utime + u.ru_stime for u in r)
                told, end = False, time.monotonic() + 5
                while time.monotonic() < end:
                    if not told and used() >= 0.18: told = True; tell()
                    if os.fork() == 0:
                        start = time.process_time()
                        while time.process_time() < start + 0.002: pass
                        os._exit(0)
                    os.wait()
                """), Limits(cpuMilliseconds: 200, graceMilliseconds: 0), from: .told(20), .cpuTimeout),
    ]

    private static let amounts: [LimitCase] = [
        LimitCase(
            "memory_limit", "takes 64 MiB", Payload.python(Payload.takeMemory), Limits(memoryBytes: 32 << 20),
            from: .told(0), .memoryLimit),
        LimitCase(
            "memory_limit, a child only", "a child takes 64 MiB, its parent sleeps",
            Payload.python("if os.fork(): time.sleep(10); os._exit(0)\n" + Payload.takeMemory),
            Limits(memoryBytes: 32 << 20), from: .told(0), .memoryLimit),
        LimitCase(
            "output_limit, sum", "40,000 bytes to stderr, the rest to stdout",
            Payload.python("os.write(2, b'x' * 40000)\n" + Payload.fill(1, upTo: 100_000 - 40_000)),
            Limits(outputBytes: 100_000), from: .told(0), .outputLimit),
        LimitCase(
            "output_limit, stdout", "one byte more to stdout, less to stderr",
            Payload.python("os.write(2, b'x' * 40000)\n" + Payload.fill(1, upTo: 50_000)),
            Limits(outputBytes: 1_000_000, stdoutBytes: 50_000), from: .told(0), .outputLimit),
        LimitCase(
            "output_limit, stderr", "one byte more to stderr, more than that to stdout",
            Payload.python("os.write(1, b'x' * 60000)\n" + Payload.fill(2, upTo: 50_000)),
            Limits(outputBytes: 1_000_000, stderrBytes: 50_000), from: .told(0), .outputLimit),
        LimitCase(
            "file_size_limit", "writes one byte more than 64 KiB",
            Payload.python(
                """
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                f = os.open("f", os.O_WRONLY | os.O_CREAT)
                os.write(f, b"x" * 65536); tell(); os.write(f, b"!")
                """), Limits(fileSizeBytes: 65536), from: .told(0), .fileSizeLimit),
    ]

    private static let hits: [LimitCase] = [
        LimitCase(
            "limits_hit processes", "forks until it fails, then exits",
            Payload.python(
                """
                try:
                    for _ in range(32):
                        if os.fork() == 0: time.sleep(5); os._exit(0)
                except OSError: pass
                tell(); os._exit(0)
                """), Limits(processes: 8), from: .told(0), .exited
        ).hitting("processes"),
        LimitCase(
            "limits_hit tmp", "writes 2 MiB to /tmp, of which 1 MiB goes in",
            Payload.python(
                """
                f = os.open("/tmp/f", os.O_WRONLY | os.O_CREAT)
                try:
                    while True: os.write(f, b"x" * 65536)
                except OSError: pass
                tell(); os._exit(0)
                """), Limits(tmpBytes: 1 << 20), from: .told(0), .exited
        ).hitting("tmp"),
    ]

    private static let refusals: [LimitCase] = [
        LimitCase("denied by a rule", "`sudo true`", ["sudo", "true"], from: .request, .denied),
        LimitCase(
            "denied by the kernel", "`/etc/hosts` as a program", ["/etc/hosts"], policy: "python", from: .request,
            .denied),
    ]

    private static let up = ["sh", "-c", "echo up; exec sleep 10"]

    private static let atOnce = Limits(graceMilliseconds: 0)

    private static let requests: [LimitCase] = [
        LimitCase("cancelled", "`sleep 10`", up, atOnce, from: .cancel, .cancelled),
        LimitCase("cancelled by kill", "`sleep 10`", up, atOnce, from: .kill, .cancelled),
        LimitCase("client_gone", "`sleep 10`", up, atOnce, from: .closed, .clientGone),
    ]

    private static let ignoring = ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"]

    /// What gets a signal first, and the kill after its grace.
    private static let grace: [LimitCase] = [
        LimitCase(
            "wall_timeout, ends at SIGTERM", "`sleep 10`", ["sleep", "10"],
            Limits(wallMilliseconds: 50, graceMilliseconds: 500), from: .started(50), .wallTimeout),
        LimitCase(
            "wall_timeout, tidies up at SIGTERM", "a handler that writes for 20 ms, then exits",
            Payload.python(
                """
                def tidy(*_): time.sleep(0.02); tell(); os._exit(0)
                signal.signal(signal.SIGTERM, tidy)
                time.sleep(10)
                """), Limits(wallMilliseconds: 150, graceMilliseconds: 500), from: .told(0), .wallTimeout),
        LimitCase(
            "wall_timeout, ignores SIGTERM", "`trap '' TERM`, killed after 100 ms of grace", ignoring,
            Limits(wallMilliseconds: 50, graceMilliseconds: 100), from: .started(150), .wallTimeout),
        LimitCase(
            "cancelled, ends at SIGTERM", "`sleep 10`", up, Limits(graceMilliseconds: 500), from: .cancel,
            .cancelled),
        LimitCase(
            "cancelled at once, ignores SIGTERM", "`trap '' TERM`", ignoring, Limits(graceMilliseconds: 500),
            from: .cancelNow, .cancelled),
        LimitCase(
            "client_gone, ends at SIGTERM", "`sleep 10`", up, Limits(graceMilliseconds: 500), from: .closed,
            .clientGone),
    ]
}
