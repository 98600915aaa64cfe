import Glibc
import LaunchPlan
import SandboxModel
import Testing

@testable import SandboxEngine

/// The judge where the launcher is not root: what must be otherwise there, and that nothing else may be.
@Suite struct RootlessJudgeTests {
    private static let namespaces = Dictionary(uniqueKeysWithValues: HostFacts.kinds.map { ($0, "\($0):[1]") })
    private static let host = HostFacts(
        namespaces: namespaces, caller: .init(uid: 1234, gid: 1235), hasGroups: false)

    private static let policy = CompiledPolicy(
        name: "p", readPaths: ["/usr"], tmpBytes: 1 << 20, shmBytes: 1 << 20, workspaceMode: .write,
        workspaceRoots: ["/"],
        executeWritten: true, loopback: false,
        maximum: LaunchLimits(
            memoryBytes: 1 << 20, cpuMillicores: 100, processes: 4, openFiles: 256, fileSizeBytes: 4096))

    /// What a sound sandbox of root's shows, turned into what one of user 1234 does.
    private static let changes: [(line: String, becomes: String)] = [
        ("uid_map          0 1879179264          1\nuid_map       1000 1879179265          1", "uid_map 1000 1234 1"),
        ("gid_map          0 1879179264          1\ngid_map       1000 1879179265          1", "gid_map 1000 1235 1"),
        ("status Groups:\t ", "status Groups:\t1000 65534 65534"), ("attempt setuid_root 1", "attempt setuid_root 22"),
        ("attempt setgid_root 1", "attempt setgid_root 22"), ("attempt signal_init 1", "attempt signal_init 0"),
        (
            "end",
            "mount 90 45 0:6 /null /dev/null ro,nosuid,noexec,relatime - devtmpfs devtmpfs rw\n"
                + "limits Max processes 5 5 processes\nlimits Max data size 1048576 1048576 bytes\nend"
        ),
    ]

    private static func failures(_ text: String, _ host: HostFacts = host) -> Set<String> {
        let checks = ProbeJudge.judge(ProbeFacts(Array(text.utf8)), policy: policy, host: host, usage: TreeUsage())
        return Set(checks.filter { !$0.passed }.map(\.name))
    }

    private static var sound: String {
        changes.reduce(SoundFacts.text(policy)) { text, change in
            let changed = text.replacing("\(change.line)\n", with: "\(change.becomes)\n", maxReplacements: 1)
            precondition(changed != text, "\(change.line) is no line")
            return changed
        }
    }

    /// Nobody without root can raise a hard limit of 0.
    @Test func `no core dump at all will do here`() {
        let line = "limits Max core file size        1              1               bytes     "
        func with(_ limits: String) -> String {
            Self.sound.replacing(line, with: "limits Max core file size \(limits) bytes")
        }
        #expect(with("0 0") != Self.sound && Self.failures(with("0 0")).isEmpty)
        for limits in ["0 1", "0 unlimited", "2 2", "unlimited unlimited"] {
            #expect(Self.failures(with(limits)) == ["limit.core"])
        }
    }

    @Test func `a sound one passes, and never for one of root's`() {
        #expect(Self.failures(Self.sound).isEmpty)
        #expect(
            Self.failures(Self.sound, HostFacts(namespaces: Self.namespaces)) == [
                "uid_map", "gid_map", "groups", "mounts", "attempt.setuid_root", "attempt.setgid_root",
                "attempt.signal_init", "cgroup_counts",
            ])
    }

    @Test(arguments: [
        ("uid_map", "uid_map 1000 1234 1", "uid_map 1000 0 1"),
        ("uid_map", "uid_map 1000 1234 1", "uid_map 0 0 4294967295"),
        ("gid_map", "gid_map 1000 1235 1", "gid_map 1000 1235 2"),
        ("groups", "status Groups:\t1000 65534 65534", "status Groups:\t27"),
        ("groups", "status Groups:\t1000 65534 65534", ""),
        ("attempt.setuid_root", "attempt setuid_root 22", "attempt setuid_root 0"),
        ("attempt.trace_init", "attempt trace_init 1", "attempt trace_init 0"),
        ("limit.processes", "limits Max processes 5 5 processes", "limits Max processes unlimited unlimited processes"),
        ("limit.data", "limits Max data size 1048576 1048576 bytes", ""),
        (
            "mounts", "mount 90 45 0:6 /null /dev/null ro,nosuid,noexec,relatime - devtmpfs devtmpfs rw",
            "mount 90 45 0:6 /null /dev/null rw,nosuid,noexec,relatime - devtmpfs devtmpfs rw"
        ),
        (
            "mounts", "mount 90 45 0:6 /null /dev/null ro,nosuid,noexec,relatime - devtmpfs devtmpfs rw",
            "mount 90 45 0:6 /sda /dev/sda ro,nosuid,noexec,relatime - devtmpfs devtmpfs rw"
        ),
        (
            "mounts", "mount 90 45 0:6 /null /dev/null ro,nosuid,noexec,relatime - devtmpfs devtmpfs rw",
            "mount 90 45 0:6 / /dev ro,nosuid,noexec,relatime - devtmpfs devtmpfs rw"
        ),
    ]) func `one defect fails one check`(_ check: String, _ line: String, _ becomes: String) {
        let text = Self.sound.replacing("\(line)\n", with: becomes.isEmpty ? "" : "\(becomes)\n")
        #expect(text != Self.sound && Self.failures(text) == [check])
    }

    @Test func `a group of the user's own has to count`() {
        var host = Self.host
        host.hasGroups = true
        #expect(Self.failures(Self.sound, host) == ["cgroup_counts"])
    }
}
