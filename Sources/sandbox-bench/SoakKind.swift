import SandboxModel

/// One kind of run of the mixture: a command, what the client does to it, and how it may end.
struct SoakKind: Sendable {
    /// What the client does beside waiting.
    enum Act: Sendable {
        case nothing
        /// Cancels at a random moment of so many microseconds after the request, sometimes twice.
        case cancel(within: Int)
        /// The same, after the command was started.
        case cancelStarted(within: Int)
        /// Sends a signal to a command that was started.
        case signal(Int32)
        /// Sends so many bytes of standard input as soon as the run is accepted, and its end.
        case input(Int)
    }

    var name: String
    /// How many of all the weights.
    var weight: Int
    var request: RunRequest
    var act = Act.nothing
    /// Reasons of results and codes of errors that are right.
    var ends: Set<String>
    var needsWorkspace = false

    init(
        _ name: String, _ weight: Int, _ argv: [String], _ limits: Limits = Limits(), act: Act = .nothing,
        keep: OutputKeep? = nil, usage: UInt64? = nil, workspace: Bool = false, ends: [Outcome.Reason],
        errors: [ServiceError.Code] = []
    ) {
        self.name = name
        self.weight = weight
        request = RunRequest(argv: argv, limits: limits, keep: keep, usageIntervalMilliseconds: usage)
        self.act = act
        self.ends = Set(ends.map(\.rawValue) + errors.map(\.rawValue))
        needsWorkspace = workspace
        if case .input = act { request.stdin = true }
    }

    private static func shell(_ script: String) -> [String] { ["sh", "-c", script] }

    /// Only programs that start fast: this is about numbers of runs.
    static let all: [SoakKind] = [
        SoakKind("true", 20, ["true"], ends: [.exited]),
        SoakKind("a status", 5, shell("exit 7"), ends: [.exited]),
        SoakKind("64 KiB of output", 8, ["head", "-c", "65536", "/dev/zero"], ends: [.exited]),
        SoakKind("lines on both streams", 5, shell("seq 200; seq 200 >&2"), ends: [.exited]),
        SoakKind("a signal of its own", 4, shell("kill -SEGV $$"), ends: [.signaled]),
        SoakKind("a signal of the client", 3, ["sleep", "5"], act: .signal(15), ends: [.signaled]),
        SoakKind("wall time", 6, ["sleep", "5"], Limits(wallMilliseconds: 20), ends: [.wallTimeout]),
        SoakKind("idle time", 3, shell("echo x; sleep 5"), Limits(idleMilliseconds: 20), ends: [.idleTimeout]),
        SoakKind("CPU time", 1, shell("while :; do :; done"), Limits(cpuMilliseconds: 30), ends: [.cpuTimeout]),
        SoakKind("cancel, asleep", 5, ["sleep", "5"], act: .cancel(within: 20_000), ends: [.cancelled]),
        SoakKind("cancel, racing the start", 4, ["true"], act: .cancel(within: 20_000), ends: [.cancelled, .exited]),
        SoakKind(
            "cancel, racing the exit", 5, ["true"], act: .cancelStarted(within: 4000), ends: [.cancelled, .exited]),
        SoakKind(
            "out of memory", 2, ["dd", "if=/dev/zero", "of=/dev/null", "bs=48M", "count=1"],
            Limits(memoryBytes: 16 << 20), ends: [.memoryLimit]),
        SoakKind(
            "out of memory, a child only", 2,
            shell("dd if=/dev/zero of=/dev/null bs=48M count=1 & sleep 5"), Limits(memoryBytes: 16 << 20),
            ends: [.memoryLimit]),
        SoakKind(
            "ends in its grace", 3, shell("trap 'exit 3' TERM; while :; do sleep 0.01; done"),
            Limits(wallMilliseconds: 30, graceMilliseconds: 500), ends: [.wallTimeout]),
        SoakKind(
            "killed after its grace", 2, shell("trap '' TERM; sleep 5 & wait; sleep 5"),
            Limits(wallMilliseconds: 20, graceMilliseconds: 20), ends: [.wallTimeout]),
        SoakKind(
            "usage while it runs", 2, ["sleep", "0.25"], usage: 100, ends: [.exited]),
        SoakKind(
            "head and tail kept", 4, ["head", "-c", "500000", "/dev/zero"],
            keep: OutputKeep(stdout: .init(headBytes: 1000, tailBytes: 100_000)), ends: [.exited]),
        SoakKind(
            "/tmp full", 2, shell("head -c 500000 /dev/zero > /tmp/f; exit 0"), Limits(tmpBytes: 100 << 10),
            ends: [.exited]),
        SoakKind("forks", 4, shell("for i in 1 2 3 4 5 6 7 8; do true & done; wait"), ends: [.exited]),
        SoakKind(
            "forks refused", 2, shell("for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait"),
            Limits(processes: 4, wallMilliseconds: 2000), ends: [.exited]),
        SoakKind("leaves children behind", 4, shell("setsid sleep 5 & (setsid sleep 5 &); exit 0"), ends: [.exited]),
        SoakKind("denied", 4, ["sudo", "true"], ends: [.denied]),
        SoakKind("not found", 4, ["no-such-program"], ends: [], errors: [.programNotFound]),
        SoakKind(
            "a limit that is refused", 1, ["true"], Limits(memoryBytes: 1 << 50), ends: [],
            errors: [.limitNotAllowed]),
        SoakKind("a workspace", 6, shell("echo x > f$$ && rm f$$"), workspace: true, ends: [.exited]),
        SoakKind("input", 5, ["cat"], act: .input(100_000), ends: [.exited]),
        SoakKind("input that nobody reads", 3, ["true"], act: .input(200_000), ends: [.exited]),
        SoakKind("too much output", 3, ["yes"], Limits(outputBytes: 100_000), ends: [.outputLimit]),
        SoakKind(
            "a file too large", 2, ["dd", "if=/dev/zero", "of=f", "bs=64k", "count=4"],
            Limits(fileSizeBytes: 100_000), ends: [.fileSizeLimit]),
    ]

    /// What the clients that go away in the middle have running.
    static let abandoned: [RunRequest] = [
        RunRequest(argv: ["sleep", "5"]), RunRequest(argv: ["true"]),
        RunRequest(argv: ["yes"]), RunRequest(argv: ["cat"], stdin: true),
        RunRequest(argv: shell("setsid sleep 5 & sleep 5")),
    ]
}
