import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// The end of a tree, however it defends itself. How long each end took is printed; the tests only bound it far away.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct EndingTests {
    private func killed(_ running: RunningCommand, _ name: String) throws -> RunReport {
        let (report, milliseconds) = try running.kill()
        print("kill: \(name): \(milliseconds) ms")
        #expect(report.ending == .killed)
        #expect(milliseconds < 10_000)
        // Nobody is left who could hold the pipe.
        _ = running.rest()
        return report
    }

    @Test func `a stop reaches sessions of their own and stopped processes`() throws {
        let script = """
            trap 'wait; echo main; exit 3' TERM
            setsid sh -c 'trap "echo session; exit" TERM; echo ready; while :; do sleep 0.05; done' &
            sh -c 'trap "echo stopped; exit" TERM; echo ready; kill -STOP $$; while :; do sleep 0.05; done' &
            wait
            """
        let running = try LauncherHarness.ready().begin(["sh", "-c", script])
        try running.wait(for: "ready\nready\n")
        usleep(50_000)
        try running.stop()
        let report = try running.end()
        let output = running.rest()
        #expect(report.ending == .exited(3))
        for word in ["session\n", "stopped\n", "main\n"] { #expect(output.contains(word), "\(output)") }
    }

    @Test func `who ignores the stop is killed, stopped or not`() throws {
        let script = """
            trap '' TERM
            setsid sh -c 'trap "" TERM; kill -STOP $$' &
            for i in 1 2 3; do (setsid sh -c 'sleep 60 & sleep 60' &) ; done
            sleep 0.2; echo ready; sleep 60
            """
        let running = try LauncherHarness.ready().begin(["sh", "-c", script])
        try running.wait(for: "ready\n")
        try running.stop()
        usleep(100_000)
        #expect(try running.usage().processes ?? 0 >= 2)
        _ = try killed(running, "SIGTERM ignored")
    }

    @Test func `what is left behind neither delays a slow command's end nor is counted into its time`() throws {
        var limits = LaunchLimits.testing
        limits.cpuMillicores = 50
        // Each of the 20 with a `date` of its own, and room for the command's `sleep`.
        limits.processes = 60
        // Bounded: 20 processes at work for at most 20 s.
        let script = """
            for i in $(seq 20); do (end=$(($(date +%s) + 20)); while [ $(date +%s) -lt $end ]; do :; done) & done
            sleep 1
            """
        let running = try LauncherHarness.ready().begin(["sh", "-c", script], limits: limits)
        let report = try running.end()
        let late = (monotonicNanoseconds() - report.endedAt) / 1_000_000
        print("exit: 20 busy processes left behind at 0.05 core: \(late) ms")
        // The end is the command's own, and the 20 s of the others are not waited for.
        #expect(report.ending == .exited(0))
        #expect(late < 10_000)
        _ = running.rest()
    }

    /// At most 3^5 processes and as many again, each at work for at most 30 s, wherever this runs.
    private static let bomb = """
        import os, time
        end = time.time() + 30
        depth = made = told = 0
        while time.time() < end:
            if depth < 5 and made < 3:
                try:
                    if os.fork() == 0:
                        os.setsid(); depth += 1; made = 0
                    else:
                        made += 1
                except OSError:
                    if not told: os.write(1, b"full\\n")
                    told = 1
        """

    @Test func `a fork bomb of sessions ends at once`() throws {
        var limits = LaunchLimits.testing
        limits.processes = 60
        let running = try LauncherHarness.ready().begin(["python3", "-c", Self.bomb], limits: limits)
        try running.wait(for: "full\n")
        usleep(300_000)
        let usage = try running.usage()
        let report = try killed(running, "fork bomb")
        #expect(usage.processes == 60 && usage.processesPeak == 60, "\(usage)")
        #expect(report.usage.processesPeak == 60)
        #expect(report.usage.forksRefused > 0)
    }

    @Test func `a tree with next to no CPU time ends at once`() throws {
        var limits = LaunchLimits.testing
        limits.cpuMillicores = 200
        let script = """
            for i in $(seq 40); do sh -c 'n=0; while [ $n -lt 20000000 ]; do n=$((n+1)); done' & done; echo ready; wait
            """
        let running = try LauncherHarness.ready().begin(["sh", "-c", script], limits: limits)
        try running.wait(for: "ready\n")
        usleep(500_000)
        let usage = try running.usage()
        #expect(usage.throttledMicroseconds ?? 0 > 0)
        _ = try killed(running, "throttled tree")
    }

    @Test func `ten thousand zombies end at once`() throws {
        var policy = CompiledPolicy.testing()
        policy.maximum.processes = 12_000
        policy.maximum.memoryBytes = 1 << 30
        policy.maximum.cpuMillicores = 2000
        let script = """
            use POSIX; $| = 1;
            for (1..10000) { my $p = fork; die "fork: $!" unless defined $p; POSIX::_exit(0) unless $p; }
            print "ready\\n"; sleep 60;
            """
        let running = try LauncherHarness.ready(policy).begin(["perl", "-e", script], limits: policy.maximum)
        try running.wait(for: "ready\n")
        #expect(try running.usage().processes ?? 0 > 10_000)
        let report = try killed(running, "10,000 zombies")
        #expect(report.usage.processesPeak ?? 0 > 10_000)
    }
}

/// What is told of runs whose pid 1 gets no CPU time to speak.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct SilentStartTests {
    @Test(.nativeOnly("a run that still waits for its container is not begun any more"))
    func `that a run has its command is told when its start is not`() throws {
        let harness = try LauncherHarness.ready()
        var limits = LaunchLimits.testing
        limits.cpuMillicores = 5
        var told = 0
        // A pid 1 that is quick has told it with what its group had left: on a fast host it is four out of five.
        for _ in 1...100 where told == 0 {
            let before = monotonicNanoseconds()
            let (run, _) = try harness.submit(["sh", "-c", "while :; do :; done"], limits: limits)
            usleep(60_000)
            try harness.send(.kill(run: run))
            var hasEnded = false
            while !hasEnded {
                switch try harness.nextOfAll() {
                case .handedOver(run, let at):
                    told += 1
                    #expect(at >= before && at < monotonicNanoseconds())
                case .finished(run, _): hasEnded = true
                case .started(run, _, _): continue
                case let event: throw HarnessError.unexpected("\(event)")
                }
            }
        }
        #expect(told > 0)
        // Of who has told its own start nothing is said; a busy host may be late with it.
        let (run, _) = try harness.submit(["sleep", "0.1"])
        var event = try harness.nextOfAll()
        if case .handedOver(run, _) = event { event = try harness.nextOfAll() }
        guard case .started(run, _, _) = event, case .finished(run, _) = try harness.nextOfAll() else {
            throw HarnessError.unexpected("not a start and an end")
        }
    }
}
