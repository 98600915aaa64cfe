import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// Sizes of file systems in memory: what is promised is what there is, and what is full is told.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct SizeTests {
    /// /tmp of 2 MiB where the policy has 16, and a workspace of 1 MiB and 50 inodes.
    private var limits: LaunchLimits {
        var limits = LaunchLimits.testing
        limits.tmpBytes = 2 << 20
        limits.workspaceBytes = 1 << 20
        limits.workspaceInodes = 50
        return limits
    }

    @Test func `a byte more than the promised size is ENOSPC, and that is told`() throws {
        let script = """
            for d in /tmp /dev/shm .; do
                dd if=/dev/zero of=$d/f bs=4096 2>&1 | grep -o 'No space left on device'; stat -c %s $d/f
            done
            """
        let finished = try LauncherHarness.ready().run(["sh", "-c", script], limits: limits)
        let full = "No space left on device\n"
        #expect(finished.output == "\(full)\(2 << 20)\n\(full)\(4 << 20)\n\(full)\(1 << 20)\n", "\(finished.events)")
        #expect(finished.report?.fullSpaces == [.tmp, .shm, .workspace])
    }

    @Test func `what is nearly full, or was full, is not told`() throws {
        // All but one page of each.
        let nearly = """
            dd if=/dev/zero of=/tmp/f bs=4096 count=511 status=none
            dd if=/dev/zero of=/dev/shm/f bs=4096 count=1023 status=none
            dd if=/dev/zero of=f bs=4096 count=255 status=none
            """
        let harness = try LauncherHarness.ready()
        let first = try harness.run(["sh", "-c", nearly], limits: limits)
        #expect(first.output == "" && first.report?.fullSpaces == [])
        let was = try harness.run(["sh", "-c", "dd if=/dev/zero of=f bs=4096 2>/dev/null; rm f"], limits: limits)
        #expect(was.report?.fullSpaces == [])
        // Whoever was killed told nothing.
        let running = try harness.begin(
            ["sh", "-c", "dd if=/dev/zero of=f bs=4096 2>/dev/null; echo full; sleep 60"], limits: limits)
        try running.wait(for: "full\n")
        #expect(try running.kill().report.fullSpaces == [])
    }

    @Test func `the promised number of inodes, of which a directory itself is one`() throws {
        let script = """
            for my $d (@ARGV) {
                my $n = 0;
                while ($n < 5000 && open(my $f, ">", "$d/$n")) { $n++ }
                print "$n ", $! + 0, "\\n";
            }
            """
        let finished = try LauncherHarness.ready().run(["perl", "-e", script, ".", "/tmp"], limits: limits)
        #expect(finished.output == "49 \(ENOSPC)\n1023 \(ENOSPC)\n")
        #expect(finished.report?.fullSpaces == [.workspaceInodes, .tmpInodes])
        let almost = try LauncherHarness.ready().run(
            ["sh", "-c", "i=0; while [ $i -lt 48 ]; do : > $i; i=$((i+1)); done"], limits: limits)
        #expect(almost.report?.fullSpaces == [] && almost.output == "")
    }

    @Test func `without a promise the workspace is as large as this run's tmp`() throws {
        let harness = try LauncherHarness.ready()
        let script = "stat -f -c '%b %c' /tmp . /dev/shm"
        let blocks = { (bytes: Int) in "\(bytes / 4096) \(max(1024, bytes / 4096))\n" }
        let usual = try harness.run(["sh", "-c", script])
        #expect(usual.output == blocks(16 << 20) + blocks(16 << 20) + blocks(4 << 20))
        var limits = LaunchLimits.testing
        limits.tmpBytes = 8 << 20
        let smaller = try harness.run(["sh", "-c", script], limits: limits)
        #expect(smaller.output == blocks(8 << 20) + blocks(8 << 20) + blocks(4 << 20))
    }

    @Test func `the command changes no size`() throws {
        let script = """
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            def answer(result): print(result, ctypes.get_errno() if result < 0 else 0)
            for path in (b'/tmp', b'/dev/shm', b'/sandbox/workspace'):
                # MS_REMOUNT; MS_REMOUNT and MS_BIND; fspick(2); mount_setattr(2)
                answer(libc.mount(None, path, None, 32, b'size=1g'))
                answer(libc.mount(None, path, None, 32 | 4096, None))
                answer(libc.syscall(433, -100, path, 0))
                answer(libc.syscall(442, -100, path, 0, bytes(32), 32))
                answer(libc.umount2(path, 2))
            print([os.statvfs(path).f_blocks for path in ('/tmp', '/dev/shm', '.')])
            """
        let finished = try LauncherHarness.ready().run(["python3", "-c", script], limits: limits)
        let refused = String(repeating: "-1 \(EPERM)\n", count: 15)
        #expect(finished.output == "\(refused)[512, 1024, 256]\n", "\(finished.output)")
    }

    @Test func `nothing of it makes a written file executable`() throws {
        var policy = CompiledPolicy.testing()
        policy.executeWritten = false
        let script =
            "for d in /tmp .; do cp /bin/true $d/t; $d/t 2>/dev/null; echo $?; done; grep -c noexec /proc/mounts"
        let finished = try LauncherHarness.ready(policy).run(["sh", "-c", script], limits: limits)
        #expect(finished.output.hasPrefix("126\n126\n"), "\(finished.output)")
    }

    @Test func `sizes that are wider, nothing, or more than there can be are refused`() throws {
        let daemon = try HostileDaemon()
        let changes: [(inout LaunchLimits) -> Void] = [
            { $0.tmpBytes = 0 }, { $0.tmpBytes = (16 << 20) + 1 }, { $0.tmpBytes = .max },
            { $0.workspaceBytes = 0 }, { $0.workspaceInodes = 0 },
            { $0.workspaceBytes = .max }, { $0.workspaceBytes = (1 << 60) + 1 },
            { $0.workspaceInodes = .max }, { $0.workspaceInodes = (1 << 50) + 1 },
            // In memory it is no larger than the policy's /tmp where the policy says nothing of it.
            { $0.workspaceBytes = (16 << 20) + 1 }, { $0.workspaceInodes = 4097 },
            { $0.swapBytes = 1 }, { $0.swapBytes = .max },
            { $0.readBytesPerSecond = 0 }, { $0.writeBytesPerSecond = 0 },
        ]
        for (index, change) in changes.enumerated() {
            #expect(try daemon.stage(daemon.request { change(&$0.limits) }) == .refused, "change \(index)")
        }
        let most = daemon.request {
            $0.limits.tmpBytes = 16 << 20
            $0.limits.workspaceBytes = 16 << 20
            $0.limits.workspaceInodes = 4096
        }
        #expect(try daemon.stage(most) == nil)
        // The smallest ones are sizes, not "no limit".
        var least = LaunchLimits.testing
        least.tmpBytes = 1
        least.workspaceBytes = 1
        least.workspaceInodes = 1
        let seen = try daemon.harness.run(["stat", "-f", "-c", "%b %c", "/tmp", "."], limits: least)
        #expect(seen.output == "1 1024\n1 1\n")
        #expect(try daemon.isUnimpressed())
    }

    @Test func `a policy with a size that there cannot be is refused`() throws {
        let harness = try LauncherHarness()
        let changes: [(inout CompiledPolicy) -> Void] = [
            { $0.tmpBytes = 0 }, { $0.tmpBytes = (1 << 60) + 1 }, { $0.shmBytes = .max },
            { $0.maximum.workspaceBytes = .max }, { $0.maximum.workspaceInodes = 1 << 51 },
        ]
        for (index, change) in changes.enumerated() {
            var policy = CompiledPolicy.testing(name: "p\(index)")
            change(&policy)
            try harness.send(.policy(policy))
            guard case .policyRefused(_, let failure) = try harness.next() else {
                throw HarnessError.unexpected("policy \(index) was taken")
            }
            #expect(failure.stage == .refused)
        }
    }
}
