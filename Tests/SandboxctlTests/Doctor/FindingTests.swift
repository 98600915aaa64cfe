import Glibc
import SandboxModel
import Testing

@testable import sandboxctl_verbs

/// Each finding of `doctor` on a host that lacks just that.
@Suite struct FindingTests {
    /// What is changed about a sound host, the finding that tells of it, and words of its detail and remedy.
    struct Lack: Sendable, CustomTestStringConvertible {
        var name: String
        var detail: String
        /// `nil`: nothing can be done.
        var remedy: String?
        var need: Finding.Need
        var change: @Sendable (inout FakeHost) -> Void
        var testDescription: String { "\(name): \(detail)" }

        init(
            _ name: String, _ need: Finding.Need = .useful, detail: String, remedy: String?,
            _ change: @escaping @Sendable (inout FakeHost) -> Void
        ) {
            self.name = name
            self.need = need
            self.detail = detail
            self.remedy = remedy
            self.change = change
        }
    }

    @Test func everythingIsFoundOnASoundHost() {
        let findings = FakeHost().findings
        #expect(findings.filter { !$0.found || $0.remedy != nil } == [])
        #expect(findings.allSatisfy { !$0.meaning.isEmpty && !$0.detail.isEmpty })
        let report = DoctorReport(FakeHost().facts, nil)
        #expect(report.sufficient && report.answers.service.possible && report.answers.standalone.possible)
        #expect(report.service == "sandboxd 0.1.0")
    }

    @Test(
        arguments: kernelLacks + restrictionLacks + groupLacks + limitLacks + fileLacks + programLacks + serviceLacks
            + engineLacks + accountLacks + standaloneLacks)
    func whatIsMissingIsSaid(_ lack: Lack) throws {
        var host = FakeHost()
        // A service would have what this process does not see.
        host.rest.service = .absent
        host.rest.caller.uid = 1000
        let before = Set(host.findings.filter { !$0.found }.map(\.name))
        lack.change(&host)
        let finding = try #require(host.found[lack.name])
        #expect(!finding.found && finding.need == lack.need, "\(finding)")
        #expect(finding.detail.contains(lack.detail), "\(finding.detail)")
        if let remedy = lack.remedy {
            #expect(finding.remedy?.contains(remedy) == true, "\(finding.remedy ?? "none")")
        } else {
            #expect(finding.remedy == nil)
        }
        #expect(before == ["service", "root"])
    }

    /// A further finding gets a line below.
    @Test func eachFindingCanBeMissing() {
        let lacks =
            Self.kernelLacks + Self.restrictionLacks + Self.groupLacks + Self.limitLacks + Self.fileLacks
            + Self.programLacks + Self.serviceLacks + Self.engineLacks + Self.accountLacks + Self.standaloneLacks
        #expect(Set(FakeHost().findings.map(\.name)) == Set(lacks.map(\.name)))
    }

    private static func file(_ path: String, _ text: String?) -> @Sendable (inout FakeHost) -> Void {
        { $0.files[path] = text }
    }

    private static func call(_ calls: KernelCall..., error: Int32 = ENOSYS) -> @Sendable (inout FakeHost) -> Void {
        { host in for call in calls { host.rest.calls[call] = error } }
    }

    static let kernelLacks = [
        Lack("kernel", .needed, detail: "Linux 6.0.9", remedy: "boot it") { $0.rest.release = "6.0.9" },
        Lack("kernel", .needed, detail: "Linux odd", remedy: "apt-get install linux-image-amd64 && reboot") {
            $0.rest.release = "odd"
            $0.nodes["/usr/bin/apt-get"] = FakeHost.program
        },
        Lack("machine", .needed, detail: "riscv64", remedy: "architectures") { $0.rest.machine = "riscv64" },
        Lack("namespaces", .needed, detail: "not user, net", remedy: "CONFIG_USER_NS, CONFIG_NET_NS") {
            $0.nodes["/proc/self/ns/user"] = nil
            $0.nodes["/proc/self/ns/net"] = nil
        },
        Lack(
            "namespace-limits", .needed, detail: "user.max_net_namespaces is 0",
            remedy: "printf '%s\\n' 'user.max_net_namespaces = 65536' >>/etc/sysctl.d/60-sandboxd.conf && sysctl -p ",
            file("/proc/sys/user/max_net_namespaces", "0\n")),
        Lack(
            "namespace-room", detail: "user.max_user_namespaces is 100", remedy: "'user.max_user_namespaces = 65536'",
            file("/proc/sys/user/max_user_namespaces", "100")),
        Lack(
            "seccomp", .needed, detail: "without user_notif", remedy: "CONFIG_SECCOMP_FILTER",
            file("/proc/sys/kernel/seccomp/actions_avail", "kill_process errno log allow")),
        Lack(
            "seccomp", .needed, detail: "seccomp(2) answers EPERM here", remedy: "the call seccomp(2)",
            call(.seccompNotify, error: EPERM)),
        Lack(
            "seccomp-log", detail: "not available", remedy: nil,
            file("/proc/sys/kernel/seccomp/actions_avail", "kill_process errno user_notif allow")),
        Lack(
            "landlock", .needed, detail: "does not offer", remedy: "lsm=landlock,yama,apparmor\"' >/etc/default/grub.d/"
        ) {
            $0.rest.landlock = nil
            $0.files["/sys/kernel/security/lsm"] = "capability,yama,apparmor"
        },
        Lack("landlock-rules", detail: "abstract sockets and signals (Linux 6.12)", remedy: nil) {
            $0.rest.landlock = 4
        },
        Lack(
            "openat2", .needed, detail: "openat2: ENOSYS", remedy: "a filter around this process hides it",
            call(.openat2)),
        Lack("mount-api", .needed, detail: "move_mount", remedy: "move_mount", call(.moveMount)),
        Lack("idmapped-mounts", .needed, detail: "mount_setattr: ENOSYS", remedy: "5.12") {
            $0.rest.calls[.mountSetattr] = ENOSYS
            $0.rest.release = "5.10.0"
        },
        Lack("clone3", .needed, detail: "clone3: ENOSYS", remedy: "clone3", call(.clone3)),
        Lack(
            "clone-into-cgroup", .needed, detail: "clone3(CLONE_INTO_CGROUP)", remedy: "clone3",
            call(.cloneIntoCgroup, error: E2BIG)),
        Lack("pidfd", .needed, detail: "pidfd_open: ENOSYS", remedy: "pidfd_open", call(.pidfdOpen)),
        Lack("close-range", .needed, detail: "close_range: ENOSYS", remedy: "close_range", call(.closeRange)),
        Lack(
            "memfd-exec", .needed, detail: "vm.memfd_noexec is 2", remedy: "'vm.memfd_noexec = 1'",
            file("/proc/sys/vm/memfd_noexec", "2\n")),
        Lack("memfd-exec", .needed, detail: "memfd_create: ENOSYS", remedy: "memfd_create", call(.memfdCreate)),
        Lack(
            "clock", detail: "hpet", remedy: "clocksource=tsc",
            file("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n")),
    ]

    static let restrictionLacks = [
        Lack(
            "security-modules", detail: "not known", remedy: "mount -t securityfs securityfs /sys/kernel/security",
            file("/sys/kernel/security/lsm", nil)),
        Lack(
            "apparmor-userns", detail: "restrict_unprivileged_userns is 1",
            remedy: "profile sandbox-launcher /usr/libexec/sandboxd/sandbox-launcher flags=(unconfined) {\\n  userns,",
            file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1")),
        Lack(
            "userns-clone", detail: "unprivileged_userns_clone is 0", remedy: "'kernel.unprivileged_userns_clone = 1'",
            file("/proc/sys/kernel/unprivileged_userns_clone", "0")),
        Lack("selinux", detail: "enforcing", remedy: "ausearch", file("/sys/fs/selinux/enforce", "1")),
        Lack(
            "ptrace-scope", detail: "ptrace_scope is 0", remedy: "'kernel.yama.ptrace_scope = 1'",
            file("/proc/sys/kernel/yama/ptrace_scope", "0")),
        Lack(
            "core-handler", detail: "who listens at /run/cores.sock", remedy: "'kernel.core_pattern = core'",
            file("/proc/sys/kernel/core_pattern", "@@/run/cores.sock\n")),
        Lack("ptrace-scope", detail: "no Yama", remedy: nil, file("/proc/sys/kernel/yama/ptrace_scope", nil)),
    ]

    static let limitLacks = [
        Lack(
            "pid-max", detail: "kernel.pid_max is 32768", remedy: "4194304", file("/proc/sys/kernel/pid_max", "32768")),
        Lack(
            "threads-max", detail: "kernel.threads-max is 900", remedy: "kernel.threads-max = ",
            file("/proc/sys/kernel/threads-max", "900")),
        Lack(
            "file-max", detail: "fs.file-max is 1024", remedy: "fs.file-max = ", file("/proc/sys/fs/file-max", "1024")),
        Lack("nr-open", detail: "fs.nr_open is 1024", remedy: "fs.nr_open = ", file("/proc/sys/fs/nr_open", "1024")),
        Lack(
            "journal-queue", detail: "net.unix.max_dgram_qlen is 10", remedy: "'net.unix.max_dgram_qlen = 512'",
            file("/proc/sys/net/unix/max_dgram_qlen", "10")),
        Lack("descriptors", detail: "LimitNOFILE of the service is 1024", remedy: "LimitNOFILE=65536\\n' >/etc/systemd")
        {
            $0.setUnit("LimitNOFILE", "1024", replacing: "65536")
        },
        Lack("descriptors", detail: "hard limit of this process is 4096", remedy: "ulimit -Hn 65536") {
            $0.rest.units = nil
            $0.rest.caller.descriptors = (1024, 4096)
        },
    ]

    static let fileLacks = [
        Lack(
            "file-systems", .needed, detail: "not devpts", remedy: "CONFIG_",
            file("/proc/filesystems", "nodev proc\ntmpfs\n")),
        Lack("proc-options", detail: "hidepid=invisible", remedy: nil) {
            $0.rest.mounts[1].options = ["rw", "hidepid=invisible"]
        },
        Lack("devices", .needed, detail: "/dev has no null", remedy: "mknod -m 666 /dev/null c 1 3") {
            $0.nodes["/dev/null"] = .init(kind: .regular, uid: 0, gid: 0, mode: 0o666)
        },
        Lack("workspace", detail: "/home/agent is on overlay", remedy: "or none") {
            $0.rest.mounts[0].type = "overlay"
        },
        Lack("workspace-in-tmp", detail: "/tmp is on tmpfs", remedy: "TMPDIR=/var/tmp") {
            $0.rest.mounts.append(.init(path: "/tmp", type: "tmpfs", options: []))
        },
        Lack("workspace-quota", detail: "no file system has project quotas in force", remedy: "the option prjquota") {
            $0.rest.mounts[0].options = ["rw"]
        },
        Lack("workspace-quota", detail: "lacks CONFIG_QUOTA", remedy: nil, file("/proc/sys/fs/quota/lookups", nil)),
    ]

    static let accountLacks = [
        Lack("user", detail: "no user sandboxd", remedy: "systemd-sysusers") {
            $0.files["/etc/passwd"] = "root:x:0:0::/:\nagent:x:1000:1000::/:\n"
            $0.nodes["/usr/lib/sysusers.d/sandboxd.conf"] = FakeHost.program
        },
        Lack("user", detail: "no user sandboxd", remedy: "useradd --system --gid sandboxd ") {
            $0.files["/etc/passwd"] = "root:x:0:0::/:\nagent:x:1000:1000::/:\n"
        },
        Lack("user", detail: "no user sandboxd", remedy: "useradd --system --user-group ") {
            $0.files["/etc/passwd"] = "root:x:0:0::/:\nagent:x:1000:1000::/:\n"
            $0.files["/etc/group"] = "root:x:0:\n"
        },
        Lack(
            "group", detail: "no group sandboxd", remedy: "groupadd --system sandboxd",
            file("/etc/group", "root:x:0:\n")),
        Lack(
            "identities", .needed, detail: "a range of big in /etc/subuid", remedy: "usermod -u",
            file("/etc/subuid", "agent:100000:65536\nbig:1879048000:65536\n")),
        Lack(
            "identities", .needed, detail: "odd of /etc/passwd", remedy: "usermod -u",
            file("/etc/passwd", "sandboxd:x:990:990::/:\nagent:x:1000:1000::/:\nodd:x:1879048193:1::/:\n")),
    ]
}
