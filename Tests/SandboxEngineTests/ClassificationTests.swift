import LaunchPlan
import SandboxModel
import Testing

@testable import SandboxEngine

/// Every rule of Classification.swift, with the evidence that it needs and without.
@Suite struct ClassificationTests {
    private static let second: UInt64 = 1_000_000_000
    private static let limits = Limits(
        memoryBytes: 512 << 20, fileSizeBytes: 100 << 20, outputBytes: 10 << 20, stdoutBytes: 1 << 20,
        stderrBytes: 1_000_000, wallMilliseconds: 90_000, cpuMilliseconds: 1000, idleMilliseconds: 500)

    private func report(
        _ ending: RunReport.Ending, at seconds: UInt64 = 5, memoryKills: UInt64 = 0, cpuMilliseconds: UInt64? = 0
    ) -> RunReport {
        var usage = TreeUsage()
        usage.memoryKills = memoryKills
        usage.memoryPeakBytes = (512 << 20) - 4096
        usage.userMicroseconds = cpuMilliseconds.map { $0 * 1000 }
        usage.systemMicroseconds = cpuMilliseconds.map { _ in 0 }
        return RunReport(
            ending: ending, startedAt: Self.second, endedAt: seconds * Self.second, usage: usage)
    }

    private func decision(_ reason: Outcome.Reason, at seconds: UInt64 = 4) -> RunMachine.Decision {
        RunMachine.Decision(reason: reason, at: seconds * Self.second, limit: 90_000, observed: 90_004)
    }

    // MARK: 1: memory

    @Test(arguments: [.exited(0), .exited(137), .signaled(9), .signaled(6), .killed] as [RunReport.Ending])
    func `a kill for memory is the reason, also of a child and beside a timeout`(_ ending: RunReport.Ending) {
        for decision in [nil, decision(.wallTimeout), decision(.cancelled, at: 6), decision(.outputLimit)] {
            let outcome = Outcome(report(ending, memoryKills: 1), decision: decision, limits: Self.limits)
            #expect(outcome.reason == .memoryLimit && outcome.signal == nil && outcome.code == nil)
            #expect(outcome.limit == 512 << 20 && outcome.observed == (512 << 20) - 4096)
            #expect(outcome.message.contains("memory limit of 512 MiB, with a peak of 511.9 MiB;"))
            #expect(outcome.message.contains("all processes of the run were ended: raise limits.memory or use less"))
        }
    }

    @Test func `SIGKILL alone is no evidence of a kill for memory`() {
        let outcome = Outcome(report(.signaled(9)), decision: nil, limits: Self.limits)
        #expect(outcome.reason == .signaled && outcome.signal == 9 && outcome.limit == nil)
    }

    // MARK: 2 and 3: decisions

    @Test func `an end of its own counts where it came before the decision`() {
        for (ending, reason) in [(RunReport.Ending.exited(3), Outcome.Reason.exited), (.signaled(11), .signaled)] {
            let before = Outcome(report(ending, at: 4), decision: decision(.wallTimeout), limits: Self.limits)
            #expect(before.reason == reason)
            // In its grace: it was asked to end.
            let after = Outcome(report(ending, at: 5), decision: decision(.wallTimeout), limits: Self.limits)
            #expect(after.reason == .wallTimeout && after.limit == 90_000 && after.observed == 90_004)
        }
        // Killed is not ended by itself, whatever the clocks say.
        let killed = Outcome(report(.killed, at: 3), decision: decision(.wallTimeout), limits: Self.limits)
        #expect(killed.reason == .wallTimeout)
        let output = Outcome(report(.exited(0), at: 3), decision: decision(.outputLimit), limits: Self.limits)
        #expect(output.reason == .outputLimit)
    }

    @Test func `a decision is a sentence with limit, observed value and advice`() {
        func message(_ reason: Outcome.Reason, _ limit: UInt64, _ observed: UInt64) -> String {
            Outcome(RunMachine.Decision(reason: reason, at: 0, limit: limit, observed: observed)).message
        }
        let wall = message(.wallTimeout, 90_000, 90_004)
        #expect(
            wall == "the command had not ended after 1 min 30.004 s and its wall-clock limit is 1 min 30 s: raise "
                + "limits.timeout or do less in one run")
        #expect(
            message(.idleTimeout, 500, 500).contains(
                "nothing for 500 ms and its idle limit is 500 ms: raise limits.idle"))
        #expect(message(.cpuTimeout, 1000, 1002).contains("used 1.002 s of CPU time"))
        #expect(message(.cpuTimeout, 1000, 1002).contains("limit is 1 s: raise limits.cpu-time"))
        #expect(message(.cancelled, 0, 0) == "the run was cancelled")
    }

    @Test(arguments: [
        (RunMachine.OutputLimit.sum, "more output than its limit of 10 MiB: raise limits.output"),
        (.stdout, "more to standard output than its limit of 1 MiB: raise limits.stdout"),
        (.stderr, "more to standard error than its limit of 1 MB: raise limits.stderr"),
    ])
    func `the limit on output that was exceeded is named`(_ limit: RunMachine.OutputLimit, _ words: String) {
        var machine = RunMachine(limits: Self.limits, cpuMillicores: 1000)
        _ = machine.handle(.started(at: 0), now: 0)
        _ = machine.handle(.outputOverflow(limit, observed: 1 << 40), now: 1)
        _ = machine.handle(.exited(report(.killed)), now: 2)
        guard case .deliver(.ended(let outcome, _))? = machine.handle(.drained, now: 3).first else {
            Issue.record("no end")
            return
        }
        #expect(outcome.reason == .outputLimit && outcome.observed == 1 << 40)
        #expect(outcome.limit == [.sum: 10 << 20, .stdout: 1 << 20, .stderr: 1_000_000][limit])
        #expect(outcome.message.contains(words), "\(outcome.message)")
    }

    // MARK: 4: the report

    @Test func `SIGXFSZ is the limit on file size, where there is one`() {
        let outcome = Outcome(report(.signaled(25)), decision: nil, limits: Self.limits)
        #expect(outcome.reason == .fileSizeLimit && outcome.limit == 100 << 20 && outcome.signal == 25)
        #expect(outcome.message.contains("size limit of 100 MiB: raise limits.file-size"))
        #expect(Outcome(report(.signaled(25)), decision: nil, limits: Limits()).reason == .signaled)
    }

    @Test func `SIGXCPU is the limit on CPU time, where so much was used`() {
        func outcome(_ used: UInt64?, _ limits: Limits = ClassificationTests.limits) -> Outcome {
            Outcome(report(.signaled(24), cpuMilliseconds: used), decision: nil, limits: limits)
        }
        let limit = outcome(2001)
        #expect(limit.reason == .cpuTimeout && limit.limit == 1000 && limit.observed == 2001 && limit.signal == 24)
        #expect(limit.message.contains("used 2.001 s of CPU time"))
        // The command has sent it to itself.
        #expect(outcome(999).reason == .signaled)
        #expect(outcome(5000, Limits()).reason == .signaled)
        // A host that does not count it: the signal is all there is.
        #expect(outcome(nil).reason == .cpuTimeout && outcome(nil).observed == nil)
    }

    @Test func `exits and signals are the command's, and a kill by nobody is a loss`() {
        let exit = Outcome(report(.exited(42)), decision: nil, limits: Self.limits)
        #expect(exit.reason == .exited && exit.code == 42 && exit.message == "the command exited with status 42")
        let signal = Outcome(report(.signaled(15)), decision: nil, limits: Self.limits)
        #expect(signal.reason == .signaled && signal.signal == 15)
        #expect(Outcome(report(.killed), decision: nil, limits: Self.limits).reason == .lost)
    }

    // MARK: limits that were met

    @Test func `limits that were met are named with what is in force`() throws {
        var usage = TreeUsage()
        usage.forksRefused = 12
        var end = RunReport(ending: .exited(1), startedAt: 0, endedAt: 1, usage: usage)
        end.fullSpaces = [.tmp, .shm, .workspace, .tmpInodes, .shmInodes, .workspaceInodes]
        let maximum = LaunchLimits(
            memoryBytes: 1, cpuMillicores: 1, processes: 1, openFiles: 1, fileSizeBytes: 1)
        let policy = CompiledPolicy(
            name: "default", readPaths: [], tmpBytes: 64 << 20, shmBytes: 1 << 20, workspaceMode: .write,
            workspaceRoots: [], executeWritten: true, loopback: false, maximum: maximum)
        let hits = LimitHit.list(
            end, limits: Limits(processes: 64, tmpBytes: 16 << 20, workspaceInodes: 500), policy: policy)
        #expect(
            hits == [
                LimitHit(limit: "processes", value: 64, count: 12), LimitHit(limit: "tmp", value: 16 << 20),
                LimitHit(limit: "tmp-inodes", value: 4096), LimitHit(limit: "shm", value: 1 << 20),
                LimitHit(limit: "shm-inodes", value: 1024),
                LimitHit(limit: "workspace-size", value: 64 << 20),
                LimitHit(limit: "workspace-inodes", value: 500),
            ])
        end.fullSpaces = []
        end.usage.forksRefused = 0
        #expect(LimitHit.list(end, limits: Limits(), policy: policy).isEmpty)
    }

    @Test(
        arguments: [
            (0, "0 bytes"), (999, "999 bytes"), (1024, "1 KiB"), (1_000_000, "1 MB"), (1536, "1.5 KiB"),
            (512 << 20, "512 MiB"),
            ((512 << 20) - 1, "511.9 MiB"), (.max, "16777215.9 TiB"), (10_001, "9.7 KiB"), (5 << 50, "5120 TiB"),
        ] as [(UInt64, String)])
    func `bytes in people's units`(_ count: UInt64, _ text: String) { #expect(Readable.bytes(count) == text) }

    @Test(
        arguments: [
            (0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (2003, "2.003 s"), (1500, "1.5 s"), (60_000, "1 min"),
            (300_004, "5 min 0.004 s"), (3_600_000, "1 h"), (5_430_050, "1 h 30 min 30.05 s"),
        ] as [(UInt64, String)])
    func `times in people's units`(_ milliseconds: UInt64, _ text: String) {
        #expect(Readable.time(milliseconds: milliseconds) == text)
    }
}
