import Foundation
import SandboxEngine
import Testing

/// `Sources/sandboxd/Records.md` has every record, by its id.
@Suite struct RecordsTests {
    @Test func theTableHasEveryRecord() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../Sources/sandboxd/Records.md")
        let rows = try String(contentsOf: path, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| ") }
            .dropFirst(2)
        let found = rows.map { row in
            row.split(separator: "|").prefix(2).map { $0.trimmingCharacters(in: .whitespaces) }
        }
        #expect(Set(found) == Set(LogRecord.allCases.map { [$0.rawValue, "`\($0.identifier)`"] }))
        #expect(found.count == LogRecord.allCases.count)
    }
}
