import ArgumentParser
import Glibc
import SandboxClient
import SandboxExec
import SandboxModel

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Watch what your runs use.",
        discussion: """
            In a terminal one table that is drawn anew, the run that uses most CPU first, until q or Ctrl-C. Elsewhere a \
            table an interval, with an empty line between, until it is interrupted or --count tables have been printed. CPU% \
            and the bytes per second are of the time since the table before; 100 is one core.
            """)
    @OptionGroup var service: SocketOption
    @Option(help: ArgumentHelp("How often to look.", valueName: "1s"), transform: Interval.parse)
    var interval: UInt64 = 1000
    @Flag(help: "Print one table, after one interval, also in a terminal.") var once = false
    @Option(help: "Print so many tables, also in a terminal.") var count: Int?

    func validate() throws {
        if let count, !(1...1_000_000_000).contains(count) {
            throw ValidationError("--count \(count) is out of range; the range is 1 to 1000000000")
        }
        if once, count != nil { throw ValidationError("--once and --count exclude each other") }
    }

    @MainActor func run() async throws {
        let client = try await Service.running(socket: service.socket)
        let tables = once ? 1 : count
        if tables == nil, Descriptor.output.isTerminal {
            try await LiveTop(client: client, interval: interval).show()
        } else {
            try await print(tables, of: client)
        }
    }

    private func print(_ tables: Int?, of client: SandboxClient) async throws {
        var table = TopTable()
        table.update(try await client.runs(usage: true))
        var printed = 0
        while printed < tables ?? .max {
            try await Task.sleep(for: .milliseconds(interval))
            table.update(try await client.runs(usage: true))
            let text = table.lines().map { $0 + "\n" }.joined()
            if let failure = Descriptor.output.write((printed == 0 ? "" : "\n") + text) {
                throw ServiceError(.invalidRequest, "failed to write to standard output: \(failure)")
            }
            printed += 1
        }
    }
}

/// The table in a terminal, until somebody leaves it. On the main thread, which may block in a write.
@MainActor
struct LiveTop {
    let client: SandboxClient
    let interval: UInt64

    private enum Event: Sendable {
        case look, draw, leave
    }

    func show() async throws {
        let (events, source) = AsyncStream.makeStream(of: Event.self)
        try watchSignals { source.yield($0) }
        Terminal.enterScreen()
        defer { Terminal.restore() }
        if Descriptor.input.isTerminal { try watchKeys { source.yield($0) } }
        var table = TopTable()
        source.yield(.look)
        for await event in events {
            switch event {
            case .leave: return
            case .draw: break
            case .look:
                table.update(try await client.runs(usage: true))
                // The next one only when this one has been drawn: a slow service or terminal makes no queue.
                Task { [interval] in
                    try? await Task.sleep(for: .milliseconds(interval))
                    source.yield(.look)
                }
            }
            draw(&table)
        }
    }

    private func draw(_ table: inout TopTable) {
        let size = Terminal.size
        let hint = "every \(Figures.seconds(interval, places: 1)), q leaves"
        Terminal.draw(TopTable.cut([table.summary + "; " + hint, ""] + table.lines(), rows: Int(size.rows)), size)
    }

    /// Ctrl-C leaves. A signal is acted on by a thread that waits for nothing else: also while the service is silent.
    private func watchSignals(_ tell: @escaping @Sendable (Event) -> Void) throws {
        try Signals.watch([SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP]) { signal in
            switch signal {
            case SIGWINCH: tell(.draw)
            case SIGTSTP:
                // The shell's screen is its own while this is stopped.
                Terminal.restore()
                Signals.stop()
                Terminal.enterScreen()
                tell(.draw)
            case SIGINT:
                Terminal.restore()
                _exit(0)
            default:
                Terminal.restore()
                Signals.die(of: signal)
            }
        }
    }

    private func watchKeys(_ tell: @escaping @Sendable (Event) -> Void) throws {
        try Threads.start {
            while case .success(let keys) = Descriptor.input.read(atMost: 1), let key = keys.first {
                switch key {
                case UInt8(ascii: "q"), UInt8(ascii: "Q"): tell(.leave)
                case UInt8(ascii: " "): tell(.draw)
                default: break
                }
            }
        }
    }
}

/// Runs by what they use, from one look to the next.
struct TopTable {
    private struct Row {
        var run: RunSummary
        var earlier: UsageSample?

        var cpu: Double? { run.usage?.cpuPercent(since: earlier) }
    }

    private var rows: [Row] = []
    private var users = UserNames()

    /// What there is now, to be compared with what was there before.
    mutating func update(_ runs: [RunSummary]) {
        let before = Dictionary(rows.map { ($0.run.id, $0) }, uniquingKeysWith: { first, _ in first })
        rows = runs.map { run in
            guard let last = before[run.id] else { return Row(run: run) }
            // The same sample twice, as a stalled launcher would give it: what was known last still is.
            let isNews = run.usage?.elapsedMilliseconds != last.run.usage?.elapsedMilliseconds
            return Row(run: run, earlier: isNews ? last.run.usage : last.earlier)
        }
        rows.sort { ($0.cpu ?? -1, $1.run.id) > ($1.cpu ?? -1, $0.run.id) }
    }

    /// "3 runs, cpu 198 %, memory 120.0 MiB".
    var summary: String {
        let cpu = rows.compactMap(\.cpu).reduce(0, +)
        let memory = rows.compactMap { $0.run.usage?.memoryBytes }.reduce(0, &+)
        return "\(rows.count == 1 ? "1 run" : "\(rows.count) runs"), cpu \(Figures.decimal(cpu, places: 0)) %, "
            + "memory \(Figures.bytes(memory))"
    }

    /// Header and rows, the run that uses most CPU first.
    mutating func lines() -> [String] {
        let header = [
            "ID", "USER", "POLICY", "STATE", "AGE", "CPU%", "MEMORY", "OF", "PROCESSES", "READ/S", "WRITTEN/S",
            "PROGRAM",
        ]
        return Table.lines([header] + rows.map { cells(of: $0) }, numbers: [4, 5, 6, 7, 8, 9, 10])
    }

    private mutating func cells(of row: Row) -> [String] {
        let (run, usage) = (row.run, row.run.usage)
        func perSecond(_ count: (UsageSample) -> UInt64?) -> String {
            usage?.rate(since: row.earlier, count).map { Figures.bytes(UInt64(min($0, 1e18))) } ?? "-"
        }
        var cells = [String(run.id.prefix(8)), run.uid.map { users.of($0) } ?? "-", run.policy, run.state]
        cells.append(Figures.age(run.ageMilliseconds))
        cells.append(row.cpu.map { Figures.decimal($0, places: 1) } ?? "-")
        cells.append(usage?.memoryBytes.map(Figures.bytes) ?? "-")
        cells.append(run.limits?.memoryBytes.map(Figures.bytes) ?? "-")
        cells.append(usage?.processes.map { "\($0)" } ?? "-")
        cells += [perSecond(\.readBytes), perSecond(\.writeBytes), run.program]
        return cells.map { $0.cleaned(atMost: 60) }
    }

    /// As many lines as a screen has; the last says how many runs are not shown.
    static func cut(_ lines: [String], rows: Int) -> [String] {
        guard lines.count > rows, rows > 0 else { return lines }
        return lines.prefix(rows - 1) + ["... and \(lines.count - rows + 1) more"]
    }
}
