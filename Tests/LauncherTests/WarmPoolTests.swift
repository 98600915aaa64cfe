import Glibc
import LaunchPlan
import SandboxTestSupport
import Testing

/// What the launcher says of the sandboxes that it makes ahead.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct WarmPoolTests {
    /// Before anything was used, the policy `default` has a place.
    private func filled() throws -> LauncherHarness {
        let harness = try LauncherHarness.ready(.testing(name: "default"), warm: 2)
        try wait(harness)
        return harness
    }

    private func wait(_ harness: LauncherHarness) throws {
        for _ in 0..<2000 {
            if try !harness.pool().waiting.isEmpty { return }
            usleep(5000)
        }
        throw HarnessError.unexpected("nothing is made ahead")
    }

    @Test func `a run that finds one is a hit, and what came to nothing is not counted`() throws {
        let harness = try filled()
        let before = try harness.pool()
        #expect(before.capacity == 2 && before.hits == 0 && before.misses == 0)
        #expect(try harness.run(["true"], policy: "default").report?.ending == .exited(0))
        var after = try harness.pool()
        #expect(after.hits == 1 && after.misses == 0)
        #expect(try harness.run(["true"], workspace: "/no/such", policy: "default").failure?.stage == .workspaceOpen)
        #expect(try harness.run(["true"], policy: "none").failure?.stage == .refused)
        after = try harness.pool()
        #expect(after.hits == 1 && after.misses == 0)
    }

    /// What the launcher noted of a run's start, in both events the same.
    private func stamps(_ finished: LauncherHarness.Finished) throws -> LaunchStamps {
        let report = try #require(finished.report)
        let stamps = try #require(report.stamps)
        for case .started(_, let at, let told) in finished.events { #expect(at == report.startedAt && told == stamps) }
        #expect(stamps.receivedAt <= stamps.handedOverAt && stamps.handedOverAt <= report.startedAt)
        return stamps
    }

    @Test func `a start says whether its sandbox had waited`() throws {
        let harness = try filled()
        #expect(try stamps(try harness.run(["true"], policy: "default")).isWarm)
        // Its start is told apart from its end.
        try wait(harness)
        #expect(try stamps(try harness.run(["sleep", "0.1"], policy: "default")).isWarm)
        #expect(try !stamps(try LauncherHarness.ready().run(["true"])).isWarm)
    }

    @Test func `a probe is nobody's hit`() throws {
        let harness = try filled()
        #expect(try harness.probe(.testing(name: "default")).report?.ending == .exited(0))
        let pool = try harness.pool()
        #expect(pool.hits == 0 && pool.misses == 0)
    }

    @Test func `hits and misses are all runs`() throws {
        let harness = try filled()
        // Faster than they are made.
        for count in 1...20 as ClosedRange<UInt64> {
            #expect(try harness.run(["true"], policy: "default").report?.ending == .exited(0))
            let pool = try harness.pool()
            #expect(pool.hits + pool.misses == count)
            #expect(pool.waiting.allSatisfy { $0.policy == "default" && $0.count <= 2 } && pool.preparing <= 2)
        }
    }

    @Test func `without a pool nothing waits and nothing is counted`() throws {
        let harness = try LauncherHarness.ready()
        #expect(try harness.run(["true"]).report?.ending == .exited(0))
        var pool = try harness.pool()
        // What is left of the run is taken apart behind its answer.
        pool.dying = 0
        #expect(pool == PoolReport())
    }
}
