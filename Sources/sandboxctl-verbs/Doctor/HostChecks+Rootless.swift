import LaunchPlan
import LinuxSystem

/// What an ordinary user's `exec --standalone` takes: it makes its sandboxes in user namespaces of its own, below a group that
/// the user's service manager gives it.
extension HostChecks {
    static func standalone(_ host: HostFacts) -> [Finding] {
        [userNamespaces(host), visibleProc(host), userGroup(host), userService(host)]
    }

    private static func userNamespaces(_ host: HostFacts) -> Finding {
        let trial = host.namespaceTrial
        let whose = "user \(host.caller.uid == 0 ? SandboxIdentities.nobodyElse : host.caller.uid)"
        let detail =
            trial.map {
                $0.error == 0
                    ? "\(whose) made all namespaces, a tmpfs and a /proc"
                    : "\(whose) could not \($0.stage): \(errnoName($0.error))"
            }
            ?? "not known: it could not be tried"
        return Finding(
            .standalone, "user-namespaces", found: trial?.error == 0, .needed, detail,
            means: "without root a sandbox is made in a user namespace of the caller's own",
            remedy: userNamespaceRemedy(host))
    }

    /// By what forbids it: more than one thing can.
    private static func userNamespaceRemedy(_ host: HostFacts) -> String {
        if host.number("/proc/sys/kernel/unprivileged_userns_clone") == 0 {
            return Remedy.sysctl([("kernel.unprivileged_userns_clone", "1")])
        }
        if host.number("/proc/sys/user/max_user_namespaces") == 0 {
            return Remedy.sysctl([("user.max_user_namespaces", "65536")])
        }
        if restrictsUserNamespaces(host) { return appArmorRemedy(host) }
        if let trial = host.namespaceTrial, trial.stage == "mount a /proc in it" {
            return
                "start sandboxctl where /proc has nothing mounted over it: outside of the container, or in one with an unmasked /proc"
        }
        return
            "allow unshare(2), clone3(2) and mount(2) around this process, as in a container's seccomp profile, or use the service"
    }

    /// Only who has a complete /proc in sight can mount another one, mount_namespaces(7). An empty directory of the kernel's may
    /// be covered.
    private static func visibleProc(_ host: HostFacts) -> Finding {
        let covered = host.mounts.map(\.path).filter { $0.hasPrefix("/proc/") && $0 != "/proc/sys/fs/binfmt_misc" }
        return Finding(
            .standalone, "visible-proc", found: covered.isEmpty, .needed,
            covered.isEmpty ? "nothing covers a part of it" : "covered: \(covered.prefix(4).joined(separator: ", "))",
            means: "without root a sandbox gets a /proc of its own only where the host's is complete",
            remedy:
                "start the container with an unmasked /proc (docker: --security-opt systempaths=unconfined), or use the service"
        )
    }

    /// What a sandbox of an ordinary user's has a group with: his own, where it was delegated to him, or one that his service
    /// manager hands out. `nil` where there is none, or it lacks what makes it useful.
    static func delegatedControllers(_ host: HostFacts) -> [String]? {
        guard let path = delegatedGroup(host) else { return nil }
        let given = host.words("\(path)/cgroup.controllers")
        return ["memory", "pids"].allSatisfy(given.contains) ? given : nil
    }

    private static func delegatedGroup(_ host: HostFacts) -> String? {
        let hierarchy = Hierarchy(host)
        guard hierarchy.version == 2, let root = hierarchy.roots[""] else { return nil }
        func isWritable(_ path: String) -> Bool {
            ["cgroup.procs", "cgroup.subtree_control"].allSatisfy { host.writeError("\(path)/\($0)") == 0 }
        }
        if host.caller.uid != 0, let own = hierarchy.directory(of: ""), own != root, isWritable(own) { return own }
        guard host.caller.uid == 0 || host.userManager != nil else { return nil }
        return managerGroup(host, root).flatMap { host.caller.uid == 0 || isWritable($0) ? $0 : nil }
    }

    private static func userGroup(_ host: HostFacts) -> Finding {
        let uid = host.caller.uid
        guard Hierarchy(host).version == 2 else {
            return limits(
                found: false, "cgroup v1 gives ordinary users no groups",
                remedy: Remedy.boot("systemd.unified_cgroup_hierarchy=1", host))
        }
        guard let path = delegatedGroup(host) else {
            return limits(
                found: false,
                uid == 0 ? "no user's service manager runs now: not known" : "no group is delegated to user \(uid)",
                remedy: uid == 0 || !hasSystemd(host) ? nil : "loginctl enable-linger \(uid)")
        }
        let given = host.words("\(path)/cgroup.controllers")
        let missing = Hierarchy.required.filter { !given.contains($0) }
        let file = "/etc/systemd/system/user@.service.d/delegate.conf"
        return limits(
            found: missing.isEmpty,
            missing.isEmpty
                ? "\(path) has \(given.joined(separator: ", "))" : "\(path) lacks \(missing.joined(separator: ", "))",
            remedy:
                "mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' >\(file) && "
                + "systemctl daemon-reload, and log in again")
    }

    /// Nobody hands out groups to users without it.
    private static func hasSystemd(_ host: HostFacts) -> Bool { host.exists("/run/systemd/system") }

    private static func limits(found: Bool, _ detail: String, remedy: String?) -> Finding {
        Finding(
            .standalone, "user-group", found: found, .useful, detail,
            means:
                "without root memory, processes and CPU time of a whole run are limited in a group that systemd delegates to the user",
            remedy: remedy)
    }

    /// Of the caller's service manager; for root, of any.
    private static func managerGroup(_ host: HostFacts, _ root: String) -> String? {
        let slice = "\(root)/user.slice"
        let users: [String]
        if host.caller.uid == 0 {
            users = (host.list(slice) ?? []).compactMap { name in
                guard name.hasPrefix("user-"), name.hasSuffix(".slice") else { return nil }
                return UInt32(name.dropFirst(5).dropLast(6)).flatMap { $0 == 0 ? nil : "\($0)" }
            }
        } else {
            users = ["\(host.caller.uid)"]
        }
        return users.map { "\(slice)/user-\($0).slice/user@\($0).service" }.first { host.exists($0) }
    }

    private static func userService(_ host: HostFacts) -> Finding {
        let uid = host.caller.uid
        if uid == 0 {
            return Finding(
                .standalone, "user-manager", found: hasSystemd(host), .useful,
                hasSystemd(host) ? "each user who logs in has one" : "this host has no systemd",
                means: "a user's own service manager hands out his group")
        }
        let version = (host.userManager ?? "").split(separator: "\n").first { $0.hasPrefix("Version=") }?.dropFirst(8)
        let detail =
            version.map { "systemd \($0) answers" } ?? (hasSystemd(host) ? nil : "this host has no systemd")
            ?? (host.caller.runtimeDirectory.map { "nobody answers in \($0)" } ?? "there is no /run/user/\(uid)")
        return Finding(
            .standalone, "user-manager", found: version != nil, .useful, detail,
            means: "a user's own service manager hands out his group",
            remedy: hasSystemd(host)
                ? "apt-get install libpam-systemd && loginctl enable-linger \(uid), and log in again by a session of its own, not by "
                    + "su or sudo" : nil)
    }
}
