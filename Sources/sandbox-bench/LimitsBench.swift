import ArgumentParser
import LinuxSystem
import SandboxClient

struct LimitsBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limits",
        abstract: "For each reason that ends a run: what provokes it, what is reported, how soon the answer comes.")

    @Option(help: "How often each is run.") var runs = 100
    @Option(help: "Only what has this text in its name.") var only: String?
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        guard (1...10_000).contains(runs) else { throw ValidationError("--runs takes 1 to 10000") }
    }

    /// Beside the built-in ones.
    private static let policies = [
        "flood": "version: 1\nextends: default\nlimits: { output: 1TiB }\n",
        "many": "version: 1\nextends: default\nlimits: { processes: 12000, memory: 4GiB }\n",
    ]

    func run() async throws {
        try requireRoot()
        let cases = (LimitCase.reasons + LimitCase.hard).filter { item in only.map { item.name.contains($0) } ?? true }
        guard !cases.isEmpty else { throw ValidationError("no case has '\(only ?? "")' in its name") }
        let service = try await BenchService(policies: Self.policies)
        defer { service.stop() }
        let runner = try await LimitRunner(service: service)
        var rows: [LimitRow] = []
        for (index, item) in cases.enumerated() {
            progress("\(index + 1) of \(cases.count): \(item.name)")
            rows.append(await Self.row(item, runs: max(1, runs / item.divisor), runner))
        }
        print(try LimitsReport(rows: rows).text(json: json))
        let wrong = rows.filter { !$0.isRight }
        if !wrong.isEmpty {
            progress("not as expected: \(wrong.map(\.name).joined(separator: "; "))")
            throw ExitCode.failure
        }
    }
}

extension LimitsBench {
    /// One case that cannot be run is a row that says so; the others go on.
    private static func row(_ item: LimitCase, runs: Int, _ runner: LimitRunner) async -> LimitRow {
        var samples: [LimitSample] = []
        do {
            // The first one is not counted: it finds cold caches.
            for number in 0...runs {
                let sample = try await runner.sample(item)
                if number > 0 { samples.append(sample) }
            }
            return LimitRow(item, samples)
        } catch {
            var row = LimitRow(item, samples)
            row.error = "\(error)"
            return row
        }
    }
}

/// All samples of one case.
struct LimitRow: Encodable {
    var name: String
    var command: String
    var expected: String
    /// How often each reason was reported.
    var reasons: [String: Int]
    var limit: UInt64?
    var observedLeast: UInt64?
    var observedMost: UInt64?
    /// "processes" and the like, with the greatest count.
    var hit: LimitHit?
    var deadline: String
    var runs: Int
    /// Runs whose deadline was not seen; they are in no percentile.
    var unseen: Int
    var p50Nanoseconds: Int64?
    var p99Nanoseconds: Int64?
    var maximumNanoseconds: Int64?
    /// What kept the case from being run to its end.
    var error: String?
    private var isExpected: Bool

    var isRight: Bool { isExpected && error == nil && unseen < max(1, runs) }

    init(_ item: LimitCase, _ samples: [LimitSample]) {
        name = item.name
        command = item.shown
        expected = item.reason.rawValue
        reasons = samples.reduce(into: [:]) { $0[$1.reason, default: 0] += 1 }
        limit = samples.first?.limit
        observedLeast = samples.compactMap(\.observed).min()
        observedMost = samples.compactMap(\.observed).max()
        hit = samples.compactMap(\.hit).max { ($0.count ?? 0) < ($1.count ?? 0) }
        deadline = item.deadline.text
        runs = samples.count
        let late = samples.compactMap(\.late)
        unseen = samples.count - late.count
        if !late.isEmpty {
            let times = Distribution(late)
            (p50Nanoseconds, p99Nanoseconds, maximumNanoseconds) = (times.p50, times.p99, times.maximum)
        }
        isExpected = reasons == [expected: samples.count] && (item.hit == nil || samples.allSatisfy { $0.hit != nil })
    }
}

struct LimitsReport: MarkdownReport {
    var rows: [LimitRow]

    var markdown: String {
        var table = MarkdownTable(
            head: [
                "what", "command", "reported", "limit", "observed", "deadline", "runs", "p50 ms", "p99 ms", "max ms",
            ])
        for row in rows {
            let reasons = row.reasons.sorted { $0.key < $1.key }
            let reported = reasons.map { reasons.count == 1 ? "`\($0.key)`" : "`\($0.key)` \($0.value)x" }
            let failure = row.error.map { " failed: \($0)" } ?? ""
            let hit = row.hit.map { " + `\($0.limit)`" } ?? ""
            let times = [row.p50Nanoseconds, row.p99Nanoseconds, row.maximumNanoseconds]
            table.rows.append(
                [
                    row.name, row.command, reported.joined(separator: ", ") + hit + failure,
                    (row.limit ?? row.hit?.value).map(String.init) ?? "", Self.observed(row), row.deadline,
                    "\(row.runs - row.unseen)",
                ] + times.map { $0.map(Shown.milliseconds) ?? "" })
        }
        return """
            How each run ends, and how long after its deadline the client has the answer (the whole tree is gone by then, and \
            its output delivered). Limits and observed values as results report them, in bytes, milliseconds or processes.

            \(table.text)
            """
    }

    private static func observed(_ row: LimitRow) -> String {
        if let least = row.observedLeast, let most = row.observedMost {
            return least == most ? "\(least)" : "\(least) to \(most)"
        }
        return row.hit.map { $0.count.map { "met up to \($0)x" } ?? "full" } ?? ""
    }
}
