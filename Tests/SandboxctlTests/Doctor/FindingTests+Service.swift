import Glibc
import SandboxModel

@testable import sandboxctl_verbs

extension FindingTests {
    private static let own = "/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope"

    static let groupLacks = [
        Lack("cgroup", .needed, detail: "of v1 not memory, pids, cpu", remedy: "systemd.unified_cgroup_hierarchy=1") {
            $0.rest.mounts.removeLast()
        },
        Lack(
            "cgroup-writable", .needed, detail: "read-only: /sys/fs/cgroup",
            remedy: "mount -o remount,rw /sys/fs/cgroup"
        ) {
            $0.writeErrors["/sys/fs/cgroup"] = EROFS
        },
        Lack("delegation", detail: "Delegate=cpu memory, without pids, io", remedy: "Delegate=cpu memory pids io\\n' >")
        {
            $0.setUnit("DelegateControllers", "cpu memory", replacing: "cpu io memory pids")
        },
        Lack("delegation", detail: "has no Delegate=", remedy: "Delegate=cpu memory pids io") {
            $0.setUnit("Delegate", "no", replacing: "yes")
        },
        Lack("delegation", detail: "lacks memory, pids, cpu, io", remedy: "systemctl enable --now sandboxd.socket") {
            $0.rest.units = nil
        },
        Lack("swap-limit", detail: "no sandbox can be kept from it", remedy: "swapaccount=1") {
            $0.files["\(own)/memory.swap.max"] = nil
        },
        Lack("read-rate", detail: "is not served", remedy: "CONFIG_BLK_DEV_THROTTLING") {
            $0.files["/sys/fs/cgroup/cgroup.controllers"] = "cpu memory pids"
        },
        Lack("write-rate", detail: "is not served", remedy: "cgroup v2") {
            $0.files["/sys/fs/cgroup/cgroup.controllers"] = "cpu memory pids"
        },
        Lack("io-usage", detail: "known only when a run has ended", remedy: nil) {
            $0.files["/sys/fs/cgroup/cgroup.controllers"] = "cpu memory pids"
        },
        Lack("pressure", detail: "not counted", remedy: nil) { $0.files["/proc/pressure/cpu"] = nil },
        Lack("group-kill", detail: "cgroup.kill", remedy: nil) { $0.rest.release = "5.10.0" },
        Lack("tree-processes", detail: "pids.max of /sys/fs/cgroup/sandbox.slice is 512", remedy: "TasksMax=infinity") {
            $0.files["/sys/fs/cgroup/sandbox.slice/pids.max"] = "512\n"
        },
        Lack("tree-memory", detail: "is 256 MiB", remedy: "MemoryMax=infinity") {
            $0.files["\(FakeHost.unit)/memory.max"] = "268435456\n"
        },
    ]

    static let programLacks = [
        Lack("sandboxd", .needed, detail: "version 0.0.9, and this is 0.1.0", remedy: "belong together") {
            $0.rest.programs[0].version = "sandboxd 0.0.9"
        },
        Lack("sandbox-launcher", .needed, detail: "user 1001 can change it", remedy: "install all") {
            $0.rest.programs[1].file?.uid = 1001
        },
        Lack("sandbox-init", .needed, detail: "not beside sandboxctl", remedy: "install all") {
            $0.rest.programs[2].path = nil
            $0.rest.programs[2].file = nil
        },
        Lack("sandbox-probe", .needed, detail: "not executable", remedy: "install all") {
            $0.rest.programs[3].file?.mode = 0o644
        },
        Lack("sandbox-probe", .needed, detail: "everybody can change it", remedy: "install all") {
            $0.rest.programs[3].file?.mode = 0o777
        },
        Lack("sandbox-docker", detail: "version 0.0.9, and this is 0.1.0", remedy: "belong together") {
            $0.rest.programs[4].version = "sandbox-docker 0.0.9"
        },
        Lack("service-version", detail: "older than 0.1.0", remedy: "systemctl restart sandboxd.service") {
            $0.rest.service = .answers(server: "sandboxd", protocolVersion: 1, findings: nil)
        },
        Lack(
            "service-version", detail: "is 0.0.9, and 0.1.0 is installed", remedy: "systemctl restart sandboxd.service"
        ) {
            $0.rest.service = .answers(server: "sandboxd 0.0.9", protocolVersion: 1, findings: nil)
        },
        // Started at 2000 - 1500 + 1000 = 1500 seconds.
        Lack("service-age", detail: "after the service was started", remedy: "systemctl restart sandboxd.service") {
            $0.rest.programs[3].file?.changed = 1501
        },
    ]

    static let serviceLacks = [
        Lack("root", detail: "user 1000 cannot start the service", remedy: "systemctl start sandboxd.socket") { _ in },
        Lack("systemd", detail: "it does not answer systemctl", remedy: "systemctl status") { $0.rest.units = nil },
        Lack("systemd", detail: "not this host's init", remedy: nil) {
            $0.rest.units = nil
            $0.nodes["/run/systemd/system"] = nil
        },
        Lack(
            "units", detail: "not installed: sandboxd.socket",
            remedy: "make install PREFIX=/usr && systemctl daemon-reload"
        ) {
            $0.rest.units = "Id=sandboxd.service\nLoadState=loaded\n\nId=sandboxd.socket\nLoadState=not-found\n"
        },
        Lack("units", detail: "changed on disk", remedy: "systemctl daemon-reload") {
            $0.setUnit("NeedDaemonReload", "yes", replacing: "no")
        },
        Lack("socket-unit", detail: "disabled, active", remedy: "systemctl enable --now sandboxd.socket") {
            $0.setUnit("UnitFileState", "disabled", replacing: "enabled")
        },
        Lack("service-unit", detail: "failed (running), success", remedy: "journalctl -u sandboxd.service") {
            let parts = FakeHost.units.components(beforeAndAfter: "Id=sandboxd.service\n")
            $0.rest.units = parts.0 + parts.1.replacingFirst("ActiveState=active", with: "ActiveState=failed")
        },
        Lack(
            "socket", detail: "there is no /run/sandboxd/sandboxd.sock",
            remedy: "systemctl enable --now sandboxd.socket"
        ) {
            $0.nodes["/run/sandboxd/sandboxd.sock"] = nil
        },
        Lack("socket", detail: "group 990, mode 0660: EACCES", remedy: "newgrp sandboxd") {
            $0.rest.caller.groups = [1000]
            $0.writeErrors["/run/sandboxd/sandboxd.sock"] = EACCES
        },
        Lack("membership", detail: "added to the group sandboxd after", remedy: "newgrp sandboxd") {
            $0.rest.caller.groups = [1000]
        },
        Lack("membership", detail: "not in the group", remedy: "usermod -aG sandboxd agent") {
            $0.rest.caller.groups = [1000]
            $0.files["/etc/group"] = "sandboxd:x:990:\n"
        },
        // A service that was started with --group.
        Lack("socket", detail: "group 995, mode 0660: EACCES", remedy: "usermod -aG clients agent") {
            $0.nodes["/run/sandboxd/sandboxd.sock"]?.gid = 995
            $0.files["/etc/group"]? += "clients:x:995:\n"
            $0.writeErrors["/run/sandboxd/sandboxd.sock"] = EACCES
        },
        Lack("membership", detail: "the group that may connect, clients", remedy: "usermod -aG clients agent") {
            $0.nodes["/run/sandboxd/sandboxd.sock"]?.gid = 995
            $0.files["/etc/group"]? += "clients:x:995:\n"
        },
        Lack("membership", detail: "number 995, which has no name", remedy: "[Socket]\\nSocketGroup=sandboxd\\n") {
            $0.nodes["/run/sandboxd/sandboxd.sock"]?.gid = 995
        },
        Lack("membership", detail: "root alone may connect", remedy: "start sandboxd with --group sandboxd") {
            $0.nodes["/run/sandboxd/sandboxd.sock"]?.mode = 0o600
            $0.rest.units = nil
        },
        // Whoever is in root's group has all that this group has.
        Lack("membership", detail: "root alone may connect", remedy: "SocketGroup=sandboxd") {
            $0.nodes["/run/sandboxd/sandboxd.sock"]?.gid = 0
        },
        // He is in its group: something above it is in the way.
        Lack("socket", detail: "group 990, mode 0660: EACCES", remedy: "namei -l /run/sandboxd/sandboxd.sock") {
            $0.writeErrors["/run/sandboxd/sandboxd.sock"] = EACCES
        },
        Lack(
            "service", detail: "nobody listens at /run/sandboxd/sandboxd.sock",
            remedy: "systemctl start sandboxd.socket"
        ) {
            _ in
        },
        Lack("service", detail: "said nothing for 3000 ms", remedy: "systemctl restart sandboxd.service") {
            $0.rest.service = .silent(milliseconds: 3000)
        },
        Lack("service", detail: "is stopping: it lets runs go on", remedy: "its next client starts it again") {
            $0.rest.service = .answers(
                server: "sandboxd 0.1.0", protocolVersion: 1, findings: nil, isDraining: true)
        },
        Lack("service", detail: "turned away", remedy: nil) { $0.rest.service = .refused("turned away") },
        Lack("journal", detail: "there is no /run/systemd/journal/socket", remedy: "systemd-journald.socket") {
            $0.nodes["/run/systemd/journal/socket"] = nil
        },
        Lack("policies", .needed, detail: "no user 'nobody-here'", remedy: "sandboxctl policy check") {
            $0.files["/etc/sandboxd/policies/own.yaml"] =
                "version: 1\nextends: default\ntenants: { users: [agent, nobody-here], groups: [sandboxd] }\n"
        },
        Lack(
            "policies", .needed, detail: "1 errors, the first: /etc/sandboxd/policies/own.yaml:3:1",
            remedy: "sandboxctl policy check"
        ) {
            $0.files["/etc/sandboxd/policies/own.yaml"] = "version: 1\nextends: default\nnonsense: 1\n"
        },
        Lack("policies", .needed, detail: "own.yaml is not a file that root alone can write", remedy: "-perm /022") {
            $0.nodes["/etc/sandboxd/policies/own.yaml"]?.mode = 0o664
        },
        Lack("policies", .needed, detail: "own.yaml is a link", remedy: "sandboxctl policy check") {
            $0.nodes["/etc/sandboxd/policies/own.yaml"]?.isLink = true
        },
        Lack("policies", .needed, detail: "/etc/sandboxd/policies is a link", remedy: "-perm /022") {
            $0.nodes["/etc/sandboxd/policies"]?.isLink = true
        },
        // Where the service has its own.
        Lack(
            "policies", .needed, detail: "/srv/policies is not a directory that root alone can write",
            remedy: "find /srv/policies "
        ) {
            $0.files["/etc/default/sandboxd"] =
                "# Options\nSANDBOXD_OPTIONS=\"--warm 4 --policy-directory /srv/policies\"\n"
            $0.nodes["/srv/policies"] = .init(kind: .directory, uid: 0, gid: 0, mode: 0o777)
        },
        Lack("policies", .needed, detail: "the first: /srv/one.yaml:1:1", remedy: "sandboxctl policy check") {
            $0.rest.serviceArguments = ["--policy-file=/srv/one.yaml"]
            // Whose it is was root's to see.
            $0.nodes["/srv/one.yaml"] = .init(kind: .regular, uid: 1000, gid: 0, mode: 0o664)
            $0.files["/srv/one.yaml"] = "nonsense: 1\n"
        },
        Lack("policies", .needed, detail: "not a directory that root alone can write", remedy: "! -user root") {
            $0.nodes["/etc/sandboxd/policies"]?.uid = 1000
        },
    ]

    static let standaloneLacks = [
        Lack(
            "user-namespaces", .needed, detail: "user 1000 could not make a user namespace: EPERM",
            remedy: "kernel.unprivileged_userns_clone = 1"
        ) {
            $0.rest.namespaceTrial = .init(stage: "make a user namespace", error: EPERM)
            $0.files["/proc/sys/kernel/unprivileged_userns_clone"] = "0"
        },
        Lack(
            "user-namespaces", .needed, detail: "make the other namespaces in it: EACCES", remedy: "apparmor_parser -r"
        ) {
            $0.rest.namespaceTrial = .init(stage: "make the other namespaces in it", error: EACCES)
            $0.files["/proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1"
        },
        Lack("user-namespaces", .needed, detail: "mount a /proc in it: EPERM", remedy: "unmasked /proc") {
            $0.rest.namespaceTrial = .init(stage: "mount a /proc in it", error: EPERM)
        },
        Lack("user-namespaces", .needed, detail: "not known", remedy: "unshare(2)") { $0.rest.namespaceTrial = nil },
        Lack("visible-proc", .needed, detail: "covered: /proc/kcore", remedy: "systempaths=unconfined") {
            $0.rest.mounts.append(.init(path: "/proc/kcore", type: "tmpfs", options: []))
        },
        Lack("user-group", detail: "lacks pids", remedy: "Delegate=cpu cpuset io memory pids") {
            $0.files["\(FakeHost.manager)/cgroup.controllers"] = "memory cpu"
        },
        Lack("user-group", detail: "no group is delegated to user 1000", remedy: "loginctl enable-linger 1000") {
            $0.writeErrors["\(FakeHost.manager)/cgroup.procs"] = EACCES
        },
        Lack("user-group", detail: "no group is delegated", remedy: "loginctl enable-linger 1000") {
            $0.nodes[FakeHost.manager] = nil
        },
        // Who has no systemd is not told to configure it.
        Lack("user-group", detail: "no group is delegated", remedy: nil) {
            $0.nodes[FakeHost.manager] = nil
            $0.nodes["/run/systemd/system"] = nil
        },
        Lack("user-manager", detail: "this host has no systemd", remedy: nil) {
            $0.rest.userManager = nil
            $0.nodes["/run/systemd/system"] = nil
        },
        Lack("user-manager", detail: "nobody answers in /run/user/1000", remedy: "libpam-systemd") {
            $0.rest.userManager = nil
        },
        Lack("user-manager", detail: "there is no /run/user/1000", remedy: "loginctl enable-linger 1000") {
            $0.rest.userManager = nil
            $0.rest.caller.runtimeDirectory = nil
        },
    ]
}

extension String {
    /// What is before a text, with it, and what is behind it.
    fileprivate func components(beforeAndAfter text: String) -> (String, String) {
        let pieces = split(separator: text, maxSplits: 1, omittingEmptySubsequences: false)
        return (String(pieces[0]) + text, pieces.count > 1 ? String(pieces[1]) : "")
    }

    fileprivate func replacingFirst(_ text: String, with other: String) -> String {
        let pieces = split(separator: text, maxSplits: 1, omittingEmptySubsequences: false)
        return pieces.count > 1 ? pieces[0] + other + pieces[1] : self
    }
}
