import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// A promised size of a caller's own directory, which only its file system can keep.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct WorkspacePromiseTests {
    private let directory = TemporaryDirectory()

    @Test func `a directory without a quota is refused by name`() throws {
        let harness = try LauncherHarness.ready()
        let changes: [(inout LaunchLimits) -> Void] = [
            { $0.workspaceBytes = 1 << 20 }, { $0.workspaceInodes = 100 },
        ]
        for change in changes {
            var limits = LaunchLimits.testing
            change(&limits)
            let failure = try harness.run(["true"], workspace: directory.path, limits: limits).failure
            #expect(failure?.stage == .workspaceQuota)
            let reasons = [
                "on a file system where no quota of projects is in force", "in no project that its files inherit",
            ]
            #expect(reasons.contains(failure?.subject ?? ""), "\(String(describing: failure))")
            // In memory it has the size.
            #expect(try harness.run(["true"], limits: limits).report?.ending == .exited(0))
        }
        #expect(try harness.run(["true"], workspace: directory.path).report?.ending == .exited(0))
    }

    @Test func `neither a run nor a refusal leaves a descriptor or a group behind`() throws {
        let harness = try LauncherHarness.ready()
        var promised = LaunchLimits.testing
        promised.workspaceBytes = 1 << 20
        var rated = LaunchLimits.testing
        rated.readBytesPerSecond = 1 << 30
        func round() throws {
            for limits in [.testing, promised, rated] {
                _ = try harness.run(["true"], workspace: directory.path, limits: limits)
                _ = try harness.run(["true"], limits: limits)
            }
        }
        func held() throws -> Int {
            // The last run's are closed after its end was told; what answers this comes after that.
            _ = try harness.run(["true"], policy: "none")
            usleep(5000)
            return try Directory("/proc/\(harness.pid)/fd").entries().count
        }
        // The first open what is kept: an id map for each identity, of which one more is in use while the last run's sandbox is
        // torn down behind its answer.
        for _ in 0..<5 { try round() }
        let before = try held()
        for _ in 0..<10 { try round() }
        var after = try held()
        // A few more are in use while several sandboxes are torn down; one of each run of a kind would be ten.
        for _ in 0..<100 where after > before { after = try held() }
        #expect(after <= before + 6)
        let running = try harness.begin(["sleep", "20"])
        let groups = try GroupFiles(of: harness.initProcess()).all.filter { $0.contains("/run-") }
        for group in groups {
            let home = try Directory(String(group[..<group.lastIndex(of: "/")!]))
            #expect(try home.entries().filter { $0.hasPrefix("run-") }.count == 1, "\(home.path)")
        }
        _ = try running.kill()
    }

    @Test func `a directory that is only read needs none`() throws {
        var policy = CompiledPolicy.testing()
        policy.workspaceMode = .read
        policy.maximum.workspaceBytes = 1 << 20
        let finished = try LauncherHarness.ready(policy).run(
            ["true"], workspace: directory.path, limits: policy.maximum)
        #expect(finished.report?.ending == .exited(0))
    }
}

/// The same on a file system that has quotas: ext4 in a file, mounted where only the launcher sees it.
@Suite(.needs(.root), .needs(.cgroup), .needs(.projectQuota), .serialized)
struct WorkspaceQuotaTests {
    private let directory = TemporaryDirectory()

    /// Directories: `kept` in project 42 with 8 MiB and 100 inodes; `bare` in no project; `lone` in project 43, which is not
    /// inherited; `free` in project 44, which has no limits.
    private func launcher() throws -> LauncherHarness {
        let script = """
            set -e; PATH=/usr/sbin:/usr/bin:/sbin:/bin
            cd \(directory.path)
            truncate -s 64M image; mkfs.ext4 -q -O quota,project -E quotatype=prjquota image
            mkdir on; mount -o loop,prjquota image on; cd on
            mkdir kept bare lone free
            chattr +P -p 42 kept; chattr -p 43 lone; chattr +P -p 44 free
            perl -e 'open(my $d, "<", "."); my $b = pack("Q8L2", 8192, 0, 0, 100, 0, 0, 0, 0, 5, 0);
                syscall(443, fileno($d), 0x80000802, 42, $b) == 0 or die "setquota: $!"'
            cd /; exec "$0"
            """
        // exec "$0" replaces the shell; the mount goes with the namespace.
        return try LauncherHarness.ready(
            prefix: ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script])
    }

    @Test func `a size is promised where the project's limits are as low`() throws {
        let harness = try launcher()
        func run(_ name: String, _ argv: [String] = ["true"], bytes: UInt64? = nil, inodes: UInt64? = nil) throws
            -> LauncherHarness.Finished
        {
            var limits = LaunchLimits.testing
            limits.workspaceBytes = bytes
            limits.workspaceInodes = inodes
            return try harness.run(argv, workspace: "\(directory.path)/on/\(name)", limits: limits)
        }
        func refusal(_ name: String, bytes: UInt64? = nil, inodes: UInt64? = nil) throws -> String? {
            let failure = try run(name, bytes: bytes, inodes: inodes).failure
            #expect(failure?.stage == .workspaceQuota)
            return failure?.subject
        }
        #expect(try refusal("bare", bytes: 8 << 20) == "in no project that its files inherit")
        #expect(try refusal("lone", bytes: 8 << 20) == "in no project that its files inherit")
        #expect(try refusal("free", bytes: 8 << 20) == "in project 44, which has no hard limit on bytes")
        #expect(try refusal("free", inodes: 5) == "in project 44, which has no hard limit on inodes")
        let wide = "in project 42, which may use \(8 << 20) bytes, not \((8 << 20) - 1)"
        #expect(try refusal("kept", bytes: (8 << 20) - 1) == wide)
        #expect(try refusal("kept", inodes: 99) == "in project 42, which may use 100 inodes, not 99")
        let promised = try run("kept", bytes: 8 << 20, inodes: 100)
        #expect(promised.report?.ending == .exited(0) && promised.report?.fullSpaces == [], "\(promised.events)")
        // To the last block.
        let filled = try run(
            "kept", ["sh", "-c", "dd if=/dev/zero of=f bs=4096 2>&1 | tail -n +1 | head -n 1; stat -c %s f"],
            bytes: 8 << 20, inodes: 100)
        #expect(filled.output.contains("Disk quota exceeded") || filled.output.contains("No space left"))
        let size = filled.output.split(separator: "\n").last.flatMap { UInt64($0) } ?? 0
        #expect((7 << 20...8 << 20).contains(size), "\(filled.output)")
        #expect(filled.report?.fullSpaces == [.workspace], "\(size)")
        // Without a promise nobody asks.
        #expect(try run("kept").report?.fullSpaces == [])
        let files = try run(
            "kept",
            ["sh", "-c", "rm f; i=0; while [ $i -lt 200 ] && true > f$i; do i=$((i+1)); done 2>/dev/null; echo $i"],
            bytes: 8 << 20, inodes: 100)
        // The directory itself is one of the hundred.
        #expect(files.output == "99\n", "\(files.output)")
        #expect(files.report?.fullSpaces == [.workspaceInodes])
    }
}
