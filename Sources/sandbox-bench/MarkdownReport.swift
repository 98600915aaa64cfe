import FoundationEssentials

/// What a subcommand prints: a table for people, or the same as JSON.
protocol MarkdownReport: Encodable {
    var markdown: String { get }
}

extension MarkdownReport {
    func text(json: Bool) throws -> String {
        guard json else { return markdown }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

/// A Markdown table whose columns are as wide as their widest cell.
struct MarkdownTable {
    var head: [String]
    var rows: [[String]] = []

    var text: String {
        let cells = ([head] + rows).map { row in row.map { $0.replacing("|", with: "\\|") } }
        let widths = head.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        func line(_ row: [String]) -> String {
            let padded = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            return "| " + padded.joined(separator: " | ") + " |"
        }
        let rule = "| " + widths.map { String(repeating: "-", count: max(3, $0)) }.joined(separator: " | ") + " |"
        return ([line(cells[0]), rule] + cells.dropFirst().map(line)).joined(separator: "\n")
    }
}

/// Figures as a table shows them.
enum Shown {
    /// "12.3" for 12,345,678 nanoseconds.
    static func milliseconds(_ nanoseconds: Int64) -> String { decimals(Double(nanoseconds) / 1e6, 1) }

    /// "4.2 MiB".
    static func mebibytes(_ bytes: UInt64) -> String { decimals(Double(bytes) / 1_048_576, 1) + " MiB" }

    static func percent(_ share: Double) -> String { (share < 0 ? "" : "+") + decimals(share * 100, 2) + " %" }

    static func decimals(_ value: Double, _ count: Int) -> String {
        var scale = 1.0
        for _ in 0..<count { scale *= 10 }
        let scaled = Int64((value.magnitude * scale).rounded())
        let digits = String(scaled)
        let padded = String(repeating: "0", count: max(0, count + 1 - digits.count)) + digits
        let sign = value < 0 && scaled != 0 ? "-" : ""
        return sign + padded.dropLast(count) + (count == 0 ? "" : "." + padded.suffix(count))
    }
}
