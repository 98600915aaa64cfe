import Glibc
package import LaunchPlan
import LinuxSystem
package import SandboxModel

/// What the host knows and the inside must not share, and what it cannot give.
package struct HostFacts: Sendable, Equatable {
    /// This process's own namespaces by kind: "mnt" is "mnt:[4026531841]".
    package var namespaces: [String: String]
    /// Without root: whose ids the sandboxes have, this process's own. `nil`: each has its own.
    package var caller: Caller?
    /// Whether each sandbox is in a group that counts.
    package var hasGroups = true

    package struct Caller: Sendable, Equatable {
        package var uid: UInt32
        package var gid: UInt32

        package init(uid: UInt32, gid: UInt32) { (self.uid, self.gid) = (uid, gid) }
    }

    package init(namespaces: [String: String], caller: Caller? = nil, hasGroups: Bool = true) {
        self.namespaces = namespaces
        self.caller = caller
        self.hasGroups = hasGroups
    }

    /// What the launcher has found.
    mutating func take(_ resources: ResourceControl) {
        caller = resources.features.contains(.identities) ? nil : Caller(uid: getuid(), gid: getgid())
        hasGroups = resources.version != 0
    }

    /// Of this process. A namespace that cannot be read is absent, and the check that needs it fails.
    package static func current() -> HostFacts {
        var namespaces: [String: String] = [:]
        for kind in kinds {
            var buffer = [CChar](repeating: 0, count: 256)
            let count = readlink("/proc/self/ns/\(kind)", &buffer, 255)
            guard count > 0 else { continue }
            namespaces[kind] = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return HostFacts(namespaces: namespaces)
    }

    static let kinds = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"]
}

/// Compares what a probe found with what its policy promises. Pure: the same facts always get the same verdict.
///
/// A fact that is missing fails its check: nothing is taken for granted because a probe did not say it.
package struct ProbeJudge {
    let facts: ProbeFacts
    let policy: CompiledPolicy
    let host: HostFacts
    let usage: TreeUsage

    /// Every check, in a fixed order.
    package static func judge(
        _ facts: ProbeFacts, policy: CompiledPolicy, host: HostFacts, usage: TreeUsage
    ) -> [ProbeCheck] {
        let judge = ProbeJudge(facts: facts, policy: policy, host: host, usage: usage)
        return judge.process() + judge.isolation() + judge.files() + judge.paths() + judge.network() + judge.attempts()
    }

    func check(_ name: String, _ expected: String, _ observed: String?, _ passes: Bool) -> ProbeCheck {
        ProbeCheck(
            name: name, passed: passes && observed != nil, expected: expected, observed: (observed ?? "not known").shown
        )
    }

    /// A value that must be exactly this.
    func equal(_ name: String, _ observed: String?, _ expected: String) -> ProbeCheck {
        check(name, expected, observed, observed == expected)
    }

    /// A list in which nothing may be found.
    func none(_ name: String, _ expected: String, _ offenders: [String]) -> ProbeCheck {
        let shown = offenders.prefix(3).joined(separator: "; ")
        return check(
            name, expected, offenders.isEmpty ? "so it is" : shown + (offenders.count > 3 ? "; ..." : ""),
            offenders.isEmpty)
    }

    // MARK: - The process

    private func process() -> [ProbeCheck] {
        let no = "0000000000000000"
        let capabilities = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]
        let held = capabilities.filter { facts.status($0) != no }.map { "\($0) \(facts.status($0) ?? "not known")" }
        return [
            check(
                "complete", "a probe that ran to its end", facts.isComplete ? "it did" : "it did not", facts.isComplete),
            none("capabilities", "no capability in any of the five sets", held),
            equal("no_new_privs", facts.status("NoNewPrivs"), "1"),
            equal("seccomp", facts.status("Seccomp"), "2"),
            identity("uid", "Uid", container?.user?.uid), identity("gid", "Gid", container?.user?.gid),
            groups,
            map("uid_map", host.caller?.uid), map("gid_map", host.caller?.gid),
            equal("descriptors", facts.all("descriptor").sorted().joined(separator: " "), "0 1 2"),
            equal("environment", facts.all("environment").joined(separator: " "), ProbePlan.environment[0]),
            equal("umask", facts.status("Umask"), "0022"),
            equal("signals_blocked", facts.status("SigBlk"), no),
            equal("signals_ignored", facts.status("SigIgn"), no),
            check(
                "session", "a session of its own", facts.status("NSsid"),
                facts.status("NSsid") != nil && facts.status("NSsid") == facts.status("Pid")),
            coreLimit,
            limit("limit.open_files", "Max open files", UInt64(policy.maximum.openFiles)),
            limit("limit.file_size", "Max file size", policy.maximum.fileSizeBytes),
            limit("limit.nice", "Max nice priority", 0),
            limit("limit.realtime", "Max realtime priority", 0),
        ] + (policy.maximum.cpuSeconds.map { [limit("limit.cpu_time", "Max cpu time", $0)] } ?? []) + ownLimits
    }

    private func identity(_ name: String, _ field: String, _ given: UInt32?) -> ProbeCheck {
        if container != nil { return containerIdentity(name, field, given) }
        return equal(name, facts.status(field), "1000 1000 1000 1000")
    }

    /// What holds for each process where there is no group: all of the first, and in place of the second (`Weakness.memory`).
    private var ownLimits: [ProbeCheck] {
        guard !host.hasGroups else { return [] }
        return [
            limit("limit.processes", "Max processes", UInt64(policy.maximum.processes) + 1),
            limit("limit.data", "Max data size", policy.maximum.memoryBytes),
        ]
    }

    /// Without root a hard limit of 0 stays as it is; the launcher has looked for a handler of the host's then.
    private var coreLimit: ProbeCheck {
        let observed = facts.limit("Max core file size")?.joined(separator: " ")
        return equal("limit.core", observed, host.caller != nil && observed == "0 0" ? "0 0" : "1 1")
    }

    /// None; of a caller who could not leave his, his own (1000) and those that have no name inside (65534, overflowgid).
    private var groups: ProbeCheck {
        if container != nil { return containerGroups }
        guard host.caller != nil else { return equal("groups", facts.status("Groups"), "") }
        let named = facts.status("Groups").map {
            $0.split(separator: " ").filter { $0 != "65534" && $0 != "1000" }.map(String.init)
        }
        return none("groups", "none that is known inside", named ?? ["not known"])
    }

    private func limit(_ name: String, _ line: String, _ value: UInt64) -> ProbeCheck {
        equal(name, facts.limit(line)?.joined(separator: " "), "\(value) \(value)")
    }

    /// Two users, each one host id out of those that belong to nobody else; or the caller alone.
    private func map(_ name: String, _ caller: UInt32?) -> ProbeCheck {
        if container != nil { return containerMap(name) }
        let lines = facts.all(name).map { $0.split(whereSeparator: \.isWhitespace).compactMap { UInt32($0) } }
        if let caller {
            let text = lines.map { $0.map(String.init).joined(separator: " ") }.joined(separator: ", ")
            return equal(name, text, "1000 \(caller) 1")
        }
        let holds =
            lines.count == 2
            && zip(lines, [0, UInt32(1000)]).allSatisfy { line, inside in
                line.count == 3 && line[0] == inside && line[2] == 1 && SandboxIdentities.contains(line[1])
            } && lines[0][1] != lines[1][1]
        let observed = lines.map { $0.map(String.init).joined(separator: " ") }.joined(separator: ", ")
        return check(name, "0 and 1000, each one id of sandboxes' own", observed, holds)
    }

    // MARK: - Isolation

    private func isolation() -> [ProbeCheck] {
        let shared = HostFacts.kinds.filter { kind in
            if kind == "user", container != nil { return false }
            guard let own = host.namespaces[kind], let theirs = facts.named("namespace", kind) else { return true }
            return own == theirs || !theirs.hasPrefix("\(kind):[")
        }
        let groups = facts.all("cgroup")
        let outside = groups.filter { !$0.hasSuffix(":/") }
        return [
            none("namespaces", "none of the host's", shared),
            equal("parent", facts.status("PPid"), "1"),
            equal("processes", facts.all("process").joined(separator: " "), visibleProcesses),
            check(
                "pid", "2 to 9", facts.status("Pid"),
                facts.status("Pid").flatMap { Int($0) }.map((2..<10).contains) ?? false),
            equal("hostname", facts.one("hostname"), "sandbox"),
            none("cgroup", "nothing but the root of its own", groups.isEmpty ? ["no cgroup"] : outside),
            landlock(),
        ] + (host.hasGroups ? [counting] : [])
    }

    /// An engine's /proc shows pid 1.
    private var visibleProcesses: String { (container == nil ? "" : "1 ") + (facts.status("Pid") ?? "its own") }

    /// The limits themselves are the host's files, and /sys is not there: what is seen is that the group counts.
    private var counting: ProbeCheck {
        let peak = usage.memoryPeakBytes
        return check(
            "cgroup_counts", "memory counted in a group of its own", peak.map { "\($0) bytes" } ?? "not counted",
            peak ?? 0 > 0)
    }

    /// Either a layer takes one of the sixteen places, or a right is refused that only Landlock can refuse.
    private func landlock() -> ProbeCheck {
        let expected = "a Landlock domain in force"
        if let room = facts.number("landlock_room") {
            return check("landlock", expected, "room for \(room) of 16 layers", room < 16)
        }
        let refused = facts.attempt("bind_tcp") == EACCES
        return check("landlock", expected, refused ? "bind refused" : "no sign of one", refused)
    }
}
