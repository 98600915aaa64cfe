import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// What becomes of sandboxes that wait when something happens to them, and what a run gets that uses one.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct WarmFaultTests {
    private func ready(
        _ policy: CompiledPolicy = .testing(name: "default"), warm: UInt32 = 4
    ) throws -> LauncherHarness {
        let harness = try LauncherHarness.ready(policy, warm: warm)
        try waitForPool(harness)
        return harness
    }

    private func waitForPool(_ harness: LauncherHarness, count: Int = 1) throws {
        for _ in 0..<2000 {
            if try harness.pool().waiting.reduce(0, { $0 + Int($1.count) }) >= count { return }
            usleep(5000)
        }
        throw HarnessError.unexpected("nothing is made ahead")
    }

    /// Children of the launcher by their name.
    private func children(_ harness: LauncherHarness, _ name: String) throws -> [Int32] {
        try wholeFile("/proc/\(harness.pid)/task/\(harness.pid)/children").split(separator: " ").compactMap {
            Int32($0)
        }
        // One may end meanwhile.
        .filter { (try? wholeFile("/proc/\($0)/comm"))?.hasPrefix(name) == true }
    }

    @Test func `one that died while it waited costs its run only time`() throws {
        let harness = try ready(warm: 2)
        let waiting = try children(harness, "sandbox-init")
        for pid in waiting { kill(pid, SIGKILL) }
        // One that is killed in the moment of its use takes its run along, as any run's pid 1 does.
        for _ in 0..<2000 where try !Set(children(harness, "sandbox-init")).isDisjoint(with: waiting) { usleep(1000) }
        for _ in 0..<3 {
            let finished = try harness.run(["echo", "lives"], policy: "default")
            #expect(finished.report?.ending == .exited(0) && finished.output == "lives\n")
        }
        try waitForPool(harness)
    }

    @Test func `without the preparer every sandbox is made for its run`() throws {
        let harness = try ready(warm: 2)
        let preparer = try #require(try children(harness, "sandbox-launch").first)
        kill(preparer, SIGKILL)
        for _ in 0..<4 {
            #expect(try harness.run(["true"], policy: "default").report?.ending == .exited(0))
        }
        #expect(try children(harness, "sandbox-launch").isEmpty)
        #expect(try harness.pool().capacity == 0)
        // And some time later there is another one.
        try waitForPool(harness)
        let next = try #require(try children(harness, "sandbox-launch").first)
        #expect(next != preparer)
        #expect(try harness.run(["true"], policy: "default").report?.ending == .exited(0))
    }

    /// What it was at is nobody's: it must not stay, neither as a process nor as a group nor as an identity.
    @Test func `a preparer that dies at its work leaves nothing`() throws {
        let harness = try ready(warm: 8)
        for turn in 0..<2 {
            for _ in 0..<20 { _ = try harness.run(["true"], policy: "default") }
            let preparer = try #require(try children(harness, "sandbox-launch").first)
            usleep(UInt32(turn) * 700)
            kill(preparer, SIGKILL)
            for _ in 0..<400 where try harness.pool().capacity != 0 { usleep(5000) }
            let waiting = try harness.pool().waiting.reduce(0) { $0 + Int($1.count) }
            #expect(try children(harness, "sandbox-init").count <= waiting)
            for _ in 0..<2000 where try harness.pool().capacity == 0 { usleep(5000) }
            try waitForPool(harness)
        }
    }

    @Test func `more sandboxes than there are descriptors for are refused, and nothing else suffers`() throws {
        // 512 for itself, and 16 for each.
        let harness = try LauncherHarness.ready(prefix: ["/bin/sh", "-c", "ulimit -n 550; exec \"$0\""])
        let first = try harness.begin(["sh", "-c", "echo up; exec sleep 60"])
        try first.wait(for: "up\n")
        let second = try harness.begin(["sh", "-c", "echo up; exec sleep 60"])
        try second.wait(for: "up\n")
        for _ in 1...3 {
            let refused = try harness.run(["true"])
            #expect(refused.failure?.stage == .slots && refused.failure?.errno == 0, "\(refused)")
            #expect(refused.failure?.subject.contains("2 sandboxes are alive") == true, "\(refused)")
        }
        try harness.send(.kill(run: first.run))
        while true { if case .finished(first.run, _) = try harness.next() { break } }
        var isServed = false
        for _ in 0..<1000 where !isServed {
            isServed = try harness.run(["true"]).report?.ending == .exited(0)
            usleep(2000)
        }
        #expect(isServed)
    }

    @Test(arguments: [0, 2] as [UInt32])
    func `a host without memory ends sandboxes first, whoever made them`(_ warm: UInt32) throws {
        let harness = try warm > 0 ? ready(warm: warm) : LauncherHarness.ready(.testing(name: "default"))
        for _ in 1...2 {
            let script =
                "cat /proc/self/oom_score_adj; echo 0 > /proc/self/oom_score_adj || cat /proc/self/oom_score_adj"
            let run = try harness.run(["sh", "-c", script + " 2>&1"], policy: "default")
            #expect(run.output.hasPrefix("500\n") && run.output.hasSuffix("500\n"), "\(run.output)")
        }
    }

    @Test func `a stopped preparer holds nobody up`() throws {
        let harness = try ready(warm: 1)
        let preparer = try #require(try children(harness, "sandbox-launch").first)
        kill(preparer, SIGSTOP)
        for _ in 0..<4 {
            #expect(try harness.run(["true"], policy: "default").report?.ending == .exited(0))
        }
        kill(preparer, SIGCONT)
        try waitForPool(harness)
    }

    private func networks(_ pid: Int32) throws -> Int {
        let descriptors = try Directory("/proc/\(pid)/fd").entries()
        return Set(descriptors.compactMap { readlinkText("/proc/\(pid)/fd/\($0)") }.filter { $0.hasPrefix("net:") })
            .count
    }

    private func readlinkText(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        let count = readlink(path, &buffer, 255)
        return count > 0 ? String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
    }

    /// More is left to be cleared away than the launcher keeps for it: nothing of what it made may stay with it.
    @Test func `a preparer that was behind gets back everything that it made`() throws {
        let harness = try LauncherHarness.ready(.testing(), warm: 4)
        // From now on this policy has places.
        #expect(try harness.run(["true"]).report?.ending == .exited(0))
        try waitForPool(harness)
        let preparer = try #require(try children(harness, "sandbox-launch").first)
        var sleepers: [RunningCommand] = []
        for _ in 0..<40 { sleepers.append(try harness.begin(["sleep", "60"])) }
        kill(preparer, SIGSTOP)
        for _ in 0..<640 { #expect(try harness.run(["true"]).report?.ending == .exited(0)) }
        for sleeper in sleepers { _ = try sleeper.kill() }
        kill(preparer, SIGCONT)
        // Those that wait, that are made, and that are kept for others.
        let most = 4 + 3 + 16 + 1
        for _ in 0..<400 where try networks(preparer) > most { usleep(10000) }
        #expect(try networks(preparer) <= most)
    }

    @Test func `a run that is ended while it waits for its sandbox never begins`() throws {
        var waited: Set<Int> = []
        let ends = [LauncherCommand.kill, LauncherCommand.stop, { _ in .dismiss(client: 1) }]
        for (index, end) in (ends + ends).enumerated() {
            let harness = try ready(warm: 1)
            let preparer = try #require(try children(harness, "sandbox-launch").first)
            kill(preparer, SIGSTOP)
            defer { kill(preparer, SIGCONT) }
            // This takes the one that waited.
            #expect(try harness.run(["true"], policy: "default").report?.ending == .exited(0))
            let (run, output) = try harness.submit(["echo", "began"], policy: "default")
            try harness.send(end(run))
            if case .failed(run, _) = try harness.next() {
                waited.insert(index % ends.count)
                #expect(output.rest() == "")
                kill(preparer, SIGCONT)
                try waitForPool(harness)
            }
            // Else this process was so slow that nobody waited for the preparer any more, and the run began.
        }
        #expect(waited.count == ends.count)
    }

    @Test func `the limits are the request's, not those that it was made with`() throws {
        let harness = try ready()
        var limits = LaunchLimits.testing
        limits.memoryBytes = 64 << 20
        limits.processes = 5
        limits.cpuMillicores = 500
        let script = "x = bytearray(100 << 20); print('allocated')"
        let large = try harness.run(["python3", "-ISc", script], limits: limits, policy: "default")
        #expect(large.report?.usage.memoryKills ?? 0 > 0 && !large.output.contains("allocated"), "\(large)")
        try waitForPool(harness)
        let forks = try harness.run(
            ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait"], limits: limits, policy: "default")
        #expect(forks.report?.usage.forksRefused ?? 0 > 0)
        #expect(forks.report?.usage.processesPeak ?? 9 <= 5)
    }

    @Test func `a hidden path that the host has replaced is hidden in those that wait`() throws {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o755)
        try directory.write("secret", "first")
        var policy = CompiledPolicy.testing(name: "default")
        policy.readPaths.append(directory.path)
        policy.hidePaths = ["\(directory.path)/secret", "\(directory.path)/later"]
        let harness = try ready(policy)
        for (name, text) in [("secret", "second"), ("later", "third")] {
            try waitForPool(harness, count: 2)
            try directory.write("new", text)
            #expect(rename("\(directory.path)/new", "\(directory.path)/\(name)") == 0)
            for _ in 0..<4 {
                let output = try harness.run(["cat", "\(directory.path)/\(name)"], policy: "default").output
                #expect(!output.contains(text), "\(output)")
            }
        }
    }

    /// A run whose sandbox is made for it (it has a rate) finds the news first: those that wait are given up all the same.
    @Test func `a hidden path stays hidden whichever run finds it replaced`() throws {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o755)
        try directory.write("secret", "first")
        var policy = CompiledPolicy.testing(name: "default")
        policy.readPaths.append(directory.path)
        policy.hidePaths = ["\(directory.path)/secret"]
        let harness = try ready(policy)
        guard harness.resources.features.contains(.readRate) else { return }
        try waitForPool(harness, count: 2)
        try directory.write("new", "second")
        #expect(rename("\(directory.path)/new", "\(directory.path)/secret") == 0)
        var rated = LaunchLimits.testing
        rated.readBytesPerSecond = 1 << 30
        for limits in [rated, .testing, .testing, .testing] {
            let output = try harness.run(["cat", "\(directory.path)/secret"], limits: limits, policy: "default").output
            #expect(!output.contains("second"), "\(output)")
        }
    }

    /// Each is used once: what one run leaves in /tmp, its workspace and /dev/shm no other finds.
    @Test func `nothing of a run is in the next one`() throws {
        let harness = try ready()
        let script = "ls -A /tmp /dev/shm . | grep -c left; touch /tmp/left /dev/shm/left left"
        for _ in 0..<10 {
            let output = try harness.run(["sh", "-c", script], policy: "default").output
            #expect(output == "0\n", "\(output)")
        }
    }
}
