import Glibc
import LaunchPlan
import SandboxModel
import SandboxPolicy
import Testing

@testable import SandboxEngine

/// Each check of the judge: it holds for what a sound sandbox shows, and fails for one change of that.
@Suite struct ProbeJudgeTests {
    private static let host = HostFacts(
        namespaces: Dictionary(uniqueKeysWithValues: HostFacts.kinds.map { ($0, "\($0):[1]") }))

    private static var policy: CompiledPolicy {
        CompiledPolicy(
            name: "p", readPaths: ["/usr", "/etc/ssl", "/home/tools"], hidePaths: ["/usr/share/doc"], tmpBytes: 1 << 20,
            shmBytes: 1 << 20, workspaceMode: .write, workspaceRoots: ["/"], executeWritten: false,
            writeExecuteMemory: false, loopback: false, syscallsDenied: ["ptrace", "fork", "mlock"],
            maximum: LaunchLimits(
                memoryBytes: 1 << 20, cpuMillicores: 100, processes: 4, openFiles: 256, fileSizeBytes: 4096,
                cpuSeconds: 22))
    }

    private static func judge(
        _ text: String, policy: CompiledPolicy = policy, host: HostFacts = host, memoryPeak: UInt64? = 4096
    ) -> [ProbeCheck] {
        var usage = TreeUsage()
        usage.memoryPeakBytes = memoryPeak
        return ProbeJudge.judge(ProbeFacts(Array(text.utf8)), policy: policy, host: host, usage: usage)
    }

    private static func failures(_ checks: [ProbeCheck]) -> Set<String> {
        Set(checks.filter { !$0.passed }.map(\.name))
    }

    @Test func `a sound sandbox passes, under each kind of policy`() throws {
        var policies = [Self.policy, .none]
        for name in try PolicySet.builtIn().names { policies += [try PolicySet.builtIn()[name]?.compiled() ?? .none] }
        var loopback = Self.policy
        loopback.loopback = true
        var reading = Self.policy
        reading.workspaceMode = .read
        reading.executeWritten = true
        var listing = Self.policy
        listing.executePaths = ["/usr/bin/python3"]
        listing.executeWritten = true
        listing.syscallsDenied.append("debug")
        for policy in policies + [loopback, reading, listing] {
            let failed = Self.judge(SoundFacts.text(policy), policy: policy).filter { !$0.passed }
            #expect(failed.isEmpty, "\(policy.name): \(failed)")
        }
    }

    /// A change of one line, and the one check that it must fail.
    struct Defect: Sendable, CustomTestStringConvertible {
        var check: String
        var line: String
        var becomes: String
        var testDescription: String {
            "\(check): \(becomes.isEmpty ? "without" : "") \(becomes.isEmpty ? line : becomes)"
        }
    }

    private static let none = "0000000000000000"
    static let process: [Defect] =
        [
            .init(check: "complete", line: "end", becomes: ""),
            .init(check: "capabilities", line: "status CapInh:\t\(none)", becomes: "status CapInh:\t0000000000000400"),
            .init(check: "capabilities", line: "status CapPrm:\t\(none)", becomes: "status CapPrm:\t0000000000200000"),
            .init(check: "capabilities", line: "status CapEff:\t\(none)", becomes: "status CapEff:\t000001ffffffffff"),
            .init(check: "capabilities", line: "status CapBnd:\t\(none)", becomes: "status CapBnd:\t000001ffffffffff"),
            .init(check: "capabilities", line: "status CapAmb:\t\(none)", becomes: ""),
            .init(check: "no_new_privs", line: "status NoNewPrivs:\t1", becomes: "status NoNewPrivs:\t0"),
            .init(check: "seccomp", line: "status Seccomp:\t2", becomes: "status Seccomp:\t0"),
            .init(
                check: "uid", line: "status Uid:\t1000\t1000\t1000\t1000", becomes: "status Uid:\t1000\t1000\t0\t1000"),
            .init(check: "gid", line: "status Gid:\t1000\t1000\t1000\t1000", becomes: "status Gid:\t0\t0\t0\t0"),
            .init(check: "groups", line: "status Groups:\t ", becomes: "status Groups:\t4 27"),
            .init(check: "uid_map", line: "uid_map          0 1879179264          1", becomes: "uid_map 0 0 1"),
            .init(check: "uid_map", line: "uid_map       1000 1879179265          1", becomes: "uid_map 1000 1000 1"),
            .init(
                check: "uid_map", line: "uid_map       1000 1879179265          1", becomes: "uid_map 1000 1879179265 9"
            ),
            .init(
                check: "gid_map", line: "gid_map       1000 1879179265          1", becomes: "gid_map 1000 1879179264 1"
            ),
            .init(check: "descriptors", line: "descriptor 2", becomes: "descriptor 2\ndescriptor 5"),
            .init(check: "environment", line: "environment SANDBOX_PROBE=1", becomes: "environment LD_PRELOAD=/x"),
            .init(check: "umask", line: "status Umask:\t0022", becomes: "status Umask:\t0000"),
            .init(
                check: "signals_blocked", line: "status SigBlk:\t\(none)", becomes: "status SigBlk:\t0000000000000001"),
            .init(
                check: "signals_ignored", line: "status SigIgn:\t\(none)", becomes: "status SigIgn:\t0000000000001000"),
            .init(check: "session", line: "status NSsid:\t2", becomes: "status NSsid:\t0"),
            .init(check: "pid", line: "status Pid:\t2", becomes: "status Pid:\t4711"),
            .init(check: "parent", line: "status PPid:\t1", becomes: "status PPid:\t0"),
            .init(check: "processes", line: "process 2", becomes: "process 1\nprocess 2"),
            .init(check: "hostname", line: "hostname sandbox", becomes: "hostname build-7"),
            .init(check: "cgroup", line: "cgroup 0::/", becomes: "cgroup 0::/system.slice/sandboxd.service"),
            .init(
                check: "limit.core", line: "limits Max core file size        1              1               bytes     ",
                becomes: "limits Max core file size        0              0               bytes     "),
            .init(
                check: "limit.open_files",
                line: "limits Max open files            256       256        files     ",
                becomes: "limits Max open files            256       4096       files     "),
            .init(
                check: "limit.file_size", line: "limits Max file size             4096        4096         bytes     ",
                becomes: "limits Max file size             unlimited   unlimited    bytes     "),
            .init(
                check: "limit.cpu_time", line: "limits Max cpu time              22     22      seconds   ", becomes: ""
            ),
            .init(
                check: "limit.nice",
                line: "limits Max nice priority         0                    0                    ",
                becomes: "limits Max nice priority         40                   40                   "),
            .init(
                check: "limit.realtime",
                line: "limits Max realtime priority     0                    0                    ",
                becomes: "limits Max realtime priority     99                   99                   "),
            .init(check: "landlock", line: "landlock_room 15", becomes: "landlock_room 16"),
            .init(
                check: "landlock", line: "landlock_room 15",
                becomes: "landlock_refused 1\nattempt bind_tcp 0"),
        ]
        + HostFacts.kinds.map {
            .init(check: "namespaces", line: "namespace \($0) \($0):[42]", becomes: "namespace \($0) \($0):[1]")
        }

    private static func mount(_ point: String) -> String {
        SoundFacts.text(policy).split(separator: "\n").map(String.init)
            .last { $0.hasPrefix("mount ") && $0.split(separator: " ")[5] == Substring(point) } ?? "no such mount"
    }

    private static func weaker(_ point: String, _ option: String) -> Defect {
        let line = mount(point)
        let becomes = line.replacing("\(option),", with: "").replacing(",\(option) ", with: " ")
        return .init(check: "mounts", line: line, becomes: becomes)
    }

    static let files: [Defect] =
        [
            weaker("/", "ro"), weaker("/", "nosuid"), weaker("/usr", "ro"), weaker("/usr", "nodev"),
            weaker("/usr", "nosuid"), weaker("/etc/ssl", "ro"), weaker("/usr/share/doc", "ro"),
            weaker("/proc", "nodev"),
            weaker("/proc/sys", "ro"), weaker("/proc/keys", "ro"), weaker("/dev/pts", "noexec"),
            weaker("/tmp", "noexec"),
            weaker("/dev/shm", "nosuid"), weaker("/sandbox/workspace", "nodev"),
            .init(
                check: "mounts", line: mount("/tmp"),
                becomes: mount("/tmp") + "\nmount 60 1 0:1 / /sys ro,nosuid,nodev,noexec - sysfs sysfs ro"),
            .init(
                check: "mounts", line: mount("/tmp"),
                becomes: mount("/tmp") + "\nmount 60 1 0:1 / /home ro,nosuid,nodev - ext4 /dev/vda rw"),
            .init(
                check: "mounts", line: mount("/proc/keys"),
                becomes: "mount 60 1 0:1 / /proc/keys ro,nosuid,nodev,noexec - ext4 /dev/vda rw"),
            .init(check: "mounts_present", line: mount("/proc/sys"), becomes: ""),
            .init(check: "root_directory", line: "root tmp", becomes: "root tmp\nroot srv"),
            .init(check: "devices", line: "device tty", becomes: "device tty\ndevice kvm"),
            .init(check: "read_paths", line: "read 0 0 16877 \(EROFS)", becomes: "read 0 0 16877 0"),
            .init(check: "read_paths", line: "read 1 0 16877 \(EROFS)", becomes: "read 1 \(EIO) 16877 \(EROFS)"),
            .init(check: "hide_paths", line: "hide 0 \(EACCES) 16384", becomes: "hide 0 0 16877"),
            .init(check: "hide_paths", line: "hide 0 \(EACCES) 16384", becomes: "hide 0 \(EACCES) 16832"),
            .init(check: "hide_paths", line: "hide 0 \(EACCES) 16384", becomes: ""),
            .init(check: "denied_calls", line: "deny 0 \(EPERM)", becomes: "deny 0 \(ESRCH)"),
            .init(check: "denied_calls", line: "deny 2 \(EPERM)", becomes: ""),
        ] + ProbeJudge.masked.map { .init(check: "masked", line: "masked \($0) \(EACCES)", becomes: "masked \($0) 0") }
        + ProbeJudge.hostPaths.filter { $0 != "/home" }
        .map { .init(check: "absent", line: "present \($0) \(ENOENT)", becomes: "present \($0) 0") }

    static let attempts: [Defect] =
        SoundFacts.text(policy).split(separator: "\n").filter { $0.hasPrefix("attempt ") }.flatMap { line in
            let name = String(line.split(separator: " ")[1])
            let writes = ["write_tmp", "write_shm", "write_workspace"].contains(name)
            let check = writes ? name.replacing("write_", with: "write.") : "attempt.\(name)"
            // Without this one its file cannot be executed either: then that must have been refused.
            if name == "create_memory_file" {
                return [Defect(check: "attempt.create_memory_file", line: String(line), becomes: "attempt \(name) 22")]
            }
            let bad: Int32 = writes ? EROFS : name.hasPrefix("execute_") ? ENOEXEC : 0
            return [
                Defect(check: check, line: String(line), becomes: "attempt \(name) \(bad)"),
                Defect(check: check, line: String(line), becomes: ""),
            ]
        } + [
            .init(
                check: "attempt.bpf", line: "attempt bpf \(EPERM)",
                becomes: "attempt bpf \(EPERM)\nattempt bpf 0"),
            .init(
                check: "denied_calls", line: "deny 2 \(EPERM)", becomes: "deny 2 \(EPERM)\ndeny 2 \(EINVAL)"),
            .init(
                check: "attempt.connect_outside", line: "attempt connect_outside \(EACCES)",
                becomes: "attempt connect_outside \(EINPROGRESS)"),
            .init(
                check: "attempt.connect_loopback", line: "attempt connect_loopback \(EACCES)",
                becomes: "attempt connect_loopback \(ECONNREFUSED)"),
            .init(check: "attempt.keyctl", line: "attempt keyctl \(EPERM)", becomes: "attempt keyctl \(EOPNOTSUPP)"),
            .init(check: "attempt.clone3", line: "attempt clone3 \(ENOSYS)", becomes: "attempt clone3 \(EINVAL)"),
            .init(
                check: "interfaces", line: "interface     lo:       0       0    0    0",
                becomes: "interface     lo:       0       0    0    0\ninterface   eth0:       0       0    0    0"),
            .init(
                check: "routes", line: "route Iface\tDestination\tGateway",
                becomes: "route Iface\tDestination\tGateway\nroute eth0\t00000000\t0100000A"),
        ]

    @Test(arguments: process + files + attempts) func `one defect fails its own check`(_ defect: Defect) throws {
        let sound = SoundFacts.text(Self.policy)
        try #require(sound.contains(defect.line + "\n"), "no line '\(defect.line)'")
        let text = sound.replacing(defect.line + "\n", with: defect.becomes.isEmpty ? "" : defect.becomes + "\n")
        try #require(text != sound)
        let failures = Self.failures(Self.judge(text))
        #expect(failures.contains(defect.check), "\(failures)")
        // Nothing else is blamed for it, but where one fact serves several checks.
        #expect(failures.count <= 3, "\(failures)")
    }

    @Test func `every check but those of the group and the host can be failed by a fact`() {
        let tested = Set((Self.process + Self.files + Self.attempts).map(\.check))
        let checks = Set(Self.judge(SoundFacts.text(Self.policy)).map(\.name))
        #expect(checks.subtracting(tested) == ["cgroup_counts", "executable"])
    }

    @Test func `a group that counts nothing, and a host that is not known, fail`() {
        let sound = SoundFacts.text(Self.policy)
        #expect(Self.failures(Self.judge(sound, memoryPeak: nil)) == ["cgroup_counts"])
        #expect(Self.failures(Self.judge(sound, memoryPeak: 0)) == ["cgroup_counts"])
        #expect(Self.failures(Self.judge(sound, host: HostFacts(namespaces: [:]))) == ["namespaces"])
        #expect(HostFacts.current().namespaces.count == HostFacts.kinds.count)
    }

    @Test func `facts of one policy do not pass for another`() {
        var loopback = Self.policy
        loopback.loopback = true
        #expect(Self.failures(Self.judge(SoundFacts.text(loopback))).contains("attempt.bind_tcp"))
        #expect(
            Self.failures(Self.judge(SoundFacts.text(Self.policy), policy: loopback)) == [
                "attempt.bind_tcp", "attempt.connect_loopback",
            ])
        var executing = Self.policy
        executing.executeWritten = true
        #expect(Self.failures(Self.judge(SoundFacts.text(executing))).contains("attempt.execute_tmp"))
        var listing = Self.policy
        listing.executePaths = []
        #expect(Self.failures(Self.judge(SoundFacts.text(Self.policy), policy: listing)) == ["executable"])
        var wider = Self.policy
        wider.readPaths.append("/srv")
        #expect(Self.failures(Self.judge(SoundFacts.text(wider))).isSuperset(of: ["mounts", "root_directory"]))
    }

    @Test func `nothing, garbage and half of it pass for nothing`() {
        let count = Self.judge(SoundFacts.text(Self.policy)).count
        let empty = Self.judge("")
        #expect(empty.count == count)
        // What an empty list cannot disprove is only the policy's own lists and the cgroup of the host.
        #expect(
            empty.filter(\.passed).map(\.name).allSatisfy {
                ["groups", "cgroup_counts", "routes", "read_paths", "executable"].contains($0)
            })
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let bytes = (0..<500).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let checks = ProbeJudge.judge(
                ProbeFacts(bytes), policy: Self.policy, host: Self.host, usage: TreeUsage())
            #expect(checks.contains { $0.name == "complete" && !$0.passed })
        }
    }
}
