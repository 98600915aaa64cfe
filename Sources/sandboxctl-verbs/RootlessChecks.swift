import LinuxSystem
import SandboxModel

/// What `doctor` tells of `exec --standalone` without root: whether an ordinary user has sandboxes here, what they lack by the names
/// that `--accept-weaker` takes, and what would give it to them.
enum RootlessChecks {
    /// - Parameter facts: of the user who asks. For root they are of the host alone.
    static func findings(of facts: RootlessFacts) -> [HostReport.Finding] {
        [namespaces(facts), group(facts), weaker(facts)]
    }

    private static func namespaces(_ facts: RootlessFacts) -> HostReport.Finding {
        let name = "user-namespaces"
        guard let lack = facts.lack else {
            if facts.uid == 0, let barrier = facts.barrier {
                return .init(
                    name: name, isFound: false,
                    detail: "\(barrier.setting): ordinary users have no sandboxes without a service",
                    remedy: barrier.remedy)
            }
            return .init(name: name, isFound: true, detail: "ordinary users may have sandboxes without a service")
        }
        let (what, errno, otherwise): (String, Int32, String) =
            switch lack {
            case .userNamespace(let errno):
                ("no user namespace", errno, "run a service, or use a host or container that allows them")
            case .capabilities(let errno):
                (
                    "a user namespace without its capabilities", errno,
                    "run a service, or ask for a security profile that allows them"
                )
            case .ownProc(let errno):
                (
                    "no /proc of one's own, because a part of this one is covered", errno,
                    "run a service, or run outside this container"
                )
            }
        let setting = facts.barrier.map { "; \($0.setting)" } ?? ""
        return .init(
            name: name, isFound: false, detail: "user \(facts.uid) gets \(what): \(errnoName(errno))\(setting)",
            remedy: facts.barrier?.remedy ?? otherwise)
    }

    private static func group(_ facts: RootlessFacts) -> HostReport.Finding {
        let name = "user-group"
        switch facts.group {
        case .own(let controllers):
            return .init(
                name: name, isFound: true, detail: "this user's own cgroup, with \(controllers.joined(separator: ", "))"
            )
        case .fromManager(let controllers):
            return .init(
                name: name, isFound: true,
                detail: "from this user's service manager, with \(controllers.joined(separator: ", "))",
                remedy: controllers.contains("cpu")
                    ? nil
                    : "for limits.cpus: 'Delegate=cpu memory pids io' for user@.service, in /etc/systemd/system/user@.service.d"
            )
        case .none(let reason):
            return .init(
                name: name, isFound: false,
                detail: "\(reason): memory and cpus are not limited for a whole run without root",
                remedy: facts.uid == 0
                    ? nil : "log in with systemd's user session, or 'loginctl enable-linger', on a host with cgroup v2")
        }
    }

    /// The names that a run of the built-in policies has to accept.
    private static func weaker(_ facts: RootlessFacts) -> HostReport.Finding {
        let names = missing(facts).map(\.name)
        let options = names.map { "--accept-weaker \($0)" }.joined(separator: " ")
        return .init(
            name: "without-root", isFound: false,
            detail: "'sandboxctl exec --standalone' of an ordinary user asks for \(options)")
    }

    static func missing(_ facts: RootlessFacts) -> [Weakness] {
        switch facts.group {
        case .own(let controllers), .fromManager(let controllers):
            controllers.contains("cpu") ? [.ownUID] : [.ownUID, .cpus]
        case .none: [.ownUID, .memory, .cpus]
        }
    }
}
