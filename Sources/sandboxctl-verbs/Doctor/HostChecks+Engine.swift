import Glibc
import LinuxSystem

/// The container engine, where a policy of the service's has `backend: docker`; without one nothing is asked and nothing told.
extension HostChecks {
    static func engine(_ host: HostFacts) -> [Finding] {
        guard let need = engineNeed(host) else { return [] }
        var findings = [engineSocket(host, need), engineGroup(host, need)]
        guard let facts = host.engine else { return findings }
        findings.append(engineAnswer(host, need, facts))
        switch facts.answer {
        // Whoever may not ask is told that nothing is known; of an engine that is not there that is no news.
        case .answers, .unreachable(EACCES), .unreachable(EPERM):
            findings += [engineImages(host, need, facts)] + engineNetworks(need, facts)
        default: break
        }
        return findings
    }

    private static func policies(_ need: EngineNeed) -> String {
        let names = need.images.map(\.policy)
        let more = names.count > 3 ? " and \(names.count - 3) more" : ""
        return "policy \(names.prefix(3).joined(separator: ", "))\(more)"
    }

    /// How an engine gets here.
    private static func installation(_ host: HostFacts) -> String {
        if isUnitThere(host) { return "systemctl enable --now docker.socket docker.service" }
        return host.exists("/usr/bin/apt-get")
            ? "apt-get install docker.io" : "install Docker 20.10 or newer, and start it"
    }

    private static func isUnitThere(_ host: HostFacts) -> Bool {
        ["/usr/lib/systemd/system/docker.service", "/etc/systemd/system/docker.service"].contains(where: host.exists)
    }

    private static func engineSocket(_ host: HostFacts, _ need: EngineNeed) -> Finding {
        let file = host.file(need.socket)
        let isThere = file?.kind == .socket
        return Finding(
            .engine, "engine-socket", found: isThere, .useful,
            file.map {
                isThere
                    ? "\(need.socket), group \($0.gid), mode 0\(String($0.mode, radix: 8))"
                    : "\(need.socket) is no socket"
            } ?? "there is no \(need.socket)",
            means: "\(policies(need)): its sandboxes are containers, and sandbox-docker asks the engine for them there",
            remedy: isThere
                ? nil : "\(installation(host)); where its socket is another, sandboxd --docker-socket PATH")
    }

    /// The most that is said of an engine: its socket is root.
    private static func engineGroup(_ host: HostFacts, _ need: EngineNeed) -> Finding {
        let file = host.file(need.socket)
        let isOpen = (file?.mode ?? 0) & 0o002 != 0
        let gid = file.flatMap { $0.mode & 0o020 != 0 ? $0.gid : nil }
        let record = gid.flatMap { gid in host.records("/etc/group").first { $0.count >= 4 && $0[2] == "\(gid)" } }
        let listed = (record?[3] ?? "").split(separator: ",").map(String.init).filter { $0 != "root" }
        let first = host.records("/etc/passwd").filter { fields in
            fields.count >= 4 && fields[2] != "0" && gid.map { fields[3] == "\($0)" } ?? false
        }.map { $0[0] }
        let users = listed + first.filter { !listed.contains($0) }
        let name = record?[0] ?? gid.map { "number \($0)" } ?? ""
        let lines = listed.compactMap { user in
            plainName(user).flatMap { user in plainName(name).map { "gpasswd -d \(user) \($0)" } }
        }
        return Finding(
            .engine, "engine-group", found: !isOpen && users.isEmpty, .useful,
            isOpen
                ? "everybody may write to \(need.socket), and is root by that"
                : users.isEmpty
                    ? "nobody but root may ask the engine"
                    : "in the group \(name), and root by that: \(users.prefix(8).joined(separator: ", "))",
            means: """
                whoever may write to the engine's socket is root: he can have a container with all of the host's files in it, and no \
                policy stands in between
                """,
            remedy: isOpen
                ? plainPath(need.socket).map { "chmod o-rw \($0)" }
                : lines.isEmpty ? nil : lines.joined(separator: "; "))
    }

    private static func engineAnswer(_ host: HostFacts, _ need: EngineNeed, _ facts: EngineFacts) -> Finding {
        let (isFound, detail, remedy) = judge(facts, host, need)
        return Finding(
            .engine, "engine", found: isFound, .useful, detail,
            means:
                "\(policies(need)): runs are refused, for the time being, while no engine that sandboxd can use answers",
            remedy: remedy)
    }

    private static func judge(
        _ facts: EngineFacts, _ host: HostFacts, _ need: EngineNeed
    ) -> (isFound: Bool, detail: String, remedy: String?) {
        let again = isUnitThere(host) ? "systemctl restart docker.service" : "start the engine again"
        switch facts.answer {
        case .unreachable(EACCES), .unreachable(EPERM):
            return (true, "not asked: user \(host.caller.uid) may not, which is as it should be", nil)
        case .unreachable(ENOENT): return (false, "there is no \(need.socket)", installation(host))
        case .unreachable(let code): return (false, "nobody answers at \(need.socket): \(errnoName(code))", again)
        case .silent(let milliseconds): return (false, "it did not answer within \(milliseconds) ms", again)
        case .incomprehensible:
            return (false, "who answers at \(need.socket) is no Docker Engine", "sandboxd --docker-socket PATH")
        case .answers(let interface):
            let (major, minor) = EngineNeed.oldestInterface
            let oldest = "\(major).\(minor)"
            guard isSufficient(interface) else {
                return (
                    false, "its interface is \(interface), and \(oldest) is needed (Docker 20.10)",
                    "install Docker 20.10 or newer"
                )
            }
            if let option = facts.security?.first(where: { ["name=rootless", "name=userns"].contains($0) }) {
                return (
                    false,
                    "its containers have a user namespace (\(option)), in which a sandbox's own user is not one of the host's",
                    option == "name=userns"
                        ? "take userns-remap out of /etc/docker/daemon.json, and start the engine again"
                        : "sandboxd --docker-socket with the socket of an engine that root runs"
                )
            }
            return (true, "it answers, with interface \(interface)", nil)
        }
    }

    private static func isSufficient(_ interface: String) -> Bool {
        let numbers = interface.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return false }
        return (major, minor) >= EngineNeed.oldestInterface
    }

    private static func engineImages(_ host: HostFacts, _ need: EngineNeed, _ facts: EngineFacts) -> Finding {
        let known = need.images.filter { facts.images[$0.name] != nil }
        let missing = known.filter { facts.images[$0.name] == false && !$0.isFetched }
        let fetched = known.filter { facts.images[$0.name] == false && $0.isFetched }
        let there = known.count - missing.count - fetched.count
        let detail =
            known.isEmpty
            ? "not known"
            : "\(there) of \(need.images.count) there"
                + (fetched.isEmpty ? "" : ", \(fetched.count) fetched when needed")
        return Finding(
            .engine, "engine-images", found: missing.isEmpty, .useful,
            missing.isEmpty
                ? detail
                : "not there: \(missing.prefix(4).map { "\($0.name) of policy \($0.policy)" }.joined(separator: ", "))",
            means:
                "with 'pull: never', a policy's own choice where it says nothing, its image must be there before a run",
            // An id is nobody's to fetch, and a name that is none in a shell is not to be put there.
            remedy: missing.first.map { image in
                image.name.hasPrefix("sha256:") || image.name.contains("[")
                    ? "docker load or docker import it" : "docker pull \(image.name)"
            })
    }

    /// Nothing where no policy has one.
    private static func engineNetworks(_ need: EngineNeed, _ facts: EngineFacts) -> [Finding] {
        let wanted = need.images.filter { $0.network != nil }
        guard !wanted.isEmpty else { return [] }
        let missing = wanted.compactMap { image in
            image.network.flatMap { facts.networks[$0] == false ? (policy: image.policy, name: $0) : nil }
        }
        let isKnown = wanted.contains { $0.network.map { facts.networks[$0] != nil } ?? false }
        return [
            Finding(
                .engine, "engine-networks", found: missing.isEmpty, .useful,
                missing.isEmpty
                    ? isKnown ? "all there" : "not known"
                    : "not there: \(missing.prefix(4).map { "\($0.name) of policy \($0.policy)" }.joined(separator: ", "))",
                means: "a container joins the network that its policy names, and is refused by the engine without it",
                remedy: missing.first.map { "docker network create \($0.name)" })
        ]
    }
}
