/// What security modules and sysctls forbid or allow.
extension HostChecks {
    static func restrictions(_ host: HostFacts) -> [Finding] {
        [modules(host), appArmor(host), cloneSysctl(host), selinux(host), ptrace(host), coreHandler(host)]
    }

    private static func modules(_ host: HostFacts) -> Finding {
        let names = host.read("/sys/kernel/security/lsm").map(moduleNames)
        return Finding(
            .restrictions, "security-modules", found: names != nil, .useful,
            names.map { $0.joined(separator: ", ") } ?? "not known: securityfs is not mounted",
            means: "which modules can forbid something that no sysctl tells of",
            remedy: "mount -t securityfs securityfs /sys/kernel/security")
    }

    /// Ubuntu's restriction since 23.10: of a namespace that an unconfined program makes, the capabilities are taken away.
    static func restrictsUserNamespaces(_ host: HostFacts) -> Bool {
        host.number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") ?? 0 != 0
    }

    private static func appArmor(_ host: HostFacts) -> Finding {
        let isFree = !restrictsUserNamespaces(host)
        let setting = host.number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
        return Finding(
            .restrictions, "apparmor-userns", found: isFree, .useful,
            setting.map { "kernel.apparmor_restrict_unprivileged_userns is \($0)" }
                ?? "this kernel has no such restriction",
            means:
                "with 1 no ordinary user's program has rights in a user namespace of its own, unless a profile allows it: it "
                + "concerns sandboxes without root only, the service makes its own as root",
            remedy: appArmorRemedy(host))
    }

    /// For the one program that makes them, and not for everybody's.
    static func appArmorRemedy(_ host: HostFacts) -> String {
        guard let path = host.programs.first(where: { $0.name == "sandbox-launcher" })?.path.flatMap(plainPath) else {
            return Remedy.sysctl([("kernel.apparmor_restrict_unprivileged_userns", "0")])
        }
        return
            "printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile sandbox-launcher \(path) flags=(unconfined) {\\n"
            + "  userns,\\n}\\n' >/etc/apparmor.d/sandbox-launcher && apparmor_parser -r /etc/apparmor.d/sandbox-launcher"
    }

    /// A path that can stand in a command line and a profile as it is; `nil` of any other. Without `..` in it.
    static func plainPath(_ path: String) -> String? {
        var parts: [Substring] = []
        for part in path.split(separator: "/") {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        let plain = "/" + parts.joined(separator: "/")
        let isHarmless = plain.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"), UInt8(ascii: "+"):
                true
            default: false
            }
        }
        return isHarmless ? plain : nil
    }

    private static func cloneSysctl(_ host: HostFacts) -> Finding {
        let setting = host.number("/proc/sys/kernel/unprivileged_userns_clone")
        return Finding(
            .restrictions, "userns-clone", found: setting != 0, .useful,
            setting.map { "kernel.unprivileged_userns_clone is \($0)" } ?? "this kernel has no such restriction",
            means:
                "with 0, of Debian's kernels, only root makes user namespaces: it concerns sandboxes without root only",
            remedy: Remedy.sysctl([("kernel.unprivileged_userns_clone", "1")]))
    }

    private static func selinux(_ host: HostFacts) -> Finding {
        let isEnforcing = host.number("/sys/fs/selinux/enforce") == 1
        return Finding(
            .restrictions, "selinux", found: !isEnforcing, .useful, isEnforcing ? "enforcing" : "not enforcing",
            means:
                "no SELinux policy comes with sandboxd: where it is enforced, a service runs in the domain that the host's policy "
                + "gives it, and what that forbids fails by name in its log",
            remedy: "ausearch -m avc -c sandbox-launche, and allow what is found there")
    }

    private static func ptrace(_ host: HostFacts) -> Finding {
        let setting = host.number("/proc/sys/kernel/yama/ptrace_scope")
        return Finding(
            .restrictions, "ptrace-scope", found: setting ?? 0 >= 1, .useful,
            setting.map { "kernel.yama.ptrace_scope is \($0)" } ?? "this kernel has no Yama",
            means:
                "with 0 a program of the caller's outside may trace any other of his. Sandboxes are other users' in other "
                + "namespaces: none can be traced from outside but by root, nor trace what is outside",
            remedy: setting == nil ? nil : Remedy.sysctl([("kernel.yama.ptrace_scope", "1")]))
    }

    private static func coreHandler(_ host: HostFacts) -> Finding {
        let pattern = String(host.read("/proc/sys/kernel/core_pattern")?.prefix { $0 != "\n" } ?? "")
        let handler = pattern.drop { "|@".contains($0) }.prefix { $0 != " " }
        // Linux 6.16 and later. No limit is asked there, and what a process is before it dies is its own to change: nothing in
        // a sandbox can keep it away.
        let isSocket = pattern.hasPrefix("@")
        let way = isSocket ? "core dumps go to who listens at \(handler)" : "core dumps go to files '\(pattern)'"
        return Finding(
            .restrictions, "core-handler", found: !isSocket, .useful,
            pattern.isEmpty ? "not known" : pattern.hasPrefix("|") ? "core dumps go to \(handler)" : way,
            means: isSocket
                ? "whatever crashes in a sandbox is handed to that service of the host, with its memory: a command can crash "
                    + "as often, and with what content, it likes. The limit on core dumps does not hold for sockets"
                : "a handler is started as root in the host's namespaces. It is not for what crashes in a sandbox: the limit on "
                    + "core dumps is 1 byte there, which the kernel takes as no",
            remedy: isSocket ? Remedy.sysctl([("kernel.core_pattern", "core")]) : nil)
    }
}
