import LaunchPlan
import SandboxTestSupport
import Testing

/// When a run's time begins: with the command's execution, which pid 1 looks at later.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct StartTests {
    /// On a busy host pid 1 has the processor when the command has had it for long.
    @Test(arguments: ["0.001", "0.02"])
    func `no command has less time than it has slept`(_ seconds: String) throws {
        let harness = try LauncherHarness.ready()
        let most = try #require(Double(seconds)) * 1e9
        for _ in 0..<20 {
            let report = try #require(try harness.run(["sleep", seconds]).report)
            #expect(Double(report.endedAt - report.startedAt) >= most, "\(report)")
        }
    }

    /// The time is asked for behind the filter, by a process that pid 1 lets ask.
    @Test func `a policy that denies the clock denies it to the command alone`() throws {
        var policy = CompiledPolicy.testing()
        policy.syscallsDenied = ["clock_gettime"]
        let harness = try LauncherHarness.ready(policy)
        let ran = try harness.run(["true"])
        let report = try #require(ran.report)
        #expect(report.ending == .exited(0) && report.denials.isEmpty, "\(report)")
        // Then it began when it was asked for.
        for seconds in ["0.001", "0.02"] {
            let slept = try #require(try harness.run(["sleep", seconds]).report)
            let time = Double(slept.endedAt - slept.startedAt)
            #expect(slept.ending == .exited(0) && time >= Double(seconds)! * 1e9 && time < 60e9, "\(slept)")
        }
    }

    /// The command's process has its filter before it has its request: what it does itself is no policy's business.
    @Test(arguments: [
        "recvmsg", "dup3", "close_range", "prlimit64", "chdir", "rt_sigprocmask", "clock_gettime",
    ])
    func `what is denied to the command is not denied to what starts it`(_ call: String) throws {
        var policy = CompiledPolicy.testing()
        policy.syscallsDenied = [call]
        let ran = try LauncherHarness.ready(policy).run(["true"])
        #expect(ran.report?.ending == .exited(0) && ran.failure == nil, "\(ran)")
        #expect(ran.report?.denials.allSatisfy { $0.subject == call && $0.count < 5 } == true, "\(ran)")
        #expect(["prlimit64", "rt_sigprocmask"].contains(call) || ran.report?.denials == [], "\(ran)")
    }

    @Test func `a command that may not execute anything is executed`() throws {
        var policy = CompiledPolicy.testing()
        policy.syscallsDenied = ["execve", "execveat"]
        let ran = try LauncherHarness.ready(policy).run(["sh", "-c", "/bin/true; echo $?"])
        #expect(ran.output.hasSuffix("\n126\n"), "\(ran)")
        #expect(ran.report?.denials.map(\.subject) == ["execve"], "\(ran)")
    }
}
