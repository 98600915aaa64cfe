import Foundation
import SeccompFilter
import Testing

/// SystemCalls.md says what the catalog says.
@Suite struct ReferenceTests {
    private static let text: String = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let file = root.appendingPathComponent("Sources/SeccompFilter/SystemCalls.md")
        return (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    }()

    @Test(arguments: SystemCallCatalog.groups.map(\.name))
    func everyGroupHasItsRow(_ name: String) throws {
        let group = try #require(SystemCallCatalog.group(named: name))
        let row =
            "| `\(group.name)` | \(group.summary) | \(group.allowed.count) | \(group.refused.count) | "
            + "\(group.never.count) |"
        #expect(Self.text.contains(row), "\(row)")
    }

    #if arch(x86_64)
        /// As Debian 12 counts them: up to number 449.
        @Test func theNumberOfAllowedCalls() throws {
            let known = (Int32(0)..<450).compactMap(SystemCallCatalog.name(of:))
            let decisions = known.map { SystemCallCatalog.decide($0, allow: [], deny: []).kind }
            let allowed = decisions.count { $0 == .allowed || $0 == .conditional }
            let conditional = decisions.count { $0 == .conditional }
            #expect(Self.text.contains("| calls allowed | \(allowed) |"), "\(allowed)")
            #expect(Self.text.contains("| of these with a condition on arguments | \(conditional) |"), "\(conditional)")
        }
    #endif
}
