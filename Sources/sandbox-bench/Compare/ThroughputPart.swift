import ArgumentParser
import LinuxSystem

/// All cores busy, in turns: a slice of ours, one of bubblewrap, one of posix_spawn, and again.
struct ThroughputPart {
    let context: CompareContext

    func measure() throws -> CompareReport {
        let sizes = context.sizes
        let request = context.service.request(["/bin/true"])
        let client = try context.service.plainClient()
        let others = [context.tools["bubblewrap"], Tool("posix_spawn and wait", Program.yardstick)].compactMap { $0 }
        var ours = Load()
        var loads = others.map { _ in Load() }
        var ratios = others.map { _ in [Double]() }
        for _ in 0..<max(1, sizes.seconds / sizes.slice) {
            let nanoseconds = UInt64(sizes.slice) * 1_000_000_000
            let slice = try LoadLoop.run(client, request, inFlight: sizes.inFlight, nanoseconds: nanoseconds)
            ours.add(slice)
            // What is still being cleaned up is not the next one's to pay.
            for _ in 0..<50 { context.pause() }
            for (index, tool) in others.enumerated() {
                let theirs = try LoadLoop.run(tool, inFlight: sizes.inFlight, nanoseconds: nanoseconds)
                loads[index].add(theirs)
                // Of each pair by itself: one process that hangs for seconds makes one slice long, not the figure.
                ratios[index].append(slice.perSecond / theirs.perSecond)
                for _ in 0..<50 { context.pause() }
            }
        }
        guard !ours.latencies.isEmpty else {
            throw ValidationError("under load no run came to an end: \(ours.firstFailure ?? "no answer")")
        }
        return report(ours, others.indices.map { (others[$0], loads[$0], ratios[$0].median) })
    }

    private func report(_ ours: Load, _ others: [(tool: Tool, load: Load, ratio: Double)]) -> CompareReport {
        let latency = Distribution(ours.latencies)
        var report = CompareReport()
        var table = CompareReport.Table(title: "throughput: latency of /bin/true, \(context.sizes.inFlight) at once")
        table.rows.append(.init(name: "a fresh sandbox", runs: ours.latencies.count, times: latency))
        for (tool, load, ratio) in others where !load.latencies.isEmpty {
            let kind = tool.name == "bubblewrap" ? FigureKind.throughputBubblewrap : .throughputSpawn
            report.figures.append(Figure(kind, ratio))
            table.rows.append(
                .init(name: tool.name, runs: load.latencies.count, times: Distribution(load.latencies)))
        }
        if context.tools["bubblewrap"] == nil { report.missing.append("throughput.vs_bubblewrap: no bubblewrap") }
        if let failure = ours.firstFailure {
            report.missing.append("throughput: \(ours.failures) failures: \(failure)")
        }
        report.figures += [
            Figure(.throughputRate, ours.perSecond), Figure(.throughputTail, Double(latency.p99) / Double(latency.p50)),
            Figure(.throughputCreep, ours.lastByFirst),
        ]
        if let bubblewrap = others.first(where: { $0.tool.name == "bubblewrap" })?.load {
            report.figures.append(Figure(.throughputMachine, bubblewrap.lastByFirst))
        }
        report.figures.append(Figure(.throughputFailures, Double(ours.failures)))
        report.tables = [table]
        return report
    }
}
