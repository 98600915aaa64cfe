import Glibc

/// What the kernel must have, and what it had better have.
extension HostChecks {
    static func kernel(_ host: HostFacts) -> [Finding] {
        [
            release(host), machine(host), namespaces(host), namespaceLimits(host), namespaceRoom(host), seccomp(host),
            seccompLog(host), landlock(host), landlockRules(host), openat2(host), mountCalls(host),
            idMappedMounts(host),
            clone3(host), birthInGroup(host), pidfd(host), closeRange(host), memfd(host), clockSource(host),
        ]
    }

    private static func release(_ host: HostFacts) -> Finding {
        Finding(
            .kernel, "kernel", found: host.isAtLeast(6, 1), .needed, "Linux \(host.release)",
            means: "sandboxes need Linux 6.1 or newer",
            remedy: host.exists("/usr/bin/apt-get")
                ? "apt-get install linux-image-\(debianArchitecture(host)) && reboot"
                : "install a kernel of Linux 6.1 or newer, and boot it")
    }

    private static func debianArchitecture(_ host: HostFacts) -> String {
        host.machine == "aarch64" ? "arm64" : "amd64"
    }

    private static func machine(_ host: HostFacts) -> Finding {
        Finding(
            .kernel, "machine", found: ["x86_64", "aarch64"].contains(host.machine), .needed, host.machine,
            means: "there are lists of system calls for x86_64 and aarch64 only",
            remedy: "use a host of one of these architectures")
    }

    private static let namespaceKinds = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"]

    private static func namespaces(_ host: HostFacts) -> Finding {
        let missing = namespaceKinds.filter { !host.exists("/proc/self/ns/\($0)") }
        return Finding(
            .kernel, "namespaces", found: missing.isEmpty, .needed,
            missing.isEmpty ? namespaceKinds.joined(separator: ", ") : "not \(missing.joined(separator: ", "))",
            means: "every sandbox has namespaces of its own of each kind",
            remedy:
                "boot a kernel that is built with \(missing.map(option).joined(separator: ", ")), and see that /proc is mounted"
        )
    }

    private static func option(_ kind: String) -> String {
        switch kind {
        case "mnt": "CONFIG_NAMESPACES"
        case "cgroup": "CONFIG_CGROUPS"
        default: "CONFIG_\(kind.uppercased())_NS"
        }
    }

    /// The sysctl's name and its value; those that a kernel has not limit nothing.
    private static func namespaceSettings(_ host: HostFacts) -> [(name: String, value: UInt64)] {
        namespaceKinds.compactMap { kind in
            host.number("/proc/sys/user/max_\(kind)_namespaces").map { ("user.max_\(kind)_namespaces", $0) }
        }
    }

    private static let goodRoom: UInt64 = 8192

    private static func namespaceLimits(_ host: HostFacts) -> Finding {
        let limits = namespaceSettings(host)
        let none = limits.filter { $0.value == 0 }
        return Finding(
            .kernel, "namespace-limits", found: none.isEmpty, .needed,
            none.isEmpty
                ? "at least \(limits.map(\.value).min() ?? .max) of each kind"
                : none.map { "\($0.name) is 0" }.joined(separator: ", "),
            means: "0 forbids that kind of namespace to everybody, and so every sandbox",
            remedy: Remedy.sysctl(none.map { ($0.name, "65536") }))
    }

    private static func namespaceRoom(_ host: HostFacts) -> Finding {
        let few = namespaceSettings(host).filter { $0.value < goodRoom }
        return Finding(
            .kernel, "namespace-room", found: few.isEmpty, .useful,
            few.isEmpty
                ? "for more than \(goodRoom) sandboxes"
                : few.map { "\($0.name) is \($0.value)" }.joined(separator: ", "),
            means: "each sandbox alive, waiting or being torn down has one namespace of each kind",
            remedy: Remedy.sysctl(few.map { ($0.name, "65536") }))
    }

    private static func seccomp(_ host: HostFacts) -> Finding {
        let actions = host.words("/proc/sys/kernel/seccomp/actions_avail")
        let missing = ["kill_process", "errno", "user_notif", "allow"].filter { !actions.contains($0) }
        // A filter around this process can forbid the call; the file says what the kernel has.
        let error = host.calls[.seccompNotify] ?? 0
        let isUsable = missing.isEmpty && error == 0
        return Finding(
            .kernel, "seccomp", found: isUsable, .needed,
            !missing.isEmpty
                ? "without \(missing.joined(separator: ", "))"
                : error == 0 ? "with user_notif" : "seccomp(2) answers \(name(ofError: error)) here",
            means: "the system calls of a command are filtered, and refused ones are told with their arguments",
            remedy: missing.isEmpty
                ? "let the container or service that this runs in make the call seccomp(2)"
                : "boot a kernel of Linux 6.1 or newer that is built with CONFIG_SECCOMP_FILTER")
    }

    private static func seccompLog(_ host: HostFacts) -> Finding {
        let isFound = host.words("/proc/sys/kernel/seccomp/actions_avail").contains("log")
        return Finding(
            .kernel, "seccomp-log", found: isFound, .useful, isFound ? "available" : "not available",
            means: "nothing of sandboxd uses it; a policy's writer can find with it what a program calls")
    }

    private static func landlock(_ host: HostFacts) -> Finding {
        let list = host.read("/sys/kernel/security/lsm").map(moduleNames)
        let order = (["landlock"] + (list ?? ["..."]).filter { $0 != "landlock" && $0 != "capability" })
        return Finding(
            .kernel, "landlock", found: host.landlock != nil, .needed,
            host.landlock.map { "version \($0)" } ?? "the kernel does not offer it",
            means: "paths that a policy does not show are refused by the kernel a second time, whatever is mounted",
            remedy: list == nil
                ? "mount -t securityfs securityfs /sys/kernel/security && cat /sys/kernel/security/lsm, and add "
                    + "lsm=landlock, and that list to the kernel's command line"
                : Remedy.boot("lsm=\(order.joined(separator: ","))", host))
    }

    /// What the list of modules consists of: it becomes part of a command line.
    static func moduleNames(_ text: String) -> [String] {
        text.split { $0 == "," || $0.isWhitespace }.map(String.init).filter { name in
            name.utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "_") }
        }
    }

    private static func landlockRules(_ host: HostFacts) -> Finding {
        let version = host.landlock ?? 0
        let lacking = [(4, "TCP ports (Linux 6.7)"), (6, "abstract sockets and signals (Linux 6.12)")]
            .filter { version < $0.0 }.map(\.1)
        return Finding(
            .kernel, "landlock-rules", found: lacking.isEmpty, .useful,
            lacking.isEmpty
                ? "on files, TCP ports, abstract sockets and signals" : "none on \(lacking.joined(separator: ", "))",
            means: "a second fence around what namespaces keep apart already")
    }

    // MARK: - System calls

    private static func isMissing(_ call: KernelCall, _ host: HostFacts) -> Bool {
        let error = host.calls[call] ?? 0
        // Only a kernel that knows the flag looks for the group.
        if call == .cloneIntoCgroup { return error != 0 && error != EBADF }
        return error == ENOSYS
    }

    private static func calls(
        _ name: String, _ calls: [KernelCall], _ need: Finding.Need, _ host: HostFacts, since: String, means: String
    ) -> Finding {
        let missing = calls.filter { isMissing($0, host) }
        let remedy =
            host.isAtLeast(6, 1)
            ? "the kernel has it, and a filter around this process hides it: start sandboxd outside of the container, or with "
                + "a seccomp profile that allows \(missing.map(\.rawValue).joined(separator: ", "))"
            : "boot Linux 6.1 or newer (\(since))"
        return Finding(
            .kernel, name, found: missing.isEmpty, need,
            (missing.isEmpty ? calls : missing).map(\.rawValue).joined(separator: ", ")
                + (missing.isEmpty ? "" : ": ENOSYS"), means: means, remedy: remedy)
    }

    private static func openat2(_ host: HostFacts) -> Finding {
        calls(
            "openat2", [.openat2, .faccessat2], .needed, host, since: "openat2 came with 5.6, faccessat2 with 5.8",
            means: "workspaces are opened without following links that lead out")
    }

    private static func mountCalls(_ host: HostFacts) -> Finding {
        calls(
            "mount-api", [.openTree, .moveMount, .fsopen], .needed, host, since: "they came with 5.2",
            means: "what a sandbox sees is mounted by descriptor, never by a path that a caller chose")
    }

    private static func idMappedMounts(_ host: HostFacts) -> Finding {
        calls(
            "idmapped-mounts", [.mountSetattr], .needed, host, since: "it came with 5.12",
            means: "a workspace's files belong to the command inside and to the caller outside")
    }

    private static func clone3(_ host: HostFacts) -> Finding {
        calls(
            "clone3", [.clone3], .needed, host, since: "it came with 5.3",
            means: "a sandbox is born in all of its namespaces, and known by a descriptor")
    }

    private static func birthInGroup(_ host: HostFacts) -> Finding {
        calls(
            "clone-into-cgroup", [.cloneIntoCgroup], Hierarchy(host).version == 2 ? .needed : .useful, host,
            since: "it came with 5.7",
            means: "on cgroup v2 a sandbox is born in its group, and never outside of its limits")
    }

    private static func pidfd(_ host: HostFacts) -> Finding {
        calls(
            "pidfd", [.pidfdOpen, .pidfdSendSignal], .needed, host, since: "they came with 5.3",
            means: "processes are signalled by descriptor, never by a number that may be somebody else's by now")
    }

    private static func closeRange(_ host: HostFacts) -> Finding {
        calls(
            "close-range", [.closeRange], .needed, host, since: "it came with 5.9",
            means: "a command gets no descriptor but its own three")
    }

    private static func memfd(_ host: HostFacts) -> Finding {
        let setting = host.number("/proc/sys/vm/memfd_noexec") ?? 0
        let isMissing = isMissing(.memfdCreate, host)
        return Finding(
            .kernel, "memfd-exec", found: !isMissing && setting < 2, .needed,
            isMissing ? "memfd_create: ENOSYS" : "vm.memfd_noexec is \(setting)",
            means: "pid 1 of a sandbox is executed from a sealed copy in memory; 2 forbids to execute any",
            remedy: isMissing ? "allow memfd_create(2) around this process" : Remedy.sysctl([("vm.memfd_noexec", "1")]))
    }

    private static func clockSource(_ host: HostFacts) -> Finding {
        let name = host.words("/sys/devices/system/clocksource/clocksource0/current_clocksource").first
        let slow = ["hpet", "acpi_pm", "jiffies", "refined-jiffies", "xen", "pit"]
        let isFast = name.map { !slow.contains($0) } ?? true
        return Finding(
            .kernel, "clock", found: isFast, .useful, name ?? "not known",
            means: "a clock that is not read without a system call makes every deadline and figure dearer",
            remedy: host.machine == "x86_64" ? Remedy.boot("clocksource=tsc", host) : nil)
    }
}
