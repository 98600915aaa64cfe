import SandboxModel

/// What `exec --usage` says: one line an interval, and one at the end.
struct UsageLine {
    private var last: UsageSample?

    /// "usage 2.0s: cpu 1.98s (99 %), memory 12.3 MiB (peak 13.0 MiB), 3 processes, ...". What the host does not count is
    /// not said; the percentage is of the time since the line before, 100 for one core.
    mutating func text(_ sample: UsageSample) -> String {
        let percent = sample.cpuPercent(since: last)
        last = sample
        let time = sample.elapsedMilliseconds.map { " \(Figures.seconds($0, places: 1))" } ?? ""
        let parts = [
            sample.cpuMilliseconds.map { cpu in
                "cpu \(Figures.seconds(cpu))" + (percent.map { " (\(Figures.decimal($0, places: 0)) %)" } ?? "")
            },
            sample.memoryBytes.map { memory in
                "memory \(Figures.bytes(memory))"
                    + (sample.memoryPeakBytes.map { " (peak \(Figures.bytes($0)))" } ?? "")
            },
            sample.swapBytes.flatMap { $0 > 0 ? "swap \(Figures.bytes($0))" : nil },
            sample.processes.map { Figures.count($0, "process", "processes") },
            sample.readBytes.map { "read \(Figures.bytes($0))" },
            sample.writeBytes.map { "written \(Figures.bytes($0))" },
            Self.stalls(sample),
        ]
        return "usage\(time): \(Self.list(parts))"
    }

    /// The line at the end; `nil` of a run that used nothing, as one that was denied.
    static func total(_ result: RunResult) -> String? {
        let usage = result.usage
        guard let wall = usage.wallMilliseconds else { return nil }
        var cpu: String?
        if let user = usage.userMilliseconds, let system = usage.systemMilliseconds {
            cpu =
                "cpu \(Figures.seconds(user &+ system)) (user \(Figures.seconds(user)), system \(Figures.seconds(system)))"
        }
        let parts = [
            cpu, usage.memoryPeakBytes.map { "memory peak \(Figures.bytes($0))" },
            usage.throttledMilliseconds.flatMap { $0 == 0 ? nil : "held back for \(Figures.seconds($0))" },
            usage.processesPeak.map { "\(Figures.count($0, "process", "processes")) at most" },
            usage.readBytes.map { "read \(Figures.bytes($0))" },
            usage.writeBytes.map { "written \(Figures.bytes($0))" },
            usage.stdoutBytes.map { "stdout \(Figures.bytes($0))" },
            usage.stderrBytes.map { "stderr \(Figures.bytes($0))" },
        ]
        return "usage in all, \(Figures.seconds(wall)): \(list(parts))"
    }

    private static func list(_ parts: [String?]) -> String {
        let known = parts.compactMap { $0 }
        return known.isEmpty ? "not counted on this host" : known.joined(separator: ", ")
    }

    private static func stalls(_ sample: UsageSample) -> String? {
        let stalls = [
            ("cpu", sample.cpuStallMilliseconds), ("memory", sample.memoryStallMilliseconds),
            ("io", sample.ioStallMilliseconds),
        ]
        let known = stalls.compactMap { name, time in time.map { "\(name) \(Figures.seconds($0))" } }
        return known.isEmpty ? nil : "stalled for \(known.joined(separator: " "))"
    }
}
