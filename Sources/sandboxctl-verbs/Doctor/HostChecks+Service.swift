import LinuxSystem
import SandboxPolicy

/// The service as systemd knows it, its socket, who may connect, and its policies.
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

    private static func socketFile(_ host: HostFacts) -> Finding {
        let file = host.file(host.socket)
        let isSocket = file?.kind == .socket
        let detail =
            file.map {
                isSocket
                    ? "\(host.socket), group \($0.gid), mode 0\(String($0.mode, radix: 8))"
                    : "\(host.socket) is no socket"
            }
            ?? "there is no \(host.socket)"
        return Finding(
            .service, "socket", found: isSocket && host.writeError(host.socket) == 0, .useful,
            isSocket && host.writeError(host.socket) != 0
                ? "\(detail): \(errnoName(host.writeError(host.socket)))" : detail,
            means: "clients connect there; who may is its group and mode",
            remedy: isSocket
                ? "usermod -aG sandboxd \(name(of: host.caller.uid, host) ?? "USER"), and log in again"
                : Units(host.units).isSocketInstalled ? "systemctl enable --now sandboxd.socket" : nil)
    }

    /// A user's name that can stand in a command line.
    private static func name(of uid: UInt32, _ host: HostFacts) -> String? {
        let fields = host.records("/etc/passwd").first { $0.count >= 3 && $0[2] == "\(uid)" }
        return fields.flatMap { plainPath("/" + $0[0]) }.map { String($0.dropFirst()) }
    }

    private static func membership(_ host: HostFacts) -> Finding {
        let gid = groupNumber(host)
        let name = name(of: host.caller.uid, host)
        let listed =
            host.records("/etc/group").first { $0.count >= 4 && $0[0] == "sandboxd" }?[3]
            .split(separator: ",").map(String.init) ?? []
        let isMember = host.caller.uid == 0 || gid.map(host.caller.groups.contains) ?? false
        let isListed = name.map(listed.contains) ?? false
        return Finding(
            .service, "membership", found: isMember, .useful,
            host.caller.uid == 0
                ? "root may always connect"
                : isMember
                    ? "this user is in the group that may connect"
                    : isListed
                        ? "this user was added to the group after he had logged in"
                        : "this user is not in the group that may connect",
            means: "who is in the group may run commands as the policies let him",
            remedy: gid == nil
                ? nil
                : isListed
                    ? "newgrp sandboxd, or log in again" : "usermod -aG sandboxd \(name ?? "USER"), and log in again")
    }

    private static func answer(_ host: HostFacts) -> Finding {
        let (isFound, detail): (Bool, String) =
            switch host.service {
            case .answers(let server, let number, _): (true, "\(server), protocol \(number)")
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

    // MARK: - Policies

    private static let policyDirectory = PolicyInput.standardDirectory

    private static func policies(_ host: HostFacts) -> Finding {
        let (isValid, detail) = judgePolicies(host)
        return Finding(
            .service, "policies", found: isValid, .needed, detail,
            means:
                "the service starts with all of its policies or not at all; they are root's, and nobody else may write them",
            remedy:
                "chown -R root:root \(policyDirectory) && chmod -R go-w \(policyDirectory) && sandboxctl policy check \(policyDirectory)"
        )
    }

    private static func judgePolicies(_ host: HostFacts) -> (isValid: Bool, detail: String) {
        guard let directory = host.file(policyDirectory) else {
            return (true, "there is no \(policyDirectory): the built-in ones are served")
        }
        guard directory.kind == .directory, directory.uid == 0, !directory.isWritableByOthers else {
            return (false, "\(policyDirectory) is not a directory that root alone can write")
        }
        guard let names = host.list(policyDirectory) else {
            return (true, "\(policyDirectory) cannot be looked into by this user")
        }
        var inputs: [PolicyInput] = []
        for name in names where PolicyInput.isPolicyFile(name) {
            let path = "\(policyDirectory)/\(name)"
            guard let file = host.file(path), file.uid == 0, !file.isWritableByOthers, file.kind == .regular else {
                return (false, "\(path) is not a file that root alone can write")
            }
            guard let text = host.read(path) else {
                return host.caller.uid == 0
                    ? (false, "\(path) cannot be read") : (true, "\(path) cannot be read by this user")
            }
            inputs.append(PolicyInput(name: PolicyInput.name(ofFile: path), path: path, contents: Array(text.utf8)))
        }
        guard let builtIn = try? PolicySet.builtIn() else { return (false, "the built-in policies cannot be read") }
        switch PolicySet.check(inputs, over: builtIn) {
        case .success(let policies):
            if let problem = unknownTenants(policies, host) { return (false, problem) }
            return (true, "\(inputs.count) in \(policyDirectory), and the built-in ones")
        case .failure(let errors): return (false, firstOf(errors))
        }
    }

    private static func firstOf(_ errors: PolicyErrors) -> String {
        "\(errors.diagnostics.count) errors, the first: \(errors.diagnostics.first.map { "\($0)" } ?? "")"
    }

    /// The names are looked up where the service looks: in the files.
    private static func unknownTenants(_ policies: PolicySet, _ host: HostFacts) -> String? {
        guard policies.hasTenants else { return nil }
        let (users, groups) = (host.read("/etc/passwd") ?? "", host.read("/etc/group") ?? "")
        let accounts = Accounts(
            user: { AccountFiles.user($0, in: Array(users.utf8))?.uid },
            group: { AccountFiles.group($0, in: Array(groups.utf8)) })
        do throws(PolicyErrors) {
            _ = try policies.resolvingTenants(with: accounts)
            return nil
        } catch {
            return firstOf(error)
        }
    }
}

extension HostFacts {
    /// A service answers, or will when it is asked to run something.
    var isServed: Bool {
        switch service {
        case .answers: true
        case .waiting: writeError(socket) == 0
        case .absent, .refused, .silent: false
        }
    }
}
