import Glibc
import LaunchPlan
import SandboxTestSupport
import Testing

/// What a command finds when it looks around in its sandbox.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct SandboxInsideTests {
    private func output(_ script: String) throws -> String {
        let harness = try LauncherHarness.ready()
        let finished = try harness.run(["/bin/sh", "-c", script])
        try #require(finished.failure == nil, "\(String(describing: finished.failure))")
        return finished.output
    }

    @Test func `exit status reaches the report`() throws {
        let harness = try LauncherHarness.ready()
        #expect(try harness.run(["true"]).report?.ending == .exited(0))
        #expect(try harness.run(["sh", "-c", "exit 3"]).report?.ending == .exited(3))
        #expect(try harness.run(["sh", "-c", "kill -SEGV $$"]).report?.ending == .signaled(SIGSEGV))
    }

    @Test func `no capability, no new privileges, a filter`() throws {
        let status = try output("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status")
        for line in status.split(separator: "\n") {
            let fields = line.split(separator: "\t")
            switch fields[0] {
            case "NoNewPrivs:": #expect(fields[1] == "1")
            case "Seccomp:": #expect(fields[1] == "2")
            default: #expect(fields[1] == "0000000000000000", "\(line)")
            }
        }
        #expect(status.split(separator: "\n").count == 7)
    }
}
