import ArgumentParser
import LinuxSystem
import SandboxClient

struct Soak: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Thousands of mixed runs: what they leave behind, and whether each gets exactly one answer.")

    @Option(help: "How many runs.") var runs = 20_000
    @Option(help: "The seed of the mixture.") var seed: UInt64 = 1
    @Option(help: "Only kinds with this text in their name; no clients that go away.") var only: String?
    @Flag(help: "Print JSON.") var json = false

    /// Runs before the first census: caches fill and allocators grow.
    private static let warmUp = 1000
    /// Looks at the service, with no connection open.
    private static let parts = 4

    func validate() throws {
        guard (100...10_000_000).contains(runs) else { throw ValidationError("--runs takes 100 to 10000000") }
        guard !kinds.isEmpty else { throw ValidationError("no kind has '\(only ?? "")' in its name") }
    }

    private var kinds: [SoakKind] { SoakKind.all.filter { kind in only.map { kind.name.contains($0) } ?? true } }

    func run() async throws {
        try requireRoot()
        let service = try await BenchService()
        defer { service.stop() }
        let workspaces = try (0..<4).map { try service.directory.makeDirectory("workspace-\($0)") }
        let plan = SoakPlan(
            socket: service.socket, workspaces: workspaces, kinds: kinds, hasDeserters: only == nil)
        progress("\(Self.warmUp) runs to warm up")
        var state = try await Self.run(Self.warmUp, plan, SoakState(generator: SeededGenerator(seed: seed)))
        var censuses = [try await SoakCensus(state.tally.sent, service)]
        let start = monotonicNanoseconds()
        for part in 1...Self.parts {
            progress("part \(part) of \(Self.parts)")
            state = try await Self.run(runs / Self.parts, plan, state)
            censuses.append(try await SoakCensus(state.tally.sent, service))
        }
        let nanoseconds = monotonicNanoseconds() - start
        var tally = state.tally
        tally.accepted = state.acceptedIds.count
        tally.loggedOnce = try Self.endedOnce(state.acceptedIds, in: service.log())
        let report = SoakReport(tally: tally, censuses: censuses, nanoseconds: nanoseconds)
        print(try report.text(json: json))
        if !tally.isRight { throw ExitCode.failure }
    }

    /// On a thread of its own: it blocks.
    private static func run(
        _ count: Int, _ plan: SoakPlan, _ state: SoakState
    ) async throws -> SoakState {
        let result = try await onThread { () -> Result<SoakState, any Error> in
            Result {
                var loop = SoakLoop(plan, state)
                if state.tally.sent == 0 { try loop.fillSlots() }
                try loop.run(count)
                return loop.state
            }
        }
        return try result.get()
    }

    /// How many of these the daemon has recorded as ended exactly once.
    private static func endedOnce(_ ids: [String], in log: [Substring]) -> Int {
        var ends: [Substring: Int] = [:]
        for line in log where line.hasPrefix("sandboxd: info: ended ") {
            let word = line.split(separator: " ").first { $0.hasPrefix("run=") }
            if let word { ends[word.dropFirst(4), default: 0] += 1 }
        }
        return ids.count { ends[Substring($0)] == 1 }
    }
}

struct SoakCensus: Encodable {
    var runs: Int
    var census: Census
    var memory: ServiceMemory

    init(_ runs: Int, _ service: BenchService) async throws {
        self.runs = runs
        census = try await Census.settled(service)
        memory = try ServiceMemory(service)
    }
}

struct SoakReport: MarkdownReport {
    var tally: SoakTally
    var censuses: [SoakCensus]
    var nanoseconds: UInt64

    var markdown: String {
        let seconds = Double(nanoseconds) / 1e9
        let counted = censuses.last!.runs - censuses.first!.runs
        return """
            What a service holds of its host after so many mixed runs, with no connection open; \(counted) runs in \
            \(Shown.decimals(seconds, 0)) s (looks included).

            \(holdings)

            Last words: \(tally.sent) requests; \(tally.results) results, \(tally.errors) errors, \(tally.abandoned) of clients \
            that had gone, \(tally.seconds) with a second last word, \(tally.missing) with none, \(tally.unexpected) with a \
            wrong one. Of \(tally.accepted) accepted runs of clients that stayed the daemon's log has ended \
            \(tally.loggedOnce) exactly once. \(tally.answers) of \(tally.questions) questions for what all runs use were \
            answered.\(tally.examples.map { "\n- \($0)" }.joined())

            \(ends)
            """
    }

    private var holdings: String {
        var table = MarkdownTable(head: ["after runs"] + censuses.map { "\($0.runs)" })
        for (index, figure) in censuses[0].census.figures.enumerated() {
            table.rows.append([figure.name] + censuses.map { "\($0.census.figures[index].value)" })
        }
        let memory: [(String, (ServiceMemory) -> UInt64)] = [
            ("PSS of sandboxd", { $0.daemon.pss }), ("RSS of sandboxd", { $0.daemon.rss }),
            ("PSS of the launcher", { $0.launcher.pss }), ("RSS of the launcher", { $0.launcher.rss }),
        ]
        for (name, figure) in memory {
            table.rows.append([name] + censuses.map { Shown.mebibytes(figure($0.memory)) })
        }
        return table.text
    }

    private var ends: String {
        var table = MarkdownTable(head: ["kind of run", "ends"])
        for kind in SoakKind.all {
            guard let ends = tally.ends[kind.name] else { continue }
            let counts = ends.sorted { $0.key < $1.key }
            table.rows.append([kind.name, counts.map { "`\($0.key)` \($0.value)" }.joined(separator: ", ")])
        }
        return table.text
    }
}
