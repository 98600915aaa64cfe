import ArgumentParser
import Glibc
import LinuxSystem

/// What a sandbox costs, beside what others cost.
///
/// Everything is measured in turn (A B C A B C), so that a noisy machine harms all alike; the ratio is the figure, not the
/// milliseconds.
struct Compare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare sandboxes with posix_spawn, plain pipes, and whatever sandbox tools this host has.",
        discussion: """
            Prints a table, or with --json an object with a key for each figure: its value, unit, target and meaning. All \
            isolation is on, the policy is `default` unless told otherwise. Tools that are not installed or do not work \
            here are named.

            \(FigureKind.all.map(\.explanation).joined(separator: "\n"))
            """)

    @Option(help: "Parts to measure, with commas: \(ComparePart.allCases.map(\.rawValue).joined(separator: ",")).")
    var only: PartList = PartList(parts: ComparePart.allCases)
    @Option(help: "A running service's socket (default: a service of its own).") var socket: String?
    @Option(help: "The policy.") var policy = "default"
    @Option(help: "exec, cli: how often each is measured.") var runs = 300
    @Option(help: "exec, cli, docker: microseconds between two measurements; each pause is half to five times as long.")
    var pause: UInt32 = 1000
    @Flag(help: "All pauses are as long as --pause says: shows what is in step with that.") var steady = false
    @Option(help: "throughput: seconds of load for each.") var seconds = 60
    @Option(help: "throughput: seconds until it is another's turn (default: 5, or all).") var slice: Int?
    @Option(help: "throughput: how many at once (default: two for each core).") var inFlight: Int?
    @Option(help: "stream, stdin: MiB at a time; the policy's limit on output holds.") var streamMib = 48
    @Option(help: "stream, stdin: how often.") var streamRuns = 15
    @Option(help: "echo: how many bytes.") var echoes = 2000
    @Option(help: "idle: for how many seconds.") var idleSeconds = 60
    @Option(help: "alive: how many sandboxes at once.") var alive = 1000
    @Option(help: "cli, docker: the image that Docker runs, if it has it.") var dockerImage = "busybox"
    @Flag(help: "A short form of all, which fails where a ratio is more than three times off, twice.") var smoke = false
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
            guard range.contains(value) else {
                throw ValidationError("--\(name) takes \(range.lowerBound) to \(range.upperBound)")
            }
        }
        try check("runs", runs, 10...1_000_000)
        try check("pause", Int(pause), 0...1_000_000)
        try check("seconds", seconds, 1...86_400)
        if let slice { try check("slice", slice, 1...seconds) }
        if let inFlight { try check("in-flight", inFlight, 1...4000) }
        try check("stream-mib", streamMib, 1...65_536)
        try check("stream-runs", streamRuns, 1...10_000)
        try check("echoes", echoes, 10...1_000_000)
        try check("idle-seconds", idleSeconds, 1...86_400)
        try check("alive", alive, 1...3990)
    }

    func run() async throws {
        // A program that has ended is told by its status.
        signal(SIGPIPE, SIG_IGN)
        let scratch = try ScratchDirectory()
        let sizes = self.sizes
        let service = try await ServiceUnderTest(
            socket: socket, policy: policy, runs: max(sizes.alive, sizes.inFlight))
        defer { service.stop() }
        let context = CompareContext(
            service: service, sizes: sizes, tools: try ToolSearch(scratch: scratch, image: dockerImage),
            scratch: scratch, image: dockerImage)
        var report = try await measure(only.parts, context)
        if smoke { try await remeasureAbsurd(&report, context) }
        print(try report.text(json: json))
        if smoke { try judge(report) }
        guard report.failures.isEmpty else { throw ExitCode.failure }
    }

    private func judge(_ report: CompareReport) throws {
        guard report.absurd.isEmpty else {
            progress("more than three times off, twice: \(report.absurd.map(\.key).joined(separator: ", "))")
            throw ExitCode.failure
        }
        progress(
            "smoke: passed, no ratio is three times off; what is not met above is met, or not, by a full run on a quiet host"
        )
    }

    private func measure(_ parts: [ComparePart], _ context: CompareContext) async throws -> CompareReport {
        var report = CompareReport()
        for part in parts {
            progress(part.rawValue)
            do {
                report.replace(with: try await part.measure(context))
            } catch {
                // What the others have found is not thrown away for it.
                report.failures.append("\(part.rawValue): \(error)")
            }
        }
        return report
    }

    /// Another program may have had the machine: who fails gets a second chance.
    private func remeasureAbsurd(_ report: inout CompareReport, _ context: CompareContext) async throws {
        report.failures = []
        let failed = ComparePart.allCases.filter { part in
            part != .docker && !report.figures.contains { ComparePart(of: $0) == part }
        }
        let parts = Set(report.absurd.compactMap(ComparePart.init(of:)) + failed.filter(only.parts.contains))
        report.replace(with: try await measure(ComparePart.allCases.filter(parts.contains), context))
    }

    private var pauses: ClosedRange<UInt32> { steady ? pause...pause : pause / 2...pause * 5 }

    private var sizes: CompareSizes {
        let inFlight = inFlight ?? 2 * sysconf(Int32(_SC_NPROCESSORS_ONLN))
        guard smoke else {
            return CompareSizes(
                runs: runs, pause: pauses, seconds: seconds, slice: slice ?? min(5, seconds), inFlight: inFlight,
                streamBytes: streamMib << 20, streamRuns: streamRuns, echoes: echoes, idleSeconds: idleSeconds,
                alive: alive)
        }
        return CompareSizes(
            runs: 60, pause: pauses, seconds: 4, slice: 1, inFlight: inFlight, streamBytes: 32 << 20, streamRuns: 5,
            echoes: 300, idleSeconds: 3, alive: 100)
    }
}

/// `exec,cli`.
struct PartList: ExpressibleByArgument, Sendable {
    var parts: [ComparePart]

    init(parts: [ComparePart]) { self.parts = parts }

    init?(argument: String) {
        let words = argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let wanted = words.compactMap(ComparePart.init(rawValue:))
        guard wanted.count == words.count else { return nil }
        parts = ComparePart.allCases.filter(wanted.contains)
    }

    var defaultValueDescription: String { "all" }
}
