import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// What is made while a policy's probe runs, where nothing is made ahead otherwise.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct PrepareTests {
    @Test func `one request gets the one sandbox that was prepared`() throws {
        let harness = try LauncherHarness.ready()
        for _ in 1...3 { try harness.send(.prepare(policy: "testing")) }
        try harness.send(.prepare(policy: "none"))
        #expect(try harness.pool().waiting == [PoolReport.Waiting(policy: "testing", count: 1)])
        let first = try harness.run(["id", "-u"])
        #expect(first.output == "1000\n" && first.report?.stamps?.isWarm == true)
        #expect(try harness.pool().waiting.isEmpty)
        let second = try harness.run(["id", "-u"])
        #expect(second.output == "1000\n" && second.report?.stamps?.isWarm == false)
    }

    @Test func `what is prepared during a probe is not the probe's, and has the request's limits`() throws {
        let harness = try LauncherHarness.ready()
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        let probe = LaunchRequest.probe(run: 1000, policy: .testing())
        try harness.send(.launch(probe), [null.number, null.number, null.number])
        try harness.send(.prepare(policy: "testing"))
        var hasEnded = false
        while !hasEnded { if case .finished(1000, _) = try harness.next() { hasEnded = true } }
        #expect(try harness.pool().waiting.map(\.count) == [1])
        var limits = LaunchLimits.testing
        limits.openFiles = 33
        limits.processes = 2
        let run = try harness.run(["sh", "-c", "ulimit -n; id -u; (sleep 9 & sleep 9) 2>&1"], limits: limits)
        #expect(run.output.hasPrefix("33\n1000\n") && run.output.contains("fork"), "\(run.output)")
        #expect(run.report?.stamps?.isWarm == true)
    }

    @Test func `before the policies are complete nothing is prepared`() throws {
        let harness = try LauncherHarness()
        try harness.send(.policy(.testing()))
        guard case .policyReady = try harness.next() else { throw HarnessError.unexpected("no policy") }
        try harness.send(.prepare(policy: "testing"))
        #expect(try harness.pool().waiting.isEmpty)
    }
}
