import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// Each limit exactly: what is within it works, and the next step does not.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct LimitBoundaryTests {
    private static let mebibyte: UInt64 = 1 << 20

    @Test(.nativeOnly("it looks for groups below the launcher's own"))
    func `the kernel is told every limit as it was asked for`() throws {
        var policy = CompiledPolicy.testing()
        policy.maximum.swapBytes = 64 << 20
        let harness = try LauncherHarness.ready(policy)
        var limits = policy.maximum
        limits.memoryBytes = 96 << 20
        limits.swapBytes = 8 << 20
        limits.processes = 17
        limits.cpuMillicores = 300
        let running = try harness.begin(["sleep", "60"], limits: limits)
        let group = try GroupFiles(of: harness.initProcess())
        let version = harness.resources.version
        func file(_ controller: String, _ name: String) -> String {
            group.read(controller, name, version: version)
        }
        // pid 1 is one more.
        #expect(file("pids", "pids.max") == "18")
        if version == 2 {
            #expect(file("", "memory.max") == "\(96 << 20)")
            #expect(file("", "cpu.max") == "30000 100000")
            #expect(file("", "memory.oom.group") == "1")
            if harness.resources.features.contains(.swap) { #expect(file("", "memory.swap.max") == "\(8 << 20)") }
        } else {
            #expect(file("memory", "memory.limit_in_bytes") == "\(96 << 20)")
            #expect(file("cpu", "cpu.cfs_quota_us") == "30000")
            #expect(file("cpu", "cpu.cfs_period_us") == "100000")
            if harness.resources.features.contains(.swap) {
                #expect(file("memory", "memory.memsw.limit_in_bytes") == "\(104 << 20)")
            }
        }
        _ = try running.kill()
    }

    @Test func `the smallest share of CPU time is a share of a longer time`() throws {
        let hierarchy = try #require(try ControlGroupDetection.claim(name: "sandboxd-test-\(getpid())"))
        defer { hierarchy.removeAll() }
        for (share, quota, period) in [(1, 1000, 1_000_000), (9, 9000, 1_000_000), (10, 1000, 100_000)] {
            var limits = LaunchLimits.testing
            limits.cpuMillicores = UInt32(share)
            let group = try hierarchy.create("share", limits: limits, rates: [])
            let process = try SleepingChild()
            try group.attach(process.pid)
            let files = try GroupFiles(of: process.pid)
            process.end()
            if hierarchy.resources.version == 2 {
                #expect(files.read("", "cpu.max", version: 2) == "\(quota) \(period)")
            } else {
                #expect(files.read("cpu", "cpu.cfs_quota_us", version: 1) == "\(quota)")
                #expect(files.read("cpu", "cpu.cfs_period_us", version: 1) == "\(period)")
            }
            #expect(group.remove())
        }
    }

    @Test func `the last process is allowed and the next is refused`() throws {
        let script = """
            use POSIX; $| = 1; my $n = 1;
            while ($n < 50) { my $p = fork; last unless defined $p; if (!$p) { sleep 20; POSIX::_exit(0) } $n++ }
            print "$n\\n";
            """
        let harness = try LauncherHarness.ready()
        for count: UInt32 in [1, 2, 10] {
            var limits = LaunchLimits.testing
            limits.processes = count
            let finished = try harness.run(["perl", "-e", script], limits: limits)
            #expect(finished.output == "\(count)\n")
            let usage = try #require(finished.report?.usage)
            #expect(usage.forksRefused == 1)
            // In an engine's group its own runtime has been counted.
            if Backend.current == .native, harness.resources.features.contains(.processesPeak) {
                #expect(usage.processesPeak == UInt64(count))
            }
        }
    }

    @Test func `memory: 100 MiB fit and are measured, more than the limit does not`() throws {
        let harness = try LauncherHarness.ready()
        let script = "import sys; x = bytearray(int(sys.argv[1]) << 20); print(len(x) >> 20)"
        var limits = LaunchLimits.testing
        limits.memoryBytes = 128 << 20
        let fits = try harness.run(["python3", "-c", script, "100"], limits: limits)
        #expect(fits.output == "100\n")
        let peak = try #require(fits.report?.usage.memoryPeakBytes)
        #expect((100 << 20...115 << 20).contains(peak), "\(peak)")
        #expect(fits.report?.usage.memoryKills == 0)
        let exceeds = try harness.run(["python3", "-c", script, "130"], limits: limits)
        #expect(exceeds.output == "")
        let usage = try #require(exceeds.report?.usage)
        #expect(usage.memoryKills > 0)
        #expect(usage.memoryPeakBytes ?? 0 > 120 << 20 && usage.memoryPeakBytes ?? 0 <= limits.memoryBytes)
    }

    @Test(.needs(.swap)) func `swap: as much beside memory as was asked for, and none by default`() throws {
        var policy = CompiledPolicy.testing()
        policy.maximum.swapBytes = 64 << 20
        let harness = try LauncherHarness.ready(policy)
        let script = """
            import sys
            x = bytearray(b'x') * (96 << 20); print('allocated', flush=True); sys.stdin.read()
            """
        var limits = policy.maximum
        limits.memoryBytes = 64 << 20
        let running = try harness.begin(["sh", "-c", "sleep 3 | python3 -c \"$0\"", script], limits: limits)
        try running.wait(for: "allocated\n")
        let usage = try running.usage()
        #expect(usage.swapBytes ?? 0 > 20 << 20 && usage.swapBytes ?? .max <= 64 << 20, "\(usage)")
        let report = try running.end()
        #expect(report.ending == .exited(0) && report.usage.memoryKills == 0)
        for swap: UInt64 in [0, 8 << 20] {
            limits.swapBytes = swap
            let killed = try harness.run(["sh", "-c", "python3 -c \"$0\" < /dev/null", script], limits: limits)
            #expect(killed.report?.usage.memoryKills ?? 0 > 0, "\(swap)")
        }
    }

    @Test func `a kill for memory is counted also when the command ends right after it`() throws {
        let harness = try LauncherHarness.ready()
        var limits = LaunchLimits.testing
        limits.memoryBytes = 32 << 20
        for round in 0..<15 {
            let finished = try harness.run(
                ["sh", "-c", "perl -e '$x = q(x) x (80 << 20)'; exit 0"], limits: limits)
            #expect(finished.report?.usage.memoryKills ?? 0 > 0, "round \(round): \(finished.events)")
        }
    }

    /// A process that is killed for memory among 40 that are busy: each for some seconds, wherever this runs.
    @Test func `a kill for memory ends a busy tree`() throws {
        var limits = LaunchLimits.testing
        limits.memoryBytes = 64 << 20
        let script = """
            for i in $(seq 40); do sh -c 'n=0; while [ $n -lt 20000000 ]; do n=$((n+1)); done' & done
            sleep 0.3; echo full; perl -e '$x = q(x) x (100 << 20)'; sleep 30
            """
        let running = try LauncherHarness.ready().begin(["sh", "-c", script], limits: limits)
        try running.wait(for: "full\n")
        let begin = monotonicNanoseconds()
        let report = try running.end()
        print("kill for memory: busy tree: \((monotonicNanoseconds() - begin) / 1_000_000) ms")
        // It did not end by itself.
        #expect(report.usage.memoryKills > 0 && report.ending == .killed)
    }

    @Test(.nativeOnly("the image's perl has no Time::HiRes"))
    func `CPU time: one second is one second, by one process or by many short ones`() throws {
        let harness = try LauncherHarness.ready()
        var output = ""
        func processorTime(_ argv: [String]) throws -> Double {
            let finished = try harness.run(argv)
            output = finished.output
            let usage = try #require(finished.report?.usage)
            return Double((usage.userMicroseconds ?? 0) + (usage.systemMicroseconds ?? 0)) / 1e6
        }
        // What the process says of itself must be in it, and besides only what it takes to start and to end.
        let spin = "use Time::HiRes qw(clock); 1 while clock() < $ARGV[0]; print clock()"
        let start = try processorTime(["perl", "-e", spin, "0"]) - (Double(output) ?? 0)
        let second = try processorTime(["perl", "-e", spin, "1"])
        let own = try #require(Double(output))
        print("CPU time: \(own) s measured as \(second) s, of which \(start) s may be to start and end")
        #expect(own >= 1 && (own - 0.05...own + 2 * max(0, start) + 0.05).contains(second))
        // Each shorter than a tick of the timer.
        let one = try processorTime(["perl", "-e", "for (1..60) { $n = 0; $n++ while $n < 30000 }"])
        let many = try processorTime([
            "sh", "-c", "i=0; while [ $i -lt 60 ]; do perl -e '$n++ while $n < 30000'; i=$((i+1)); done",
        ])
        print("CPU time: 60 parts in one process \(one) s, in 60 processes \(many) s")
        #expect(one > 0.01 && many > one * 0.9, "\(one) \(many)")
    }

    @Test func `CPU time of one process`() throws {
        var limits = LaunchLimits.testing
        limits.cpuSeconds = 1
        let finished = try LauncherHarness.ready().run(
            ["perl", "-e", "$end = time + 20; 1 while time < $end"], limits: limits)
        #expect(finished.report?.ending == .signaled(SIGKILL))
    }

    @Test func `open files and file size`() throws {
        var limits = LaunchLimits.testing
        limits.openFiles = 20
        limits.fileSizeBytes = 10_000
        let script = """
            import os, errno
            n = 3
            try:
                while n < 100: os.open('/dev/null', 0); n += 1
            except OSError as e: print(n, errno.errorcode[e.errno], flush=True)
            os.closerange(3, 20)
            f = os.open('/tmp/f', os.O_WRONLY | os.O_CREAT)
            print(os.write(f, bytes(10000)), flush=True)
            os.write(f, b'x')
            """
        let finished = try LauncherHarness.ready().run(["python3", "-S", "-c", script], limits: limits)
        // Python ignores SIGXFSZ, so that the error is seen.
        #expect(finished.output.hasPrefix("20 EMFILE\n10000\n") && finished.output.contains("Errno 27"))
        let plain = try LauncherHarness.ready().run(
            ["dd", "if=/dev/zero", "of=/tmp/f", "bs=10001", "count=1", "status=none"],
            limits: limits)
        // The part that fits is written, the rest is the signal.
        #expect(plain.report?.ending == .signaled(SIGXFSZ), "\(plain.output)")
    }
}

/// What one run uses is not the next one's.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct FreshGroupTests {
    @Test func `every counter begins at zero in every run`() throws {
        let harness = try LauncherHarness.ready()
        let hog = """
            import os, time
            x = bytearray(120 << 20)
            end = time.time() + 10
            while time.process_time() < 0.5 and time.time() < end: pass
            n = 0
            while n < 100:
                try:
                    if os.fork() == 0: time.sleep(20); os._exit(0)
                    n += 1
                except OSError: break
            """
        var limits = LaunchLimits.testing
        limits.processes = 30
        for _ in 0..<3 {
            let heavy = try #require(try harness.run(["python3", "-c", hog], limits: limits).report?.usage)
            #expect(heavy.memoryPeakBytes ?? 0 > 100 << 20)
            #expect(heavy.forksRefused > 0)
            var small = limits
            small.memoryBytes = 32 << 20
            let killed = try harness.run(["perl", "-e", "$x = q(x) x (80 << 20)"], limits: small)
            #expect(killed.report?.usage.memoryKills ?? 0 > 0)
            let light = try #require(try harness.run(["true"], limits: limits).report?.usage)
            #expect(light.memoryPeakBytes ?? .max < 20 << 20)
            func processorTime(_ usage: TreeUsage) -> UInt64 {
                (usage.userMicroseconds ?? 0) + (usage.systemMicroseconds ?? 0)
            }
            #expect(processorTime(light) > 0 && processorTime(light) < processorTime(heavy))
            #expect(light.forksRefused == 0 && light.memoryKills == 0)
            if harness.resources.features.contains(.processesPeak) { #expect(light.processesPeak == 1) }
            #expect(light.readBytes ?? 0 < 10 << 20)
        }
    }

    @Test func `what is used now is told while it is used, and the group is gone afterwards`() throws {
        let harness = try LauncherHarness.ready()
        let script = "x = bytearray(50 << 20); import os, time; os.fork(); print('ready', flush=True); time.sleep(30)"
        let running = try harness.begin(["python3", "-c", script])
        try running.wait(for: "ready\nready\n")
        let group = try GroupFiles(of: harness.initProcess())
        let directories = group.all.filter { $0.contains("/run-") }
        #expect(directories.count >= (harness.resources.version == 2 ? 1 : 3))
        let usage = try running.usage()
        #expect(usage.processes == 2)
        #expect((50 << 20..<120 << 20).contains(usage.memoryBytes ?? 0), "\(usage)")
        #expect(usage.memoryPeakBytes ?? 0 >= usage.memoryBytes ?? .max)
        // How it is divided, v1 only knows by ticks.
        #expect(usage.throttledMicroseconds != nil)
        #expect((usage.userMicroseconds ?? 0) + (usage.systemMicroseconds ?? 0) > 0)
        let features = harness.resources.features
        #expect((usage.swapBytes != nil) == features.contains(.swap))
        #expect((usage.readBytes != nil) == features.contains(.inputOutputUsage))
        #expect((usage.writeBytes != nil) == features.contains(.inputOutputUsage))
        #expect((usage.cpuStallMicroseconds != nil) == features.contains(.pressure))
        #expect((usage.memoryStallMicroseconds != nil) == features.contains(.pressure))
        #expect((usage.ioStallMicroseconds != nil) == features.contains(.pressure))
        _ = try running.kill()
        // The end is told first.
        var left = directories
        for _ in 0..<200 where !left.isEmpty {
            usleep(10_000)
            left.removeAll { access($0, F_OK) != 0 }
        }
        #expect(left.isEmpty)
    }

    @Test func `a group that was left under the same name is not used again`() throws {
        let name = "sandboxd-test-\(getpid())"
        let hierarchy = try #require(try ControlGroupDetection.claim(name: name))
        defer { hierarchy.removeAll() }
        let first = try hierarchy.create("run", limits: .testing, rates: [])
        // Somebody is still in the first one.
        let process = try SleepingChild()
        try first.attach(process.pid)
        let before = try GroupFiles(of: process.pid).all.filter { $0.contains(name) }
        let second = try hierarchy.create("run", limits: .testing, rates: [])
        try second.attach(process.pid)
        let after = try GroupFiles(of: process.pid).all.filter { $0.contains(name) }
        #expect(before.allSatisfy { $0.hasSuffix("/run") } && after.allSatisfy { $0.hasSuffix("/run.1") }, "\(after)")
        // Empty now, and made anew: what the process has used is counted elsewhere.
        let third = try hierarchy.create("run", limits: .testing, rates: [])
        #expect(third.usage(ended: true).userMicroseconds == 0 && third.usage(ended: true).systemMicroseconds == 0)
        try third.attach(process.pid)
        #expect(try GroupFiles(of: process.pid).all.contains { $0.hasSuffix("\(name)/run") })
        process.end()
        #expect(second.remove() && third.remove())
    }
}
