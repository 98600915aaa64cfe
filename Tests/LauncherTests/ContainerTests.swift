import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// Runs in containers of a real engine, with the test in sandboxd's place.
@Suite(.serialized) struct ContainerTests {
    private static func policy(ahead: UInt32 = 0) -> CompiledPolicy {
        var policy = CompiledPolicy.testing()
        policy.readPaths = []
        policy.container = ContainerPlan(image: "bb:t", ahead: ahead)
        return policy
    }

    @Test func runs() throws {
        let harness = try LauncherHarness.ready(Self.policy(), engine: "/tmp/dk/docker.sock")
        for _ in 0..<3 {
        let begin = monotonicNanoseconds()
        let finished = try harness.run(["sh", "-c", "id; pwd; ls -la /; cat /proc/self/mountinfo; cat /proc/self/status | head -60; env; echo oops >&2; exit 3"], environment: ["PATH=/bin", "A=b"])
        print((monotonicNanoseconds() - begin) / 1000, "us")
        print(finished.output)
        print(finished.events)
        }
    }
}
