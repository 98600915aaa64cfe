struct FloodReport: MarkdownReport {
    var bytes: UInt64
    var rows: [FloodRow] = []
    var latencies: [Latency] = []

    var markdown: String {
        var memory = MarkdownTable(head: [
            "output", "written", "carried", "written MiB/s", "sandboxd PSS", "sandboxd RSS", "launcher PSS",
            "launcher RSS",
        ])
        for row in rows {
            let rate = Double(row.written) / 1_048_576 / (Double(row.nanoseconds) / 1e9)
            memory.rows.append([
                row.name, Shown.mebibytes(row.written), Shown.mebibytes(row.carried), Shown.decimals(rate, 0),
                Self.memory(row) { $0.daemon.pss }, Self.memory(row) { $0.daemon.rss },
                Self.memory(row) { $0.launcher.pss }, Self.memory(row) { $0.launcher.rss },
            ])
        }
        var times = MarkdownTable(head: ["`true` meanwhile", "runs", "p50 ms", "p99 ms"])
        for latency in latencies {
            times.rows.append([
                latency.name, "\(latency.runs)", Shown.milliseconds(Int64(latency.p50Nanoseconds)),
                Shown.milliseconds(Int64(latency.p99Nanoseconds)),
            ])
        }
        return """
            Memory of the service while one command floods it, in MiB: before / most of samples each 50 ms / one second after.

            \(memory.text)

            How long `true` takes in a fresh sandbox while another run's output is not read.

            \(times.text)
            """
    }

    private static func memory(_ row: FloodRow, _ figure: (ServiceMemory) -> UInt64) -> String {
        [row.before, row.during, row.after].map { Shown.decimals(Double(figure($0)) / 1_048_576, 1) }
            .joined(separator: " / ")
    }
}
