import FoundationEssentials
import Glibc
import LinuxSystem

/// What the parts have found.
struct CompareReport: Sendable {
    /// How long one of those that were compared took.
    struct Row: Sendable {
        var name: String
        var runs: Int
        var times: Distribution<UInt64>
        /// What the others are compared with.
        var yardstick: UInt64?
    }

    struct Table: Sendable {
        var title: String
        var rows: [Row] = []
    }

    var figures: [Figure] = []
    var tables: [Table] = []
    /// What could not be measured here, and why.
    var missing: [String] = []
    /// Parts that came to nothing, and why.
    var failures: [String] = []
    /// What others had to do here when the measuring began.
    private let load = Host.load

    /// What is there already is replaced where it stands.
    mutating func replace(with other: CompareReport) {
        for figure in other.figures {
            if let index = figures.firstIndex(where: { $0.key == figure.key }) {
                figures[index] = figure
            } else {
                figures.append(figure)
            }
        }
        for table in other.tables {
            if let index = tables.firstIndex(where: { $0.title == table.title }) {
                tables[index] = table
            } else {
                tables.append(table)
            }
        }
        missing += other.missing.filter { !missing.contains($0) }
        failures += other.failures
    }

    /// More than three times off, which no noise explains.
    var absurd: [Figure] { figures.filter { $0.kind.isJudgedBySmoke && ($0.distance ?? 0) > 3 } }

    func text(json: Bool) throws -> String { json ? try self.json : markdown }

    /// One object: a key for each figure, `rows`, `missing`, `host`, `load_before` and `date`.
    private var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    private var markdown: String {
        var table = MarkdownTable(head: ["figure", "value", "target", "met"])
        for figure in figures {
            let met = figure.isMet.map { $0 ? "yes" : "no" } ?? ""
            table.rows.append([
                figure.key, figure.kind.unit.shown(figure.value), figure.kind.shownTarget, met,
            ])
        }
        var parts = ["\(Host.date), \(Host.description), load \(Shown.decimals(load, 1)) before"]
        if load > Double(Host.cores) / 2 {
            parts.append("Other programs were at work here: a value that is not met may be theirs.")
        }
        if !figures.isEmpty { parts.append(table.text) }
        parts += tables.filter { !$0.rows.isEmpty }.map(Self.markdown)
        let missing = failures + missing
        if !missing.isEmpty { parts.append("Not measured:\n" + missing.map { "- \($0)" }.joined(separator: "\n")) }
        guard !figures.isEmpty else { return parts.joined(separator: "\n\n") }
        let legend = figures.map { "- `\($0.key)`: \($0.kind.meaning)" }.joined(separator: "\n")
        parts.append("What they mean:\n\(legend)")
        return parts.joined(separator: "\n\n")
    }

    private static func markdown(_ table: Table) -> String {
        var text = MarkdownTable(head: [table.title, "runs", "p50 ms", "p99 ms", "max ms", "p50 ratio"])
        for row in table.rows {
            let ratio = row.yardstick.map { Shown.decimals(Double(row.times.p50) / Double($0), 2) } ?? ""
            text.rows.append(
                [row.name, "\(row.runs)"] + [row.times.p50, row.times.p99, row.times.maximum].map(shown) + [ratio])
        }
        return text.text
    }

    private static func shown(_ nanoseconds: UInt64) -> String { Shown.decimals(Double(nanoseconds) / 1e6, 2) }
}

extension FigureKind {
    /// In the unit of the value beside it.
    var shownTarget: String {
        switch (unit, target) {
        case (.bytes, .atMost(let most)): "<= " + unit.shown(most)
        default: target?.text ?? ""
        }
    }
}

extension CompareReport: Encodable {
    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private struct EncodedRow: Encodable {
        var table: String
        var name: String
        var runs: Int
        var p50: UInt64
        var p99: UInt64
        var max: UInt64

        private enum CodingKeys: String, CodingKey {
            case table, name, runs
            case p50 = "p50_us"
            case p99 = "p99_us"
            case max = "max_us"
        }
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        for figure in figures { try values.encode(figure, forKey: Key(stringValue: figure.key)) }
        let rows = tables.flatMap { table in
            table.rows.map {
                EncodedRow(
                    table: table.title, name: $0.name, runs: $0.runs, p50: $0.times.p50 / 1000,
                    p99: $0.times.p99 / 1000, max: $0.times.maximum / 1000)
            }
        }
        try values.encode(rows, forKey: Key(stringValue: "rows"))
        try values.encode(failures + missing, forKey: Key(stringValue: "missing"))
        try values.encode(load, forKey: Key(stringValue: "load_before"))
        try values.encode(Host.description, forKey: Key(stringValue: "host"))
        try values.encode(Host.date, forKey: Key(stringValue: "date"))
    }
}

/// Where and when: a figure is nothing without it.
private enum Host {
    static var description: String {
        let release = (try? wholeFile("/proc/sys/kernel/osrelease"))?.split(separator: "\n").first ?? "unknown"
        return "Linux \(release), \(cores) cores"
    }

    static var cores: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }

    /// Of the last minute, getloadavg(3).
    static var load: Double {
        var load = 0.0
        return getloadavg(&load, 1) == 1 ? load : 0
    }

    static var date: String {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    }
}
