import ArgumentParser
import LinuxSystem
import SandboxClient

struct Flood: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let commands write gigabytes: memory of sandboxd and its launcher before, during and after.")

    @Option(help: "How much each command writes: a number with B, KiB, MiB or GiB.")
    var bytes = ByteCountArgument(4 << 30)
    @Option(help: "Seconds for which one client does not read.") var stall = 5
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        guard (1...600).contains(stall) else { throw ValidationError("--stall takes 1 to 600") }
    }

    func run() async throws {
        try requireRoot()
        let service = try await BenchService(policies: [
            "flood": "version: 1\nextends: default\nlimits: { output: 1024TiB, timeout: 1h }\n"
        ])
        defer { service.stop() }
        // What is made once is there: the policies' templates, the first buffers.
        _ = try await service.client().run("true", policy: "flood")
        var report = FloodReport(bytes: bytes.value)
        for scenario in FloodScenario.all(bytes: bytes.value) {
            progress(scenario.name)
            report.rows.append(try await FloodRow(scenario, service))
        }
        progress("a client that does not read")
        let stalled = try await StalledClient(service: service, seconds: stall, bytes: bytes.value).measure()
        report.rows.append(stalled.row)
        report.latencies = stalled.latencies
        print(try report.text(json: json))
    }
}

/// "4GiB".
struct ByteCountArgument: ExpressibleByArgument {
    let value: UInt64

    init(_ value: UInt64) { self.value = value }

    init?(argument: String) {
        let units: [(String, UInt64)] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)]
        guard let (unit, factor) = units.first(where: { argument.hasSuffix($0.0) }),
            let number = UInt64(argument.dropLast(unit.count)), number > 0, number <= (1 << 44) / factor
        else { return nil }
        value = number * factor
    }

    var defaultValueDescription: String { "\(value >> 20)MiB" }
}

/// A command that writes a lot, to a client that takes it all.
struct FloodScenario {
    var name: String
    /// What it writes.
    var bytes: UInt64
    var request: RunRequest

    static func all(bytes: UInt64) -> [FloodScenario] {
        func scenario(_ name: String, _ script: String, keep: OutputKeep? = nil) -> FloodScenario {
            FloodScenario(
                name: name, bytes: bytes,
                request: RunRequest(argv: ["sh", "-c", script], policy: "flood", keep: keep))
        }
        let part = OutputKeep.Part(headBytes: 64 << 10, tailBytes: OutputKeep.maximumTailBytes)
        return [
            scenario("one line without an end, of zero bytes", "exec head -c \(bytes) /dev/zero"),
            scenario("lines of two bytes", "yes | head -c \(bytes)"),
            scenario("stderr", "exec head -c \(bytes) /dev/zero >&2"),
            scenario(
                "64 KiB of head and 1 MiB of tail kept", "exec head -c \(bytes) /dev/zero",
                keep: OutputKeep(stdout: part)),
        ]
    }
}

struct FloodRow: Encodable {
    var name: String
    /// Bytes that the result counts, and bytes that came.
    var written: UInt64
    var carried: UInt64
    var nanoseconds: UInt64
    var before: ServiceMemory
    var during: ServiceMemory
    var after: ServiceMemory

    init(
        name: String, written: UInt64, carried: UInt64, nanoseconds: UInt64, before: ServiceMemory,
        during: ServiceMemory, after: ServiceMemory
    ) {
        self.name = name
        self.written = written
        self.carried = carried
        self.nanoseconds = nanoseconds
        self.before = before
        self.during = during
        self.after = after
    }

    init(_ scenario: FloodScenario, _ service: BenchService) async throws {
        let client = try await service.client()
        let before = try ServiceMemory(service)
        let most = try ServiceMemory.most(of: service)
        defer { most.cancel() }
        let start = monotonicNanoseconds()
        let run = try await client.start(scenario.request)
        var carried: UInt64 = 0
        var omitted: UInt64 = 0
        var result: RunResult?
        for try await event in run.events {
            switch event {
            case .started, .usage: break
            case .omitted(_, let bytes): omitted += bytes
            case .standardOutput(let bytes), .standardError(let bytes): carried += UInt64(bytes.count)
            case .result(let end): result = end
            }
        }
        let nanoseconds = monotonicNanoseconds() - start
        most.cancel()
        guard let result, result.outcome.reason == .exited, result.outcome.code == 0 else {
            throw ValidationError("'\(scenario.name)' ended as \(result.map { "\($0.outcome)" } ?? "nothing")")
        }
        let during = try await most.value
        let written = (result.usage.stdoutBytes ?? 0) + (result.usage.stderrBytes ?? 0)
        guard written == scenario.bytes, carried + omitted == written else {
            throw ValidationError(
                "'\(scenario.name)': \(written) bytes written, \(carried) carried, \(omitted) omitted")
        }
        client.close()
        try await Task.sleep(for: .seconds(1))
        self.init(
            name: scenario.name, written: written, carried: carried,
            nanoseconds: nanoseconds, before: before, during: during, after: try ServiceMemory(service))
    }
}
