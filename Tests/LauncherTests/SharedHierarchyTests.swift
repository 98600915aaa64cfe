import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// Several launchers on one host.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct SharedHierarchyTests {
    /// As in a container that has its own /run and the host's cgroups.
    private static let ownRun = [
        "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
        "mount -t tmpfs none /run && exec \"$0\"",
    ]

    @Test func `launchers that do not see each other's locks share no group and no identity`() throws {
        let launchers = [
            try LauncherHarness.ready(), try LauncherHarness.ready(prefix: Self.ownRun),
            try LauncherHarness.ready(prefix: Self.ownRun),
        ]
        var groups: Set<String> = []
        var identities: Set<String> = []
        for launcher in launchers {
            let running = try launcher.begin(["sh", "-c", "cat /proc/self/uid_map; echo; sleep 30"])
            try running.wait(for: "\n\n")
            let pid = try launcher.initProcess()
            let paths = try GroupFiles(of: pid).all.filter { $0.contains("/sandboxd-") }
            #expect(!paths.isEmpty)
            groups.formUnion(paths)
            identities.insert(try wholeFile("/proc/\(pid)/uid_map"))
            // A second one of the same launcher, of the same number as another launcher's.
            #expect(try launcher.run(["true"]).report?.ending == .exited(0))
        }
        #expect(groups.count % launchers.count == 0 && identities.count == launchers.count, "\(groups)")
        let blocks = Set(groups.flatMap { $0.split(separator: "/").filter { $0.hasPrefix("sandboxd-") } })
        #expect(blocks.count == launchers.count, "\(groups)")
    }

    @Test func `a name is held until its holder is gone, and what he left is removed`() throws {
        let name = "sandboxd-test-\(getpid())"
        let directories = try leave("left", below: name)
        #expect(!directories.isEmpty && directories.allSatisfy { access($0, F_OK) == 0 })
        let second = try #require(try ControlGroupDetection.claim(name: name))
        for directory in directories { #expect(access(directory, F_OK) != 0, "\(directory)") }
        second.removeAll()
        for directory in directories {
            #expect(access(String(directory.dropLast("/left".count)), F_OK) != 0, "\(directory)")
        }
    }

    /// Makes a group and goes without removing it, as a launcher that is killed. Returns where it was.
    private func leave(_ group: String, below name: String) throws -> [String] {
        let hierarchy = try #require(try ControlGroupDetection.claim(name: name))
        let group = try hierarchy.create(group, limits: .testing, rates: [])
        #expect(try ControlGroupDetection.claim(name: name) == nil)
        let process = try SleepingChild()
        try group.attach(process.pid)
        defer { process.end() }
        return try withExtendedLifetime(hierarchy) {
            try GroupFiles(of: process.pid).all.filter { $0.contains("/\(name)/") }
        }
    }
}
