import LinuxSystem
import SandboxPolicy

/// The service as systemd knows it, and whether it answers.
extension HostChecks {
    static func service(_ host: HostFacts) -> [Finding] {
        [
            caller(host), systemd(host), unitFiles(host), socketUnit(host), serviceUnit(host), socketFile(host),
            membership(host),
            answer(host), journal(host), policies(host),
        ]
    }

    /// The name `root` is older than this section.
    private static func caller(_ host: HostFacts) -> Finding {
        let uid = host.caller.uid
        return Finding(
            .service, "root", found: uid == 0 || host.isServed, .useful,
            uid == 0
                ? "this user can start sandboxd"
                : host.isServed
                    ? "a service runs; user \(uid) could not start one"
                    : "user \(uid) cannot start the service, and none answers him",
            means: "sandboxd starts as root, to start the launcher and to load policies",
            remedy: Units(host.units).isSocketInstalled
                ? "sudo systemctl start sandboxd.socket" : "sudo sandboxctl exec --standalone -- COMMAND")
    }

    private static func systemd(_ host: HostFacts) -> Finding {
        let isThere = host.exists("/run/systemd/system")
        return Finding(
            .service, "systemd", found: host.units != nil, .useful,
            host.units != nil ? "answers" : isThere ? "it does not answer systemctl" : "it is not this host's init",
            means:
                "it starts the service with its first client, watches it, and gives it a tree of groups; without it: sandboxd as root",
            remedy: isThere ? "systemctl status" : nil)
    }

    private static func unitFiles(_ host: HostFacts) -> Finding {
        let units = Units(host.units)
        let missing = [
            ("sandboxd.socket", units.isSocketInstalled), ("sandboxd.service", units.isServiceInstalled),
        ].filter { !$0.1 }.map(\.0)
        let isStale = units.service("NeedDaemonReload") == "yes" || units.socket("NeedDaemonReload") == "yes"
        return Finding(
            .service, "units", found: units.isKnown && missing.isEmpty && !isStale, .useful,
            !units.isKnown
                ? "not known: there is no systemd to ask"
                : !missing.isEmpty
                    ? "not installed: \(missing.joined(separator: ", "))"
                    : isStale ? "changed on disk since systemd read them" : "installed",
            means: "how systemd starts the service",
            remedy: !units.isKnown
                ? nil
                : missing.isEmpty ? "systemctl daemon-reload" : "make install PREFIX=/usr && systemctl daemon-reload")
    }

    private static func socketUnit(_ host: HostFacts) -> Finding {
        let units = Units(host.units)
        let isEnabled = ["enabled", "enabled-runtime", "static", "generated"].contains(
            units.socket("UnitFileState") ?? "")
        let isActive = units.socket("ActiveState") == "active"
        return Finding(
            .service, "socket-unit", found: isEnabled && isActive, .useful,
            units.isSocketInstalled
                ? "\(units.socket("UnitFileState") ?? "?"), \(units.socket("ActiveState") ?? "?")"
                : "not known or not installed",
            means: "the service is there after a boot, and starts with its first client",
            remedy: units.isSocketInstalled ? "systemctl enable --now sandboxd.socket" : nil)
    }

    private static func serviceUnit(_ host: HostFacts) -> Finding {
        let units = Units(host.units)
        let isFailed = units.service("ActiveState") == "failed"
        let detail =
            units.isServiceInstalled
            ? "\(units.service("ActiveState") ?? "?") (\(units.service("SubState") ?? "?"))"
                + (isFailed ? ", \(units.service("Result") ?? "?")" : "")
            : "not known or not installed"
        return Finding(
            .service, "service-unit", found: units.isServiceInstalled && !isFailed, .useful, detail,
            means: "whether the last start of the service went well",
            remedy: isFailed ? "journalctl -u sandboxd.service -n 50, then systemctl restart sandboxd.service" : nil)
    }

    private static func answer(_ host: HostFacts) -> Finding {
        let (isFound, detail): (Bool, String) =
            switch host.service {
            case .answers(let server, let number, _, true, _):
                (false, "\(server), protocol \(number), is stopping: it lets runs go on and takes no new ones")
            case .answers(let server, let number, _, false, _): (true, "\(server), protocol \(number)")
            case .waiting: (true, "starts with its first client")
            case .absent: (false, "nobody listens at \(host.socket)")
            case .refused(let message): (false, message)
            case .silent(let milliseconds): (false, "it listens and said nothing for \(milliseconds) ms")
            }
        let remedy: String? =
            switch host.service {
            case .silent: "systemctl restart sandboxd.service"
            case .absent where Units(host.units).isSocketInstalled: "systemctl start sandboxd.socket"
            case .absent:
                "sandboxd --socket \(plainPath(host.socket) ?? "/run/sandboxd/sandboxd.sock") as root, or use 'exec --standalone'"
            case .answers(_, _, _, true, _):
                Units(host.units).isSocketInstalled
                    ? "wait until it has ended: its next client starts it again"
                    : "wait until it has ended, and start it again"
            case .answers, .waiting, .refused: nil
            }
        return Finding(
            .service, "service", found: isFound, .useful, detail,
            means: "a service that runs serves each command in milliseconds",
            remedy: remedy)
    }

    private static func journal(_ host: HostFacts) -> Finding {
        let path = "/run/systemd/journal/socket"
        let isThere = host.file(path)?.kind == .socket
        return Finding(
            .service, "journal", found: isThere, .useful, isThere ? path : "there is no \(path)",
            means:
                "the service's records go there with fields, run, user, policy and reason among them; else they are lines on standard error",
            remedy: host.exists("/run/systemd/system") ? "systemctl start systemd-journald.socket" : nil)
    }
}

extension HostFacts {
    /// A service answers, or will when it is asked to run something.
    var isServed: Bool {
        switch service {
        case .answers(_, _, _, let isDraining, _): !isDraining
        case .waiting: writeError(socket) == 0
        case .absent, .refused, .silent: false
        }
    }
}
