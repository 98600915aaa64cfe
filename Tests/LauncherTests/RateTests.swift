import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// `read-rate` and `write-rate`: kept where the host can, refused by name where it cannot.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct RateTests {
    private let directory = TemporaryDirectory()

    private func refusal(_ policy: CompiledPolicy) throws -> LaunchFailure? {
        let harness = try LauncherHarness()
        try harness.send(.policy(policy))
        guard case .policyRefused(_, let failure) = try harness.next() else { return nil }
        return failure
    }

    private func policy(read: UInt64? = nil, write: UInt64? = nil) -> CompiledPolicy {
        var policy = CompiledPolicy.testing()
        policy.maximum.readBytesPerSecond = read
        policy.maximum.writeBytesPerSecond = write
        return policy
    }

    /// Whether a directory is on a disk whose bandwidth can be limited.
    private func hasDisk(_ path: String) throws -> Bool {
        try DeviceNumber(ofFileSystemAt: path).disk != nil
    }

    private static let size: UInt64 = 6 << 20
    private static let rate: UInt64 = 3 << 20

    /// A file of 6 MiB that is on the disk and not in memory.
    private func makeColdFile() throws {
        let file = open("\(directory.path)/cold", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        defer { close(file) }
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<Self.size / 8).map { _ in generator.next() }
        let written = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress!, $0.count) }
        try #require(written == Int(Self.size) && fsync(file) == 0)
        try #require(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0)
    }

    @Test func `reads are slowed down, or the policy is refused`() throws {
        let features = try LauncherHarness.ready().resources.features
        let limited = policy(read: Self.rate)
        guard features.contains(.readRate) else {
            #expect(try refusal(limited)?.subject.hasPrefix("read-rate cannot be enforced here: cgroup v") == true)
            return
        }
        guard try hasDisk("/usr") else {
            let failure = try refusal(limited)
            #expect(failure?.stage == .cgroup)
            #expect(failure?.subject.hasSuffix("on a file system without a disk of its own") == true)
            return
        }
        let harness = try LauncherHarness.ready(limited)
        try makeColdFile()
        let begin = monotonicNanoseconds()
        let finished = try harness.run(
            ["sh", "-c", "cat cold | wc -c"], workspace: directory.path, limits: limited.maximum)
        let milliseconds = (monotonicNanoseconds() - begin) / 1_000_000
        print("read-rate: \(Self.size) bytes at \(Self.rate)/s in \(milliseconds) ms")
        #expect(finished.output == "\(Self.size)\n", "\(finished.events)")
        #expect(milliseconds > 1000)
        #expect(finished.report?.usage.readBytes ?? 0 >= Self.size)
        // A request may narrow it, and not widen it.
        for wider in [nil, Self.rate + 1] as [UInt64?] {
            var limits = limited.maximum
            limits.readBytesPerSecond = wider
            #expect(try harness.run(["true"], limits: limits).failure?.stage == .refused)
        }
    }

    @Test func `where the controller of rates is read-only, policies with a rate are refused and others work`() throws {
        // Only cgroup v1 has it by itself.
        let mounts = try MountTable.read()
        guard try LauncherHarness.ready().resources.version == 1,
            let blocks = mounts.first(where: { $0.type == "cgroup" && $0.options.contains("blkio") })?.path
        else { return }
        let prefix = [
            "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
            "mount -o remount,bind,ro '\(blocks)' && exec \"$0\"",
        ]
        let harness = try LauncherHarness.ready(prefix: prefix)
        #expect(!harness.resources.features.contains(.readRate))
        #expect(try harness.run(["true"]).report?.ending == .exited(0))
        let refused = try harness.run(["true"], limits: policy(read: Self.rate).maximum).failure
        #expect(refused?.subject == "read-rate cannot be enforced here: cgroup v1 has no blkio controller")
    }

    @Test func `writes are slowed down, or the policy is refused by name`() throws {
        let resources = try LauncherHarness.ready().resources
        let limited = policy(write: Self.rate)
        guard resources.features.contains(.writeRate) else {
            let failure = try refusal(limited)
            #expect(failure?.stage == .cgroup)
            let reason =
                resources.version == 1
                ? "write-rate cannot be enforced by cgroup v1: buffered writes are charged to nobody"
                : "write-rate cannot be enforced here: cgroup v2 has no io controller"
            #expect(failure?.subject == reason)
            // Nor is a request served that asks for it.
            let narrowed = try LauncherHarness.ready().run(["true"], limits: limited.maximum).failure
            #expect(narrowed?.stage == .cgroup && narrowed?.subject == reason)
            return
        }
        try #require(try hasDisk(directory.path), "the test's directory is on no disk")
        let harness = try LauncherHarness.ready(limited)
        let begin = monotonicNanoseconds()
        let finished = try harness.run(
            ["dd", "if=/dev/zero", "of=written", "bs=1M", "count=6", "conv=fsync", "status=none"],
            workspace: directory.path, limits: limited.maximum)
        let milliseconds = (monotonicNanoseconds() - begin) / 1_000_000
        print("write-rate: \(Self.size) bytes at \(Self.rate)/s in \(milliseconds) ms")
        #expect(finished.report?.ending == .exited(0), "\(finished.output)")
        #expect(milliseconds > 1000)
    }

    @Test func `a workspace without a disk has no rate`() throws {
        let harness = try LauncherHarness.ready()
        guard harness.resources.features.contains(.readRate) else { return }
        var template = Array("/dev/shm/sandboxd-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { rmdir(path) }
        var plain = CompiledPolicy.testing()
        plain.readPaths = []
        plain.workspaceRoots = ["/dev/shm"]
        var limits = plain.maximum
        limits.readBytesPerSecond = Self.rate
        let failure = try LauncherHarness.ready(plain).run(["true"], workspace: path, limits: limits).failure
        // Before Linux 6.3 tmpfs is no workspace at all.
        if failure?.stage != .workspaceMount {
            #expect(failure?.stage == .cgroup)
            let reason = "read-rate cannot be enforced: the workspace is on a file system without a disk of its own"
            #expect(failure?.subject == reason)
        }
    }
}

/// Disks, and numbers in the kernel's files.
struct KernelFileTests {
    @Test func `device numbers are read as the kernel writes them`() throws {
        #expect(DeviceNumber("254:0") == DeviceNumber(major: 254, minor: 0))
        for text in ["", ":", "1", "1:", ":1", "1:2:3", "a:b", "-1:2", "4294967296:0"] {
            #expect(DeviceNumber(text) == nil, "\(text)")
        }
        var status = stat()
        try #require(stat("/dev/null", &status) == 0)
        #expect(DeviceNumber(UInt64(status.st_rdev)) == DeviceNumber(major: 1, minor: 3))
        // 20 bits of minor number, 12 of major.
        let large = DeviceNumber(UInt64(0x0000_0000_fff1_23ff))
        #expect(large == DeviceNumber(major: 0x123, minor: 0xfffff))
    }

    @Test func `every block device has a disk, and a partition has another one's`() throws {
        let blocks = try Directory("/sys/dev/block")
        for name in try blocks.entries() {
            let device = try #require(DeviceNumber(name))
            let disk = try #require(device.disk, "\(name)")
            #expect((disk == device) == !blocks.has("\(name)/partition"))
            #expect(disk.disk == disk)
        }
        #expect(DeviceNumber(major: 0, minor: 42).disk == nil)
        #expect(DeviceNumber(major: 4095, minor: 1).disk == nil)
        #expect(try DeviceNumber(ofFileSystemAt: "/proc").disk == nil)
    }

    @Test func `mounts are read with their devices and odd names`() throws {
        #expect(PathText.unescaped("/a\\040b\\134c\\011") == "/a b\\c\t")
        #expect(PathText.unescaped("/a\\04\\9\\") == "/a\\04\\9\\")
        let root = try #require(try MountTable.read().last { $0.path == "/proc" })
        #expect(root.device == (try DeviceNumber(ofFileSystemAt: "/proc")))
    }

    private func numbers<Value>(_ text: String, _ take: (KernelNumbers) -> Value) -> Value {
        Array(text.utf8).withUnsafeBytes { take(KernelNumbers($0)) }
    }

    @Test func `numbers are found by whole keys only`() {
        let text = "usage_usec 12\nuser_usec 7\nsystem_usec 5\nmax 18446744073709551615"
        #expect(numbers(text) { $0.value(of: "user_usec") } == 7)
        #expect(numbers(text) { $0.value(of: "usec") } == nil)
        #expect(numbers(text) { $0.value(of: "user") } == nil)
        #expect(numbers(text) { $0.value(of: "max") } == .max)
        for text in ["", "\n", "key", "key ", "key\n", "key x"] {
            #expect(numbers(text) { $0.value(of: "key") } == nil, "\(text)")
            #expect(numbers(text) { $0.first } == nil)
        }
        #expect(numbers("4096\n") { $0.first } == 4096)
        #expect(numbers("max\n") { $0.first } == nil)
        let pressure =
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=45\n"
        #expect(numbers(pressure) { $0.number(behind: "total=") } == 123)
        let devices = "254:0 rbytes=1 wbytes=20 dbytes=5\n8:0 rbytes=300 wbytes=4000 rios=1\n"
        #expect(numbers(devices) { $0.sum(behind: " rbytes=") } == 301)
        #expect(numbers(devices) { $0.sum(behind: " wbytes=") } == 4020)
        #expect(numbers("") { $0.sum(behind: " rbytes=") } == 0)
        #expect(numbers("254:0 Read 5\n254:0 Total 9\nTotal 9\n") { $0.sum(behind: " Read ") } == 5)
    }

    @Test func `peaks are filled in where the kernel has none`() {
        var peaks = SampledPeaks()
        var usage = TreeUsage()
        peaks.complete(&usage)
        #expect(usage == TreeUsage())
        peaks.see(memory: 70, processes: 3)
        peaks.see(memory: 50, processes: nil)
        peaks.see(memory: nil, processes: 4)
        peaks.complete(&usage)
        #expect(usage.memoryPeakBytes == 70 && usage.processesPeak == 4)
        usage.memoryPeakBytes = 20
        peaks.complete(&usage)
        #expect(usage.memoryPeakBytes == 20)
    }
}
