import CoreMetrics
import Testing

@testable import SandboxMetrics

@Suite struct RegistryTests {
    private static let families: [MetricRegistry.Family] = [
        .init("jobs_total", "Jobs."), .init("level", "A level."),
        .init("seconds", "A time.", buckets: [0.1, 0.5, 2]),
    ]

    @Test func whatIsCountedIsText() {
        let registry = MetricRegistry(Self.families)
        Counter(label: "jobs_total", dimensions: [("b", "2"), ("a", "x")], factory: registry).increment(by: 3)
        // The same series, whatever the order of its labels.
        Counter(label: "jobs_total", dimensions: [("a", "x"), ("b", "2")], factory: registry).increment()
        Counter(label: "jobs_total", dimensions: [("a", "w"), ("b", "2")], factory: registry).increment()
        Meter(label: "level", factory: registry).set(2.5)
        let timer = CoreMetrics.Timer(label: "seconds", factory: registry)
        for nanoseconds in [100_000_000, 100_000_001, 2_500_000_000, -5] as [Int64] {
            timer.recordNanoseconds(nanoseconds)
        }
        #expect(
            registry.text() == """
                # HELP jobs_total Jobs.
                # TYPE jobs_total counter
                jobs_total{a="w",b="2"} 1
                jobs_total{a="x",b="2"} 4
                # HELP level A level.
                # TYPE level gauge
                level 2.5
                # HELP seconds A time.
                # TYPE seconds histogram
                seconds_bucket{le="0.1"} 2
                seconds_bucket{le="0.5"} 3
                seconds_bucket{le="2"} 3
                seconds_bucket{le="+Inf"} 4
                seconds_sum 2.700000001
                seconds_count 4

                """)
        #expect(registry.text(where: { $0.contains(Label(name: "a", value: "w")) }).contains("a=\"x\"") == false)
        #expect(MetricRegistry(Self.families).text() == "")
    }

    @Test func labelsAreEscaped() {
        let registry = MetricRegistry([.init("jobs_total", "a \\ b\nc \"d\"")])
        Counter(label: "jobs_total", dimensions: [("a", "q\"u\\o\nte}")], factory: registry).increment()
        #expect(
            registry.text()
                == "# HELP jobs_total a \\\\ b\\nc \"d\"\n# TYPE jobs_total counter\njobs_total{a=\"q\\\"u\\\\o\\nte}\"} 1\n"
        )
    }

    @Test func seriesAreBounded() {
        let registry = MetricRegistry(Self.families, maximumBytes: 1000)
        for user in 0..<1000 {
            Counter(label: "jobs_total", dimensions: [("user", "\(user)")], factory: registry).increment()
        }
        let lines = registry.text().split(separator: "\n")
        #expect(lines.count == 2 + 15 && lines.contains("jobs_total{user=\"other\"} 986"))
        // Those that are known go on.
        Counter(label: "jobs_total", dimensions: [("user", "3")], factory: registry).increment()
        #expect(registry.text().contains("jobs_total{user=\"3\"} 2\n"))
    }

    @Test func whatIsOddCountsNothing() {
        let registry = MetricRegistry(Self.families)
        Counter(label: "unknown", factory: registry).increment()
        let counter = Counter(label: "jobs_total", factory: registry)
        counter.increment(by: Int64.min)
        counter.increment(by: Int64.max)
        counter.increment(by: Int64.max)
        counter.increment(by: Int64.max)
        // Of another kind than the family's.
        Meter(label: "jobs_total", factory: registry).set(7)
        let recorder = Recorder(label: "seconds", factory: registry)
        for value in [Double.nan, .infinity, 1] { recorder.record(value) }
        let text = registry.text()
        #expect(text.contains("jobs_total \(UInt64.max)\n") && !text.contains("unknown"))
        #expect(text.contains("seconds_count 1\n"))
    }
}
