/// Columns as wide as their widest cell.
enum Table {
    /// - Parameter numbers: columns whose cells end below each other.
    static func text(_ rows: [[String]], numbers: Set<Int> = []) -> String {
        lines(rows, numbers: numbers).map { $0 + "\n" }.joined()
    }

    static func lines(_ rows: [[String]], numbers: Set<Int> = []) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).enumerated().map { index, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return numbers.contains(index) ? padding + cell.0 : cell.0 + padding
            }
            let line = cells.joined(separator: "  ")
            return String(line[..<(line.lastIndex { $0 != " " }.map { line.index(after: $0) } ?? line.startIndex)])
        }
    }
}

extension String {
    /// For a terminal: without control characters, which could drive it or forge a line, and cut.
    func cleaned(atMost maximum: Int = 200) -> String {
        var text = ""
        for scalar in unicodeScalars.prefix(maximum) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return unicodeScalars.count > maximum ? text + "..." : text
    }
}
