import ArgumentParser
import SandboxClient
import SandboxExec
import SandboxModel

struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Show all that a run uses, with its limits, or what the service is doing.",
        discussion: """
            With --interval again and again, until the run has ended, each table behind an empty line. What has - for USED is \
            not measured, what has - for LIMIT is not limited. Without a run: runs of yours (root: of everybody), sandboxes \
            that wait ready for the next ones, and how many runs found one (hits) or had one made (misses).
            """)
    @OptionGroup var service: SocketOption
    @Option(help: ArgumentHelp("Show it every so often.", valueName: "1s"), transform: Interval.parse)
    var interval: UInt64?
    @Flag(help: "Print a JSON object, with --interval one a line.") var json = false
    @Flag(help: "Print what the service has counted, in the text format that Prometheus reads.") var prometheus = false
    @Argument(help: "The run's id, or its beginning; without one the service.") var id: String?

    func validate() throws {
        guard !prometheus || !json && id == nil && interval == nil else {
            throw ValidationError("--prometheus is about the service, once, and text")
        }
    }

    func run() async throws {
        let client = try await Service.running(socket: service.socket)
        if prometheus { return try write(Array(try await client.metrics().utf8)) }
        guard let id else { return try await showService(client) }
        try await showRun(try await RunIdentifier.resolve(id, on: client), client)
    }

    private func showService(_ client: SandboxClient) async throws {
        while true {
            let stats = try await client.serviceStats()
            try write(try json ? JSONLine.bytes(stats) : Array(ServiceFigures.text(stats).utf8))
            guard try await pause() else { return }
        }
    }

    private func showRun(_ id: String, _ client: SandboxClient) async throws {
        var run = try await client.stats(id)
        var earlier: UsageSample?
        while true {
            try write(try json ? JSONLine.bytes(run) : Array(RunFigures.text(run, since: earlier).utf8))
            earlier = run.usage
            do {
                guard try await pause(then: { run = try await client.stats(id) }) else { return }
            } catch let error as ServiceError where error.code == .unknownRun {
                // It was known before: it has ended.
                return
            }
        }
    }

    /// Waits for the next time, if there is to be one.
    private func pause(then body: () async throws -> Void = {}) async throws -> Bool {
        guard let interval else { return false }
        try await Task.sleep(for: .milliseconds(interval))
        try await body()
        if !json { Descriptor.output.write("\n") }
        return true
    }

    private func write(_ bytes: [UInt8]) throws {
        guard let failure = Descriptor.output.write(bytes) else { return }
        throw ServiceError(.invalidRequest, "failed to write to standard output: \(failure)")
    }
}

/// All figures of one run as a table: what, how much, of how much, and what else is known.
enum RunFigures {
    static func text(_ run: RunSummary, since earlier: UsageSample?) -> String {
        var users = UserNames()
        let user = run.uid.map { ", user \(users.of($0))" } ?? ""
        let title =
            "run \(run.id), policy \(run.policy)\(user), program \(run.program), \(run.state), "
            + "\(Figures.age(run.ageMilliseconds)) old"
        let rows = rows(run.usage ?? UsageSample(), since: earlier, of: run.limits ?? Limits())
        let table = Table.text([["WHAT", "USED", "LIMIT", ""]] + rows, numbers: [1, 2])
        return title.cleaned(atMost: 1000) + "\n" + table
    }

    private static func rows(_ usage: UsageSample, since earlier: UsageSample?, of limits: Limits) -> [[String]] {
        [
            row(
                "time", usage.elapsedMilliseconds.map { Figures.seconds($0, places: 1) }, time(limits.wallMilliseconds)),
            row(
                "cpu time", usage.cpuMilliseconds.map { Figures.seconds($0) }, time(limits.cpuMilliseconds),
                note([
                    usage.userMilliseconds.map { "user \(Figures.seconds($0))" },
                    usage.systemMilliseconds.map { "system \(Figures.seconds($0))" },
                ])),
            row(
                "cores", usage.cpuPercent(since: earlier).map { Figures.decimal($0 / 100, places: 2) },
                limits.cpus.map { CoreCount.describe(millicores: UInt64((max(0, min($0, 1e6)) * 1000).rounded())) },
                note([usage.throttledMilliseconds.flatMap { $0 == 0 ? nil : "held back for \(Figures.seconds($0))" }])),
            row(
                "memory", bytes(usage.memoryBytes), limit(limits.memoryBytes),
                note([bytes(usage.memoryPeakBytes).map { "peak \($0)" }])),
            row("swap", bytes(usage.swapBytes), limit(limits.swapBytes)),
            row(
                "processes", count(usage.processes), count(limits.processes),
                note([count(usage.processesPeak).map { "peak \($0)" }])),
            row("read", bytes(usage.readBytes), limits.readBytesPerSecond.map { "\(ByteCount.describe($0))/s" }),
            row("written", bytes(usage.writeBytes), limits.writeBytesPerSecond.map { "\(ByteCount.describe($0))/s" }),
            row("stdout", bytes(usage.stdoutBytes), limit(limits.stdoutBytes)),
            row("stderr", bytes(usage.stderrBytes), limit(limits.stderrBytes)),
            row("output", bytes(output(usage)), limit(limits.outputBytes), "both together"),
            row("idle", nil, time(limits.idleMilliseconds), "without output"),
            row("grace", nil, time(limits.graceMilliseconds), "between SIGTERM and the kill"),
            row("open files", nil, count(limits.openFiles), "of each process"),
            row("file size", nil, limit(limits.fileSizeBytes), "of each file"),
            row("/tmp", nil, limit(limits.tmpBytes)),
            row(
                "workspace", nil, limit(limits.workspaceBytes),
                limits.workspaceInodes.map { Figures.count($0, "file", "files") } ?? ""),
            row("cpu stall", stall(usage.cpuStallMilliseconds), nil),
            row("memory stall", stall(usage.memoryStallMilliseconds), nil),
            row("io stall", stall(usage.ioStallMilliseconds), nil),
        ].filter { $0[1] != "-" || $0[2] != "-" }
    }

    private static func row(_ name: String, _ used: String?, _ limit: String?, _ note: String = "") -> [String] {
        [name, used ?? "-", limit ?? "-", note]
    }

    private static func note(_ parts: [String?]) -> String { parts.compactMap { $0 }.joined(separator: ", ") }

    private static func bytes(_ bytes: UInt64?) -> String? { bytes.map(Figures.bytes) }

    /// Exact, as a policy would say it.
    private static func limit(_ bytes: UInt64?) -> String? { bytes.map { $0 == 0 ? "0 B" : ByteCount.describe($0) } }

    private static func time(_ milliseconds: UInt64?) -> String? {
        milliseconds.map(TimeSpan.describe)
    }

    private static func stall(_ milliseconds: UInt64?) -> String? { milliseconds.map { Figures.seconds($0) } }

    private static func count(_ count: UInt64?) -> String? { count.map { "\($0)" } }

    private static func output(_ usage: UsageSample) -> UInt64? {
        guard let output = usage.stdoutBytes, let errors = usage.stderrBytes else { return nil }
        return output &+ errors
    }
}
