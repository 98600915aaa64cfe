import SandboxExec
import SandboxModel

/// What a service is doing, as a table; what is not known is left out.
enum ServiceFigures {
    static func text(_ stats: ServiceStats) -> String {
        Table.text([["WHAT", "NOW", ""]] + rows(stats), numbers: [1])
    }

    private static func rows(_ stats: ServiceStats) -> [[String]] {
        var rows = [["runs", "\(stats.runs)", ""]]
        if stats.draining == true { rows.append(["draining", "yes", "runs go on, new ones are refused"]) }
        if let dying = stats.dying { rows.append(["dying", "\(dying)", "ended and told, not yet gone"]) }
        guard let warm = stats.warm else { return rows }
        guard warm.capacity > 0 else {
            // Some were: who made them has ended, and the launcher's log says so.
            let isLost = warm.hits > 0 || !warm.waiting.isEmpty
            let remedy = isLost ? " any more: what made them has ended, restart sandboxd" : ""
            return rows + [["warm", "0", "no sandbox is made ahead\(remedy)"]]
        }
        let waiting = warm.waiting.sorted { $0.key < $1.key }
        rows.append(["warm", "\(sum(waiting.map(\.value)))", "of \(warm.capacity) at most"])
        rows += waiting.map { ["  \($0.key.cleaned(atMost: 64))", "\($0.value)", ""] }
        rows.append(["preparing", "\(warm.preparing)", ""])
        rows.append(["hits", "\(warm.hits)", share(warm.hits, of: sum([warm.hits, warm.misses]))])
        rows.append(["misses", "\(warm.misses)", ""])
        return rows
    }

    /// A service may say anything.
    private static func sum(_ counts: [UInt64]) -> UInt64 {
        counts.reduce(0) { sum, count in
            let (next, overflow) = sum.addingReportingOverflow(count)
            return overflow ? .max : next
        }
    }

    private static func share(_ part: UInt64, of whole: UInt64) -> String {
        whole == 0 ? "" : "\(Figures.decimal(Double(part) / Double(whole) * 100, places: 1)) % of the runs"
    }
}
