import SandboxClient

// Commands that do not want to end, or whose end is hard to see.
extension LimitCase {
    static let hard: [LimitCase] = trees + crowds + holders

    private static let trees: [LimitCase] = [
        LimitCase(
            "sessions of their own, SIGTERM ignored", "`trap '' TERM; setsid sh -c ... &`",
            [
                "sh", "-c",
                "trap '' TERM HUP INT; setsid sh -c 'sleep 10 & sleep 10' & (setsid sleep 10 &); sleep 10",
            ], Limits(wallMilliseconds: 100, graceMilliseconds: 0), from: .started(100), .wallTimeout),
        LimitCase(
            "stopped processes", "`sleep 10 & kill -STOP $! $$`",
            ["sh", "-c", "sleep 10 & kill -STOP $!; kill -STOP $$; sleep 10"],
            Limits(wallMilliseconds: 100, graceMilliseconds: 0), from: .started(100), .wallTimeout),
    ]

    private static let crowds: [LimitCase] = [
        LimitCase(
            "fork bomb", "forks in every process, 64 allowed", Payload.python(Payload.forkBomb),
            Limits(processes: 64, wallMilliseconds: 400, graceMilliseconds: 0), from: .started(400), .wallTimeout
        ).hitting("processes"),
        LimitCase(
            "64 processes that compute", "64 endless loops",
            Payload.python(
                """
                end = time.monotonic() + 5
                for _ in range(63):
                    if os.fork() == 0: break
                while time.monotonic() < end: pass
                """), Limits(wallMilliseconds: 300, graceMilliseconds: 0), from: .started(300), .wallTimeout),
        LimitCase(
            "16 that compute, with a tenth of a core", "16 endless loops",
            Payload.python(
                """
                end = time.monotonic() + 5
                for _ in range(15):
                    if os.fork() == 0: break
                while time.monotonic() < end: pass
                """), Limits(cpus: 0.1, wallMilliseconds: 600, graceMilliseconds: 0), from: .started(600),
            .wallTimeout),
        LimitCase(
            "10,000 zombies", "10,000 children, none waited for", Payload.python(Payload.zombies(10_000)),
            Limits(graceMilliseconds: 0), policy: "many", from: .cancel, .cancelled
        ).rarely(5),
    ]

    private static let holders: [LimitCase] = [
        LimitCase(
            "exited; a grandchild holds the pipe", "`(setsid sleep 10 &)`, then exits",
            Payload.python(
                """
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0: time.sleep(10)
                    os._exit(0)
                os.wait(); tell(); os._exit(0)
                """), from: .told(0), .exited),
        LimitCase(
            "exited; a grandchild holds the terminal", "the same with a terminal",
            Payload.python(
                """
                if os.fork() == 0: os.setsid(); time.sleep(10); os._exit(0)
                time.sleep(0.02); tell(); os._exit(0)
                """), from: .told(0), .exited
        ).onTerminal(),
        LimitCase(
            "exited; somebody outside holds the pipe", "sends its stdout to a host process, then exits",
            Payload.python(Payload.lendOutput + "tell(); os._exit(0)"), from: .told(0), .exited
        ).heldOutside(),
        LimitCase(
            "wall_timeout; somebody outside holds the pipe", "sends its stdout to a host process, then sleeps",
            Payload.python(Payload.lendOutput + "time.sleep(10)"), Limits(wallMilliseconds: 250, graceMilliseconds: 0),
            from: .started(250), .wallTimeout
        ).heldOutside(),
    ]
}
