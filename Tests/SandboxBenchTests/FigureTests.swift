import Testing

@testable import sandbox_bench

@Suite struct FigureTests {
    @Test func `a target is met or missed by a factor, whichever way it points`() {
        #expect(Target.atMost(2).isMet(by: 2) && !Target.atMost(2).isMet(by: 2.1))
        #expect(Target.atLeast(2).isMet(by: 2) && !Target.atLeast(2).isMet(by: 1.9))
        #expect(Target.within(0.9, 1.25).isMet(by: 1) && !Target.within(0.9, 1.25).isMet(by: 0.8))
        #expect(Target.atMost(2).distance(of: 6) == 3)
        #expect(Target.atLeast(2).distance(of: 0.5) == 4)
        #expect(Target.within(0.5, 2).distance(of: 4) == 2 && Target.within(0.5, 2).distance(of: 0.25) == 2)
        #expect(Target.atMost(0).isMet(by: 0) && Target.atMost(0).distance(of: 1) == .infinity)
        #expect(Target.atLeast(1).distance(of: 0) == .infinity)
    }

    @Test func `the names of figures are unique, and each belongs to a part`() {
        #expect(Set(FigureKind.all.map(\.key)).count == FigureKind.all.count)
        for kind in FigureKind.all { #expect(ComparePart(of: Figure(kind, 1)) != nil, "\(kind.key)") }
    }

    @Test func `only ratios and amounts fail the short form, and only when three times off`() {
        var report = CompareReport()
        report.figures = [Figure(.execP50, 4.4), Figure(.cliStandalone, 10_000), Figure(.execP99, 100)]
        #expect(report.absurd.isEmpty)
        report.figures += [Figure(.cliBubblewrap, 3.1), Figure(.throughputFailures, 1), Figure(.stream, 0.2)]
        #expect(report.absurd.map(\.key) == ["cli.p50_vs_bubblewrap", "throughput.failures", "stream.vs_pipe"])
    }

    @Test func `what is measured again replaces what was measured`() {
        let missing = ["nsjail: not installed"]
        var report = CompareReport(figures: [Figure(.execP50, 9), Figure(.stream, 1)], missing: missing)
        report.replace(with: CompareReport(figures: [Figure(.execP50, 1)], missing: missing))
        #expect(report.figures.map(\.value) == [1, 1] && report.missing.count == 1)
    }

    @Test func `JSON has a key for each figure, with unit, target and meaning`() throws {
        let report = CompareReport(figures: [Figure(.execP50, 1.25), Figure(.echo, 10), Figure(.input, 0.75)])
        let text = try report.text(json: true)
        #expect(text.contains(#""exec.p50_ratio" : {"#) && text.contains(#""target" : "<= 1.5""#))
        #expect(text.contains(#""value" : 1.25"#) && text.contains(#""unit" : "us""#))
    }

    @Test func `parts are chosen by name, in one order`() {
        #expect(PartList(argument: "alive,exec")?.parts == [.exec, .alive])
        #expect(PartList(argument: "exec,") == nil && PartList(argument: "speed") == nil)
    }
}

@Suite struct LoadTests {
    /// One run a second, until it slows down to one in two.
    @Test func `a load that slows down is seen in its last third`() {
        var load = Load()
        let second: UInt64 = 1_000_000_000
        load.endings = (0..<20).map { $0 * second } + (0..<5).map { (20 + 2 * $0) * second }
        load.nanoseconds = 30 * second
        #expect(load.lastByFirst == 0.5)
    }

    @Test func `slices follow each other as if there were nothing between them`() {
        var load = Load()
        let slice = Load(endings: [1, 5], latencies: [1, 4], failures: 1, nanoseconds: 10, firstFailure: "first")
        load.add(slice)
        load.add(slice)
        #expect(load.endings == [1, 5, 11, 15] && load.nanoseconds == 20)
        #expect(load.failures == 2 && load.firstFailure == "first")
    }
}
