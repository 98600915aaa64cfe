import Glibc
import SandboxModel

@testable import sandboxctl_verbs

/// A host that is texts. As it is made, it is a Debian 12 with everything, on which a service runs under systemd and an ordinary
/// user asks.
struct FakeHost {
    var files: [String: String]
    var nodes: [String: HostFacts.File]
    var lists: [String: [String]] = [:]
    var writeErrors: [String: Int32] = [:]
    /// All that is no file.
    var rest: HostFacts

    static let program = HostFacts.File(kind: .regular, uid: 0, gid: 0, mode: 0o755, changed: 900)
    static let manager = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service"
    static let unit = "/sys/fs/cgroup/sandbox.slice/sandboxd.service"

    init() {
        files = Self.kernelFiles.merging(Self.hostFiles) { $1 }
        nodes = [:]
        for kind in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"] {
            nodes["/proc/self/ns/\(kind)"] = .init(kind: .regular, uid: 0, gid: 0, mode: 0o444)
        }
        for name in ["null", "zero", "full", "random", "urandom", "tty", "ptmx"] {
            nodes["/dev/\(name)"] = .init(kind: .characterDevice, uid: 0, gid: 0, mode: 0o666)
        }
        for path in ["/run/systemd/system", "/etc/sandboxd/policies", Self.manager, "/usr/sbin/update-grub"] {
            nodes[path] = .init(kind: .directory, uid: 0, gid: 0, mode: 0o755)
        }
        nodes["/etc/sandboxd/policies/own.yaml"] = .init(kind: .regular, uid: 0, gid: 0, mode: 0o644)
        nodes["/etc/sandboxd/policies/tools.yaml"] = .init(kind: .regular, uid: 0, gid: 0, mode: 0o644)
        lists["/etc/sandboxd/policies"] = ["README", "own.yaml", "tools.yaml"]
        nodes[EngineNeed.standardSocket] = .init(kind: .socket, uid: 0, gid: 994, mode: 0o660)
        nodes["/run/sandboxd/sandboxd.sock"] = .init(kind: .socket, uid: 0, gid: 990, mode: 0o660)
        nodes["/run/systemd/journal/socket"] = .init(kind: .socket, uid: 0, gid: 0, mode: 0o666)
        rest = HostFacts(
            release: "6.1.0-13-amd64", machine: "x86_64",
            mounts: [
                .init(path: "/", type: "ext4", options: ["rw", "prjquota"]),
                .init(path: "/proc", type: "proc", options: ["rw"]),
                .init(path: "/sys/fs/cgroup", type: "cgroup2", options: ["rw"]),
            ], ownGroups: "0::/user.slice/user-1000.slice/session-2.scope\n", read: { _ in nil })
        for file in ["cgroup.procs", "cgroup.subtree_control"] {
            writeErrors["/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope/\(file)"] = EACCES
        }
        rest.caller.uid = 1000
        rest.caller.gid = 1000
        rest.caller.groups = [1000, 990]
        rest.caller.runtimeDirectory = "/run/user/1000"
        rest.caller.workingDirectory = "/home/agent"
        // Who makes all others has 4; what a kernel of the time does not know comes with the tests.
        rest.landlock = 7
        rest.calls = [.cloneIntoCgroup: EBADF, .openTree: EBADF, .fsopen: EPERM]
        rest.namespaceTrial = .init(stage: "all", error: 0)
        rest.programs = ["sandboxd", "sandbox-launcher", "sandbox-init", "sandbox-probe", "sandbox-docker"].map {
            name in
            .init(name: name, path: "/usr/libexec/sandboxd/\(name)", file: Self.program, version: nil)
        }
        rest.programs[0].version = "sandboxd 0.1.0"
        rest.units = Self.units
        rest.userManager = "Version=252\nControlGroup=/user.slice/user-1000.slice/user@1000.service\n"
        rest.service = .answers(server: "sandboxd 0.1.0", protocolVersion: 1, findings: nil)
        rest.engine = EngineFacts(
            answer: .answers(interface: "1.41"), images: ["tools:1": true], networks: ["lab": true],
            security: ["name=seccomp,profile=default"])
        rest.now = 2000
        rest.monotonicSeconds = 1500
    }

    private static let kernelFiles = [
        "/proc/sys/kernel/seccomp/actions_avail": "kill_process kill_thread trap errno user_notif trace log allow\n",
        "/sys/kernel/security/lsm": "capability,landlock,yama,apparmor\n",
        "/proc/sys/kernel/yama/ptrace_scope": "1\n", "/proc/sys/kernel/core_pattern": "|/usr/bin/handler %p\n",
        "/proc/sys/kernel/pid_max": "4194304\n", "/proc/sys/kernel/threads-max": "100000\n",
        "/proc/sys/fs/file-max": "9223372036854775807\n", "/proc/sys/fs/nr_open": "1048576\n",
        "/proc/sys/net/unix/max_dgram_qlen": "512\n",
        "/proc/sys/user/max_user_namespaces": "15000\n", "/proc/sys/user/max_net_namespaces": "15000\n",
        "/proc/filesystems": "nodev\tproc\nnodev\ttmpfs\nnodev\tdevpts\n\text4\n",
        "/proc/sys/fs/quota/lookups": "0\n", "/proc/pressure/cpu": "some\n",
        "/proc/swaps": "Filename\tType\n/dev/vda2\tpartition\n",
        "/sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    ]

    private static let hostFiles = [
        "/etc/passwd":
            "root:x:0:0:root:/root:/bin/bash\nsandboxd:x:990:990::/:/usr/sbin/nologin\nagent:x:1000:1000::/home/agent:\n",
        "/etc/group": "root:x:0:\nsandboxd:x:990:agent\nagent:x:1000:\ndocker:x:994:\n",
        "/etc/subuid": "agent:100000:65536\n",
        "/etc/subgid": "agent:100000:65536\n", "/etc/sandboxd/policies/own.yaml": "version: 1\nextends: default\n",
        "/etc/sandboxd/policies/tools.yaml":
            "version: 1\nextends: default\nbackend: docker\ndocker: { image: \"tools:1\", network: lab }\n",
        "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
        "/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope/cgroup.type": "domain\n",
        "/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope/memory.swap.max": "max\n",
        "\(manager)/cgroup.controllers": "cpu memory pids\n", "\(unit)/pids.max": "max\n",
    ]

    static let units = """
        Id=sandboxd.socket
        LoadState=loaded
        ActiveState=active
        SubState=running
        UnitFileState=enabled
        NeedDaemonReload=no

        Id=sandboxd.service
        LoadState=loaded
        ActiveState=active
        SubState=running
        UnitFileState=disabled
        NeedDaemonReload=no
        Result=success
        Delegate=yes
        DelegateControllers=cpu io memory pids
        TasksMax=infinity
        LimitNOFILE=65536
        ControlGroup=/sandbox.slice/sandboxd.service
        ExecMainStartTimestampMonotonic=1000000000
        """

    var facts: HostFacts {
        var facts = rest
        let (files, nodes, lists, writeErrors) = (files, nodes, lists, writeErrors)
        facts.read = { files[$0] }
        facts.file = { nodes[$0] }
        facts.list = { lists[$0] }
        facts.writeError = { writeErrors[$0] ?? 0 }
        return facts
    }

    var findings: [Finding] { HostChecks.findings(of: facts) }

    /// By name. Each is there once.
    var found: [String: Finding] { Dictionary(uniqueKeysWithValues: findings.map { ($0.name, $0) }) }

    mutating func setUnit(_ property: String, _ value: String, replacing old: String) {
        rest.units = rest.units?.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0 == "\(property)=\(old)" ? "\(property)=\(value)" : String($0) }.joined(separator: "\n")
    }
}
