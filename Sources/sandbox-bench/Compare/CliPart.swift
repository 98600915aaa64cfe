import LinuxSystem

/// Whole processes: what a shell script or an agent that has only subprocesses waits for.
struct CliPart {
    let context: CompareContext

    private static let ours = "sandboxctl exec"
    private static let standalone = "sandboxctl exec --standalone"
    /// What takes longer takes part in each fifth round only, but for what the figures are made of.
    private static let slow: UInt64 = 20_000_000
    private static let slowInterval = 5

    func measure() throws -> CompareReport {
        let sandboxctl = try BenchService.executable("sandboxctl")
        let policy = ["--policy", context.service.policy, "--", "/bin/true"]
        var tools = context.tools
        tools.add(
            Tool(Self.ours, Program(sandboxctl, ["exec", "--socket", context.service.socket] + policy)))
        tools.add(Tool(Self.standalone, Program(sandboxctl, ["exec", "--standalone"] + policy)))
        let all = [Tool("posix_spawn and wait", Program.yardstick)] + tools.found
        let intervals = try all.map { tool in
            let isSlow = try tool.run() > Self.slow && tool.name != Self.ours && tool.name != "bubblewrap"
            return isSlow ? Self.slowInterval : 1
        }
        var samples = all.map { _ in [UInt64]() }
        for round in 0..<context.sizes.runs {
            for (index, tool) in all.enumerated() where round % intervals[index] == 0 {
                context.pause()
                samples[index].append(try tool.run())
            }
        }
        return report(all, samples, missing: tools.missing)
    }

    private func report(_ tools: [Tool], _ samples: [[UInt64]], missing: [String]) -> CompareReport {
        let times = samples.map { Distribution($0) }
        var p50: [String: Double] = [:]
        for (tool, time) in zip(tools, times) { p50[tool.name] = Double(time.p50) }
        let yardstick = p50["bubblewrap"].map { UInt64($0) }
        var table = CompareReport.Table(title: "cli: /bin/true, each a whole process; ratio to bubblewrap")
        for (index, tool) in tools.enumerated() {
            table.rows.append(
                .init(name: tool.name, runs: samples[index].count, times: times[index], yardstick: yardstick))
        }
        table.rows.sort { $0.times.p50 < $1.times.p50 }
        var figures: [Figure] = []
        if let ours = p50[Self.ours] {
            if let theirs = p50["bubblewrap"] { figures.append(Figure(.cliBubblewrap, ours / theirs)) }
            figures.append(Figure(.cliP50, ours / 1e6))
        }
        if let standalone = p50[Self.standalone] { figures.append(Figure(.cliStandalone, standalone / 1e6)) }
        return CompareReport(figures: figures, tables: [table], missing: missing)
    }
}
