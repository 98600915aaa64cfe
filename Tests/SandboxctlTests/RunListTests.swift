import SandboxModel
import Testing

@testable import sandboxctl_verbs

@Suite struct RunListTests {
    private func run(
        _ id: String, program: String = "sh", elapsed: UInt64? = nil, cpu: UInt64 = 0, memory: UInt64 = 1 << 20
    ) -> RunSummary {
        var summary = RunSummary(
            id: id, policy: "default", program: program, state: "running", ageMilliseconds: 12_300, uid: 4_000_000_000)
        guard let elapsed else { return summary }
        var usage = UsageSample()
        usage.elapsedMilliseconds = elapsed
        usage.userMilliseconds = cpu
        usage.systemMilliseconds = 0
        usage.memoryBytes = memory
        usage.processes = 2
        usage.readBytes = cpu * 1024
        summary.usage = usage
        summary.limits = Limits(memoryBytes: 512 << 20, cpus: 1.5, processes: 64, wallMilliseconds: 30_000)
        return summary
    }

    @Test func idsByTheirBeginning() throws {
        let runs = [run("aa11"), run("aa22"), run("b")]
        #expect(try RunIdentifier.run("aa1", among: runs).id == "aa11")
        #expect(try RunIdentifier.run("b", among: runs).id == "b")
        let ambiguous = #expect(throws: ServiceError.self) { try RunIdentifier.run("aa", among: runs) }
        #expect(ambiguous?.code == .invalidRequest && ambiguous?.message.contains("2 runs") == true)
        for text in ["", "c", "aa111", "\u{1B}[2J"] {
            let unknown = #expect(throws: ServiceError.self) { try RunIdentifier.run(text, among: runs) }
            #expect(unknown?.code == .unknownRun && unknown?.message.contains("\u{1B}") == false)
        }
    }

    @Test func psShowsFiguresWhereThereAreSome() {
        let text = ListCommand.text([
            run("a", elapsed: 2000, cpu: 1980, memory: 12_897_485), run("b", program: "x\u{1B}[2J"),
        ])
        let lines = text.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
        #expect(lines[0] == ["ID", "USER", "POLICY", "STATE", "AGE", "CPU", "MEMORY", "PROCESSES", "PROGRAM"])
        #expect(lines[1] == ["a", "4000000000", "default", "running", "12.3s", "1.98s", "12.3", "MiB", "2", "sh"])
        #expect(lines[2] == ["b", "4000000000", "default", "running", "12.3s", "-", "-", "-", "x\\u{1b}[2J"])
    }

    @Test func namesOfUsers() {
        var users = UserNames()
        #expect(users.of(0) == "root")
        #expect(users.of(4_000_000_000) == "4000000000")
    }

    @Test func topComparesTwoLooks() {
        var table = TopTable()
        table.update([run("slow", elapsed: 1000, cpu: 500), run("fast", elapsed: 1000, cpu: 100), run("new")])
        table.update([run("slow", elapsed: 2000, cpu: 600), run("fast", elapsed: 2000, cpu: 1100)])
        var lines = table.lines().map { $0.split(separator: " ", omittingEmptySubsequences: true) }
        #expect(lines.map(\.first) == ["ID", "fast", "slow"])
        #expect(lines[1][5] == "100.0" && lines[2][5] == "10.0")
        // Read 1000 KiB in a second.
        #expect(lines[1].contains("1000.0") && lines[1].contains("KiB"))
        #expect(table.summary == "2 runs, cpu 110 %, memory 2.0 MiB")
        // A sample that is no newer changes nothing; a run that is new is told by its whole life.
        table.update([run("slow", elapsed: 2000, cpu: 600), run("late", elapsed: 500, cpu: 250)])
        lines = table.lines().map { $0.split(separator: " ", omittingEmptySubsequences: true) }
        #expect(lines.map(\.first) == ["ID", "late", "slow"])
        #expect(lines[1][5] == "50.0" && lines[2][5] == "10.0")
    }

    @Test func topFitsTheScreen() {
        let lines = (0..<10).map { "line \($0)" }
        #expect(TopTable.cut(lines, rows: 10) == lines)
        #expect(TopTable.cut(lines, rows: 4) == ["line 0", "line 1", "line 2", "... and 7 more"])
    }

    @Test func statsShowsLimitsBesideFigures() {
        var summary = run("abc", elapsed: 2000, cpu: 1980, memory: 12 << 20)
        summary.usage?.memoryPeakBytes = 13 << 20
        summary.usage?.stdoutBytes = 5
        summary.usage?.stderrBytes = 6
        summary.limits?.swapBytes = 0
        let text = RunFigures.text(summary, since: nil)
        #expect(text.hasPrefix("run abc, policy default, user 4000000000, program sh, running, 12.3s old\n"))
        let lines = text.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
        #expect(lines.contains(["time", "2.0s", "30s"]))
        #expect(lines.contains(["cores", "0.99", "1.5"]))
        #expect(lines.contains(["memory", "12.0", "MiB", "512", "MiB", "peak", "13.0", "MiB"]))
        #expect(lines.contains(["swap", "-", "0", "B"]))
        #expect(lines.contains(["processes", "2", "64"]))
        #expect(lines.contains(["output", "11", "B", "-", "both", "together"]))
        // Neither counted nor limited: not said.
        #expect(!text.contains("workspace") && !text.contains("stall"))
    }
}
