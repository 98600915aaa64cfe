/// Percentiles of measured times, in nanoseconds.
struct Distribution {
    let p50: UInt64
    let p99: UInt64

    init(_ samples: [UInt64]) {
        let sorted = samples.sorted()
        p50 = sorted[sorted.count / 2]
        p99 = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
    }
}

/// One sandbox against one posix_spawn.
struct ExecReport {
    let runs: Int
    let spawn: Distribution
    let sandbox: Distribution
    /// From the daemon's asking the launcher to the command's execution.
    let start: Distribution

    private func ratio(_ value: UInt64) -> Double { (Double(value) / Double(spawn.p50) * 100).rounded() / 100 }

    var table: String {
        """
        /bin/true, \(runs) times each, in turn        p50 us    p99 us    p50 ratio
        posix_spawn and wait              \(pad(spawn.p50))  \(pad(spawn.p99))
        a fresh sandbox, open connection  \(pad(sandbox.p50))  \(pad(sandbox.p99))    \(ratio(sandbox.p50))
          of which until it executes      \(pad(start.p50))  \(pad(start.p99))
        """
    }

    var json: String {
        """
        {"exec.runs":\(runs),"exec.p50_ratio":\(ratio(sandbox.p50)),"exec.p99_ratio":\(ratio(sandbox.p99)),\
        "exec.p50_us":\(sandbox.p50 / 1000),"exec.p99_us":\(sandbox.p99 / 1000),"spawn.p50_us":\(spawn.p50 / 1000)}
        """
    }

    private func pad(_ nanoseconds: UInt64) -> String {
        let text = String(nanoseconds / 1000)
        return String(repeating: " ", count: max(0, 8 - text.count)) + text
    }
}
