import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// When a control group may serve another sandbox, and what is left of the last one then: nothing.
///
/// On cgroup v2 none does, which is all that is to be seen there.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
final class GroupResetTests {
    private let hierarchy: any ControlGroupHierarchy
    private var group: any ControlGroup
    private let paths: GroupFiles

    init() throws {
        hierarchy = try #require(try ControlGroupDetection.claim(name: "sandboxd-reset-\(getpid())"))
        group = try hierarchy.create("one", limits: .testing, rates: [])
        let child = try SleepingChild()
        try group.attach(child.pid)
        paths = try GroupFiles(of: child.pid)
        // Its memory is this program's: a group in which that was charged is none for what follows.
        child.end()
        #expect(group.remove())
        group = try hierarchy.create("one", limits: .testing, rates: [])
    }

    deinit { hierarchy.removeAll() }

    private var isSplit: Bool { hierarchy.resources.version == 1 }

    private func directory(_ controller: String) -> String {
        paths.directory(controller, version: hierarchy.resources.version)
    }

    /// Runs a shell program whose every process is in the group, and whose last line of output comes back.
    @discardableResult
    private func inside(_ program: String) throws -> Substring {
        let enter = ["memory", "pids", "cpu", "cpuacct"].map { "echo $$ > \(directory($0))/cgroup.procs; " }.joined()
        let pipe = try #require(popen(enter + program, "r"))
        var bytes: [UInt8] = []
        while case let byte = getc(pipe), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
        pclose(pipe)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").last ?? ""
    }

    /// The kernel frees what a process had a moment after it is reaped. Each processor keeps up to 256 KiB charged for whoever
    /// of the group comes next, and dentries stay: without force_empty that can be more than a group may have left, and
    /// then its sandbox is the last one in it, rightly.
    private func resets() -> Bool {
        for _ in 0..<200 {
            _ = system("echo 0 > \(directory("memory"))/memory.force_empty 2> /dev/null")
            if group.reset() { return true }
            usleep(5000)
        }
        return false
    }

    private func inode(_ controller: String) -> UInt64 {
        var status = stat()
        return stat(directory(controller), &status) == 0 ? UInt64(status.st_ino) : 0
    }

    @Test func `not while somebody is in it, whoever`() throws {
        guard isSplit else {
            #expect(!group.reset() && !group.mayServeAgain)
            return
        }
        let child = try Occupant(of: ["memory", "pids", "cpu", "cpuacct"].map(directory))
        #expect(!group.reset())
        child.end()
        #expect(resets() == isSplit && group.mayServeAgain == isSplit)
    }

    /// In one directory of four is in it too.
    @Test(arguments: ["memory", "pids", "cpu", "cpuacct"]) func `not while somebody is in a part of it`(_ part: String)
        throws
    {
        guard isSplit else { return }
        let child = try Occupant(of: [directory(part)])
        #expect(!group.reset())
        child.end()
        #expect(resets())
    }

    @Test func `its counters begin again, and its limits are set again`() throws {
        guard isSplit else { return }
        try group.narrow(to: .testing)
        group.startCounting(from: group.processorTime())
        let numbers = inode("pids")
        try inside("sleep 0.2 | sleep 0.2 | sleep 0.2 | sleep 0.2; head -c 8000000 /dev/zero | tail -c 8000000 | wc -c")
        let usage = group.usage(ended: true)
        #expect(usage.memoryPeakBytes ?? 0 > 4 << 20 && usage.processesPeak ?? 4 >= 4, "\(usage)")
        group.liftQuota()
        #expect(resets())
        var limits = LaunchLimits.testing
        limits.memoryBytes = 96 << 20
        try group.narrow(to: limits)
        group.startCounting(from: group.processorTime())
        let fresh = group.usage(ended: true)
        #expect(fresh.memoryPeakBytes ?? .max < 1 << 20 && fresh.processesPeak ?? 0 == 0, "\(fresh)")
        #expect(fresh.userMicroseconds == 0 && fresh.systemMicroseconds == 0 && fresh.throttledMicroseconds ?? 0 == 0)
        #expect(fresh.forksRefused == 0 && fresh.memoryKills == 0)
        #expect(paths.read("memory", "memory.limit_in_bytes", version: 1) == "\(96 << 20)")
        #expect(paths.read("cpu", "cpu.cfs_quota_us", version: 1) == "\(limits.cpuMillicores * 100)")
        #expect(paths.read("pids", "pids.max", version: 1) == "\(limits.processes + 1)")
        // A number of processes that the kernel cannot forget has a directory of its own.
        #expect(inode("pids") != numbers)
    }

    @Test func `not with memory that is still charged to it`() throws {
        guard isSplit else { return }
        let file = "/dev/shm/sandboxd-reset-\(getpid())"
        defer { unlink(file) }
        try inside("head -c 4000000 /dev/zero > \(file)")
        for _ in 0..<20 {
            #expect(!group.reset())
            usleep(10000)
        }
        unlink(file)
        #expect(resets())
    }

    @Test func `not after a kill for memory`() throws {
        guard isSplit else { return }
        var limits = LaunchLimits.testing
        limits.memoryBytes = 24 << 20
        limits.swapBytes = 0
        try group.narrow(to: limits)
        #expect(try inside("dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null; echo $?") == "137")
        #expect(group.memoryKills() > 0 && !group.mayServeAgain && !resets())
    }

    /// As the launcher sees it, whose preparer does the rest.
    @Test func `another process goes on with it`() throws {
        guard isSplit else { return }
        let own = try hierarchy.adopt("one", limits: .testing, memoryEvents: -1)
        try inside("sleep 0.1 | sleep 0.1 | sleep 0.1")
        #expect(own.usage(ended: true).processesPeak ?? 3 >= 3)
        #expect(resets())
        try group.narrow(to: .testing)
        try own.begin(.testing)
        own.startCounting(from: group.processorTime())
        #expect(own.usage(ended: true).processesPeak ?? 0 == 0)
        try inside("true")
        let usage = own.usage(ended: true)
        #expect(usage.processesPeak ?? 1 <= 1 && usage.userMicroseconds ?? 0 < 1_000_000, "\(usage)")
    }
}

/// A process of its own in some groups.
private final class Occupant {
    private let pipe: UnsafeMutablePointer<FILE>
    private let pid: pid_t

    init(of directories: [String]) throws {
        let enter = directories.map { "echo $$ > \($0)/cgroup.procs; " }.joined()
        pipe = try #require(popen(enter + "echo $$; exec sleep 30", "r"))
        var line: [UInt8] = []
        while case let byte = getc(pipe), byte > 0x20 { line.append(UInt8(truncatingIfNeeded: byte)) }
        pid = try #require(pid_t(String(decoding: line, as: UTF8.self)))
    }

    func end() {
        kill(pid, SIGKILL)
        pclose(pipe)
    }
}
