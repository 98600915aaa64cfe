import LinuxSystem

/// The service's socket, and who may connect to it.
extension HostChecks {
    /// By what somebody gets in who is not root.
    private enum Admission {
        case everybody
        /// Of whoever has this group; its name, where it has one that can stand in a command line.
        case group(gid: UInt32, name: String?)
        case rootAlone
    }

    /// What the socket says; where there is none, what the units and sandboxd's own choice would make of it.
    private static func admission(_ host: HostFacts) -> Admission {
        guard let file = host.file(host.socket), file.kind == .socket else {
            return groupNumber(host).map { .group(gid: $0, name: "sandboxd") } ?? .rootAlone
        }
        if file.mode & 0o002 != 0 { return .everybody }
        // Whoever is in root's group may far more than connect.
        guard file.mode & 0o020 != 0, file.gid != 0 else { return .rootAlone }
        let name = host.records("/etc/group").first { $0.count >= 3 && $0[2] == "\(file.gid)" }?[0]
        return .group(gid: file.gid, name: name.flatMap(plainName))
    }

    /// What lets this user in.
    private static func remedy(_ host: HostFacts, _ admission: Admission) -> String? {
        switch admission {
        case .everybody: return nil
        case .group(let gid, let name?) where !host.caller.groups.contains(gid):
            return isListed(host, in: name)
                ? "newgrp \(name), or log in again"
                : "usermod -aG \(name) \(userName(host) ?? "USER"), and log in again"
        case .group(let gid, nil) where !host.caller.groups.contains(gid): return groupRemedy(host)
        case .rootAlone where host.caller.uid != 0: return groupRemedy(host)
        // It is not the socket's own mode that is in the way.
        case .group, .rootAlone: return plainPath(host.socket).map { "namei -l \($0)" }
        }
    }

    /// A group that users can be added to.
    private static func groupRemedy(_ host: HostFacts) -> String {
        Units(host.units).isSocketInstalled
            ? "mkdir -p /etc/systemd/system/sandboxd.socket.d && printf '[Socket]\\nSocketGroup=sandboxd\\nSocketMode=0660\\n' "
                + ">/etc/systemd/system/sandboxd.socket.d/group.conf && systemctl daemon-reload && systemctl stop sandboxd.service "
                + "&& systemctl restart sandboxd.socket"
            : "start sandboxd with --group sandboxd (groupadd --system sandboxd)"
    }

    static func socketFile(_ host: HostFacts) -> Finding {
        let file = host.file(host.socket)
        let isSocket = file?.kind == .socket
        let error = host.writeError(host.socket)
        let detail =
            file.map {
                isSocket
                    ? "\(host.socket), group \($0.gid), mode 0\(String($0.mode, radix: 8))"
                    : "\(host.socket) is no socket"
            }
            ?? "there is no \(host.socket)"
        return Finding(
            .service, "socket", found: isSocket && error == 0, .useful,
            isSocket && error != 0 ? "\(detail): \(errnoName(error))" : detail,
            means: "clients connect there; who may is its group and mode",
            remedy: isSocket
                ? remedy(host, admission(host))
                : Units(host.units).isSocketInstalled ? "systemctl enable --now sandboxd.socket" : nil)
    }

    static func membership(_ host: HostFacts) -> Finding {
        let admission = admission(host)
        let (isAdmitted, detail): (Bool, String) =
            switch admission {
            case _ where host.caller.uid == 0: (true, "root may always connect")
            case .everybody: (true, "everybody may connect")
            case .rootAlone: (false, "root alone may connect")
            case .group(let gid, _) where host.caller.groups.contains(gid):
                (true, "this user is in the group that may connect")
            case .group(_, let name?) where isListed(host, in: name):
                (false, "this user was added to the group \(name) after he had logged in")
            case .group(_, "sandboxd"): (false, "this user is not in the group that may connect")
            case .group(let gid, let name):
                (false, "this user is not in the group that may connect, \(name ?? "number \(gid), which has no name")")
            }
        return Finding(
            .service, "membership", found: isAdmitted, .useful, detail,
            means: "who is in the group may run commands as the policies let him",
            remedy: remedy(host, admission))
    }

    private static func isListed(_ host: HostFacts, in group: String) -> Bool {
        let record = host.records("/etc/group").first { $0.count >= 4 && $0[0] == group }
        guard let name = userName(host), let record else { return false }
        return record[3].split(separator: ",").contains { $0 == name }
    }

    /// The caller's.
    private static func userName(_ host: HostFacts) -> String? {
        host.records("/etc/passwd").first { $0.count >= 3 && $0[2] == "\(host.caller.uid)" }.flatMap {
            plainName($0[0])
        }
    }

    /// A name that can stand in a command line.
    static func plainName(_ name: String) -> String? {
        plainPath("/" + name).map { String($0.dropFirst()) }
    }
}
