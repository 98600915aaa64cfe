import ArgumentParser
import LinuxSystem
import SandboxClient

struct Accuracy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare reported memory and CPU time with what the command itself knows that it has used.")

    @Option(help: "How often each is run.") var runs = 20
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        guard (1...10_000).contains(runs) else { throw ValidationError("--runs takes 1 to 10000") }
    }

    func run() async throws {
        try requireRoot()
        let service = try await BenchService()
        defer { service.stop() }
        let client = try await service.client()
        var rows: [AccuracyRow] = []
        for item in AccuracyCase.all {
            progress(item.name)
            var pairs: [(reported: Double, actual: Double)] = []
            for _ in 0..<runs {
                let output = try await client.run(RunRequest(argv: item.argv))
                guard output.isSuccess, let reported = item.reported(output.result.usage),
                    let actual = item.actual(output.outputText)
                else { throw ValidationError("'\(item.name)': \(output.result) \(output.errorText)") }
                pairs.append((reported, actual))
            }
            rows.append(AccuracyRow(item, pairs))
        }
        print(try AccuracyReport(rows: rows).text(json: json))
    }
}

/// A command that knows what it uses.
struct AccuracyCase: Sendable {
    var name: String
    var unit: String
    var argv: [String]
    var reported: @Sendable (Usage) -> Double?
    /// From what it wrote.
    var actual: @Sendable (String) -> Double?

    static let all = [
        AccuracyCase(
            name: "peak memory, `dd bs=100M count=1`: allocates and fills 100 MiB", unit: "MiB",
            argv: ["dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1", "status=none"],
            reported: { $0.memoryPeakBytes.map { Double($0) / 1_048_576 } }, actual: { _ in 100 }),
        AccuracyCase(
            name: "CPU time, one process until CLOCK_PROCESS_CPUTIME_ID says 1 s", unit: "ms",
            argv: Payload.python("while time.process_time() < 1: pass\nprint(time.process_time() * 1000)"),
            reported: cpuMilliseconds, actual: { Double($0.prefix { $0 != "\n" }) }),
        AccuracyCase(
            name: "CPU time, 200 children of 5 ms one after the other", unit: "ms",
            argv: Payload.python(
                """
                import resource
                for _ in range(200):
                    if os.fork() == 0:
                        start = time.process_time()
                        while time.process_time() < start + 0.005: pass
                        os._exit(0)
                    os.wait()
                r = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
                print(sum(u.ru_utime + u.ru_stime for u in r) * 1000)
                """), reported: cpuMilliseconds, actual: { Double($0.prefix { $0 != "\n" }) }),
        AccuracyCase(
            name: "CPU time, 1,000 children of 0.5 ms, two at a time", unit: "ms",
            argv: Payload.python(
                """
                import resource
                if os.fork() == 0: half = True
                else: half = False
                for _ in range(500):
                    if os.fork() == 0:
                        start = time.process_time()
                        while time.process_time() < start + 0.0005: pass
                        os._exit(0)
                    os.wait()
                if half: os._exit(0)
                os.wait()
                r = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
                print(sum(u.ru_utime + u.ru_stime for u in r) * 1000)
                """), reported: cpuMilliseconds, actual: { Double($0.prefix { $0 != "\n" }) }),
    ]

    @Sendable private static func cpuMilliseconds(_ usage: Usage) -> Double? {
        guard let user = usage.userMilliseconds, let system = usage.systemMilliseconds else { return nil }
        return Double(user + system)
    }
}

struct AccuracyRow: Encodable {
    var name: String
    var unit: String
    var runs: Int
    /// Medians.
    var actual: Double
    var reported: Double
    /// Reported against actual, run by run: 0.01 is one percent too much.
    var leastError: Double
    var medianError: Double
    var greatestError: Double

    init(_ item: AccuracyCase, _ pairs: [(reported: Double, actual: Double)]) {
        name = item.name
        unit = item.unit
        runs = pairs.count
        actual = pairs.map(\.actual).sorted()[pairs.count / 2]
        reported = pairs.map(\.reported).sorted()[pairs.count / 2]
        let errors = pairs.map { $0.reported / $0.actual - 1 }.sorted()
        (leastError, medianError, greatestError) = (errors[0], errors[errors.count / 2], errors[errors.count - 1])
    }
}

struct AccuracyReport: MarkdownReport {
    var rows: [AccuracyRow]

    var markdown: String {
        var table = MarkdownTable(
            head: ["what", "runs", "actual", "reported", "error min", "error median", "error max"])
        for row in rows {
            table.rows.append([
                row.name, "\(row.runs)", "\(Shown.decimals(row.actual, 1)) \(row.unit)",
                "\(Shown.decimals(row.reported, 1)) \(row.unit)", Shown.percent(row.leastError),
                Shown.percent(row.medianError), Shown.percent(row.greatestError),
            ])
        }
        return """
            What results report of memory and CPU time against what the command itself has measured. Reported is the whole \
            sandbox's, from its cgroup: also what pid 1 and the start of the program took.

            \(table.text)
            """
    }
}
