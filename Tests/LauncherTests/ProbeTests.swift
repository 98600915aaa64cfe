import Glibc
import LaunchPlan
import SandboxTestSupport
import Testing

/// The launcher's part of self-proof: what runs is its own program, and the facts come from inside.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct ProbeTests {
    private func facts(_ policy: CompiledPolicy) throws -> [Substring] {
        let finished = try LauncherHarness.ready(policy).probe(policy)
        try #require(finished.failure == nil, "\(String(describing: finished.failure))")
        #expect(finished.report?.ending == .exited(0))
        return finished.output.split(separator: "\n")
    }

    @Test func `a policy where nothing of the host exists runs its probe too`() throws {
        var policy = CompiledPolicy.testing()
        policy.readPaths = []
        policy.workspaceMode = .none
        let facts = try facts(policy)
        #expect(facts.last == "end")
        #expect(facts.contains("descriptor 0") && facts.contains("descriptor 2"))
        #expect(facts.filter { $0.hasPrefix("descriptor ") }.count == 3)
        #expect(facts.contains("environment SANDBOX_PROBE=1"))
        #expect(facts.filter { $0.hasPrefix("environment ") }.count == 1)
    }

    @Test func `facts differ with what the policy says`() throws {
        var closed = CompiledPolicy.testing()
        closed.executeWritten = false
        var open = CompiledPolicy.testing()
        open.loopback = true
        open.hidePaths = ["/usr/share/doc"]
        open.syscallsDenied = ["mlock", "fork", "epoll_ctl_old"]
        let (inClosed, inOpen) = (try facts(closed), try facts(open))
        #expect(inClosed.contains("attempt execute_tmp \(EACCES)") && inOpen.contains("attempt execute_tmp \(ENOEXEC)"))
        #expect(inOpen.contains("attempt connect_loopback \(ECONNREFUSED)"))
        #expect(!inClosed.contains("attempt connect_loopback \(ECONNREFUSED)"))
        #expect(inOpen.contains { $0.hasPrefix("hide 0 \(EACCES) ") })
        // fork would make a second probe: it is not tried.
        #expect(inOpen.filter { $0.hasPrefix("deny ") } == ["deny 0 \(EPERM)", "deny 1 -1", "deny 2 \(EPERM)"])
        #expect(!inClosed.contains { $0.hasPrefix("deny ") })
    }

    @Test func `a group of denied calls is tried call by call, and what a policy allows is said`() throws {
        var policy = CompiledPolicy.testing()
        policy.syscallsDenied = ["debug"]
        policy.syscallsAllowed = ["perf_event_open"]
        let facts = try facts(policy)
        let answers = facts.filter { $0.hasPrefix("deny 0 ") }
        #expect(answers.count > 3 && answers.allSatisfy { $0 == "deny 0 \(EPERM)" }, "\(answers)")
        #expect(facts.contains("allow perf_event_open") && !facts.contains("attempt perf_event_open \(EPERM)"))
    }

    @Test func `under a list of programs nothing else is executable, in memory neither`() throws {
        var policy = CompiledPolicy.testing()
        policy.executePaths = ["/usr/bin/env"]
        let facts = try facts(policy)
        #expect(facts.contains("attempt execute_tmp \(EACCES)"))
        #expect(!facts.contains("attempt execute_memory_file \(ENOEXEC)"))
        // The fifth field is the mount point, `proc_pid_mountinfo(5)`; what lies behind it on the host is not told here.
        let usr = facts.first { $0.hasPrefix("mount ") && $0.split(separator: " ").dropFirst(5).first == "/usr" }
        #expect(usr?.contains("noexec") == true, "\(usr ?? "")")
    }

    @Test func `a probe that says anything but its policy is refused`() throws {
        let harness = try LauncherHarness.ready()
        let changes: [(String, (inout LaunchRequest) -> Void)] = [
            ("argv", { $0.argv = ["/bin/sh"] }), ("environment", { $0.environment = ["A=b"] }),
            ("workspace", { $0.workspace = "/tmp" }), ("cwd", { $0.cwd = "/" }), ("client", { $0.client = 1 }),
            ("terminal", { $0.terminal = true }), ("wider", { $0.limits.memoryBytes += 1 }),
            ("narrower", { $0.limits.memoryBytes -= 1 }), ("policy", { $0.policy = "other" }),
        ]
        for (name, change) in changes {
            let failure = try harness.probe(changed: change).failure
            #expect(failure?.stage == .refused, "\(name): \(String(describing: failure))")
        }
        #expect(try harness.probe().report?.ending == .exited(0))
    }

    @Test func `nobody becomes the client of probes`() throws {
        let harness = try LauncherHarness.ready()
        #expect(try harness.run(["true"], client: ProbePlan.client).failure?.stage == .client)
        try harness.admitPeer(as: ProbePlan.client)
        #expect(try harness.run(["true"], client: ProbePlan.client).failure?.stage == .client)
    }

    @Test func `a probe takes its standard streams from where commands do`() throws {
        let harness = try LauncherHarness.ready()
        let directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(directory) }
        try harness.send(.launch(.probe(run: 900, policy: .testing())), [directory, 0, 0])
        guard case .failed(900, let failure) = try harness.next() else { throw HarnessError.unexpected("started") }
        #expect(failure.stage == .refused)
        // A fourth descriptor is the launcher's to give.
        try harness.send(.launch(.probe(run: 901, policy: .testing())), [0, 1, 2, directory])
        guard case .failed(901, let other) = try harness.next() else { throw HarnessError.unexpected("started") }
        #expect(other.stage == .refused)
    }
}
