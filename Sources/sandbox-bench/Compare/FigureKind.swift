/// Every figure there is, with what is promised of it. `key` is for programs and never changes its meaning.
struct FigureKind: Sendable {
    var key: String
    var unit: FigureUnit
    var target: Target?
    var meaning: String

    private init(_ key: String, _ unit: FigureUnit, _ target: Target? = nil, _ meaning: String) {
        (self.key, self.unit, self.target, self.meaning) = (key, unit, target, meaning)
    }

    private static let mebibyte = 1_048_576.0

    static let execP50 = FigureKind(
        "exec.p50_ratio", .ratio, .atMost(1.5),
        "p50 of /bin/true in a fresh sandbox, request to result over an open connection of a plain client (two blocking calls), "
            + "divided by posix_spawn and wait's p50")
    static let execP99 = FigureKind(
        "exec.p99_ratio", .ratio, .atMost(4), "p99 of what exec.p50_ratio is of, divided by posix_spawn's p50")
    static let execClientP50 = FigureKind(
        "exec.client_p50_ratio", .ratio, nil, "exec.p50_ratio through SandboxClient, with its threads and tasks")
    static let execClientP99 = FigureKind(
        "exec.client_p99_ratio", .ratio, nil, "exec.p99_ratio through SandboxClient")
    static let execSequential = FigureKind(
        "exec.sequential_p50_ratio", .ratio, nil,
        "exec.p50_ratio without pauses, 20 of each in a row: each pays for what its last run leaves to be cleaned up")
    static let execAfterQuiet = FigureKind(
        "exec.after_quiet_p50_ratio", .ratio, nil,
        "exec.p50_ratio with 100 ms of quiet before each: what a command finds whose agent has been thinking")

    static let cliBubblewrap = FigureKind(
        "cli.p50_vs_bubblewrap", .ratio, .atMost(1),
        "p50 of `sandboxctl exec -- /bin/true` through the service, as a whole process, divided by bubblewrap's")
    static let cliP50 = FigureKind(
        "cli.p50_ms", .milliseconds, nil,
        "p50 of `sandboxctl exec -- /bin/true` through the service, as a whole process")
    static let cliStandalone = FigureKind(
        "cli.standalone_p50_ms", .milliseconds, .atMost(30),
        "p50 of `sandboxctl exec --standalone -- /bin/true`: a daemon and a launcher are started and ended for it")

    static let throughputBubblewrap = FigureKind(
        "throughput.vs_bubblewrap", .ratio, .atLeast(2.5),
        "sandboxes per second with all cores busy, divided by bubblewrap's in the slice of time after it, as many at once: the "
            + "p50; 2 is the floor"
    )
    static let throughputSpawn = FigureKind(
        "throughput.vs_posix_spawn", .ratio, nil,
        "sandboxes per second, divided by posix_spawn and wait's, as many at once")
    static let throughputRate = FigureKind(
        "throughput.per_second", .perSecond, nil, "sandboxes per second, /bin/true, closed loop")
    static let throughputTail = FigureKind(
        "throughput.p99_over_p50", .ratio, .atMost(10), "p99 of the latency under this load, divided by its p50")
    static let throughputCreep = FigureKind(
        "throughput.last_vs_first", .ratio, .within(0.9, 1.111),
        "the rate of the last ten seconds of load (of less, if it is shorter) divided by that of the first ten: less than 1 is creeping"
    )
    static let throughputMachine = FigureKind(
        "throughput.bubblewrap_last_vs_first", .ratio, nil,
        "what throughput.last_vs_first is, of bubblewrap: far from 1 it was the machine that changed, and that figure says nothing"
    )
    static let throughputFailures = FigureKind(
        "throughput.failures", .count, .atMost(0), "runs under load that did not end with status 0")

    static let stream = FigureKind(
        "stream.vs_pipe", .ratio, .atLeast(0.7),
        "bytes per second of `cat FILE` in a sandbox to its client, by those of `cat FILE` through a plain pipe")
    static let streamClient = FigureKind(
        "stream.client_vs_pipe", .ratio, nil, "stream.vs_pipe with SandboxClient as the consumer")
    static let streamRate = FigureKind("stream.bytes_per_second", .bytesPerSecond, nil, "of stream.vs_pipe")
    static let input = FigureKind(
        "stdin.vs_pipe", .ratio, .atLeast(0.7),
        "bytes per second from a client into `cat >/dev/null` in a sandbox, by those through a plain pipe")
    static let inputRate = FigureKind("stdin.bytes_per_second", .bytesPerSecond, nil, "of stdin.vs_pipe")
    static let echo = FigureKind(
        "echo.added_us", .microseconds, .atMost(200),
        "p50 of the round trip of one byte through `cat` in a sandbox, less that through `cat` behind plain pipes")

    static let idleBytes = FigureKind(
        "idle.pss_bytes", .bytes, .atMost(40 * mebibyte),
        "memory (PSS) of sandboxd, its launcher and all prepared sandboxes while nothing runs")
    static let idleWakeups = FigureKind(
        "idle.wakeups_per_minute", .perMinute, .atMost(1), "context switches of all of their threads meanwhile")
    static let idleProcesses = FigureKind("idle.processes", .count, nil, "how many processes that are")

    static let aliveRatio = FigureKind(
        "alive_1000.last_vs_first", .ratio, .atMost(2),
        "time to start with 1,000 sandboxes alive: p50 of the last 20 by that of the first 20")
    static let aliveBytes = FigureKind(
        "alive_1000.bytes", .bytes, .atMost(4096 * mebibyte),
        "memory that 1,000 sandboxes alive take from the host, the kernel's included (MemAvailable)")
    static let alivePss = FigureKind(
        "alive_1000.pss_bytes", .bytes, nil, "memory (PSS) of all processes of the service then")
    static let aliveFirst = FigureKind("alive_1000.first_p50_ms", .milliseconds, nil, "p50 of the first 20 starts")
    static let aliveLast = FigureKind("alive_1000.last_p50_ms", .milliseconds, nil, "p50 of the last 20 starts")
    static let aliveEnd = FigureKind(
        "alive_1000.end_ms", .milliseconds, nil, "from the end of their connection until no process of them is left")

    static let dockerAheadP50 = FigureKind(
        "docker.ahead_p50_ms", .milliseconds, nil,
        "p50 of /bin/true in a container that was started ahead (`docker.ahead`), request to result over an open connection"
    )
    static let dockerAheadNative = FigureKind(
        "docker.ahead_vs_native", .ratio, nil, "docker.ahead_p50_ms divided by the same of the native backend")
    static let dockerAheadRun = FigureKind(
        "docker.ahead_vs_docker_run", .ratio, .atMost(1), "docker.ahead_p50_ms divided by `docker run --rm`'s p50")
    static let dockerMadeRun = FigureKind(
        "docker.made_vs_docker_run", .ratio, .atMost(1),
        "p50 of /bin/true in a container that is made for its request, divided by `docker run --rm`'s")

    /// In the order of parts.
    static let all = [
        execP50, execP99, execClientP50, execClientP99, execSequential, execAfterQuiet, cliBubblewrap,
        cliP50, cliStandalone,
        throughputBubblewrap, throughputSpawn, throughputRate, throughputTail, throughputCreep,
        throughputMachine, throughputFailures, stream, streamClient, streamRate, input, inputRate, echo, idleBytes,
        idleWakeups, idleProcesses, aliveRatio,
        aliveBytes, alivePss, aliveFirst, aliveLast, aliveEnd, dockerAheadP50, dockerAheadNative, dockerAheadRun,
        dockerMadeRun,
    ]

    /// For `--help`.
    var explanation: String { "\(key): \(meaning)" + (target.map { " (target \($0.text) \(unit.rawValue))" } ?? "") }

    /// Whether a wrong value can be nothing but a defect, on whatever machine: ratios of what was measured in turns, and
    /// amounts. Never a time alone, and no p99: of few runs that is the one moment in which another program had the machine.
    var isJudgedBySmoke: Bool {
        if key.contains("p99") { return false }
        return switch unit {
        case .ratio, .bytes, .count: target != nil
        case .milliseconds, .microseconds, .perSecond, .bytesPerSecond, .perMinute: false
        }
    }
}
