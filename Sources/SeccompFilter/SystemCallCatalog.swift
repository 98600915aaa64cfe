import CSeccomp
import Glibc

/// System calls that belong together, under the name that a policy's `syscalls` section may use for all of them.
package struct SystemCallGroup: Sendable {
    /// "network-client".
    package let name: String
    /// What its calls are for, and where they are refused, who was hurt by them.
    package let summary: String
    /// Allowed unless a policy denies them.
    package let allowed: [String]
    /// Refused unless a policy allows them.
    package let refused: [String]
    /// Refused whatever a policy says.
    package let never: [String]

    package var calls: [String] { allowed + refused + never }
}

/// What becomes of a system call under a policy's `syscalls.allow` and `syscalls.deny`.
package struct SystemCallDecision: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// Whatever its arguments are.
        case allowed
        /// Allowed with some arguments; `condition` says which.
        case conditional
        /// EPERM, and it is reported.
        case refused
        /// ENOSYS, as on a kernel that does not have it.
        case missing
        /// EPERM, and no policy can allow it.
        case neverAllowed
    }

    package let kind: Kind
    package let condition: String?
    package let group: String?
    /// The entry of `syscalls.allow` or `syscalls.deny`, a call's name or a group's, that decides; `nil` where the base
    /// list does.
    package let cause: String?
}

/// Every system call by name: which group it is in and what becomes of it.
package enum SystemCallCatalog {
    package static let groups: [SystemCallGroup] = SystemCallGroups.all

    private static let groupsByName = Dictionary(uniqueKeysWithValues: groups.map { ($0.name, $0) })
    private static let groupsByCall = Dictionary(
        groups.flatMap { group in group.calls.map { ($0, group) } }, uniquingKeysWith: { first, _ in first })

    package static func group(named name: String) -> SystemCallGroup? { groupsByName[name] }

    /// The group that a call is in.
    package static func group(of call: String) -> SystemCallGroup? { groupsByCall[call] }

    /// Whether there is such a call on any architecture, as libseccomp knows them.
    package static func exists(_ name: String) -> Bool { seccomp_syscall_resolve_name(name) != noSuchCall }

    /// Every call in a group, sorted.
    package static let names: [String] = groupsByCall.keys.sorted()

    /// Whether the filter looks at the arguments of an allowed call.
    package static func isConditional(_ call: String) -> Bool { ArgumentRules.condition(of: call) != nil }

    package static func isNeverAllowed(_ call: String) -> Bool { never.contains(call) }

    /// `allow` and `deny` with the groups in them replaced by their calls. A call's own name goes before a group that it
    /// is in, and of two entries of the same kind `deny` counts. What no policy can allow is not in the result of a
    /// group; by its own name it is, so that it can be refused by name.
    package static func expand(allow: [String], deny: [String]) -> (allow: [String], deny: [String]) {
        let entries = Entries(allow: allow, deny: deny)
        let calls = Set((allow + deny).flatMap { group(named: $0)?.calls ?? [$0] })
        var expanded: (allow: [String], deny: [String]) = ([], [])
        for call in calls.sorted() {
            switch entries.verdict(on: call) {
            case .allow(let entry)? where entry == call || !never.contains(call): expanded.allow.append(call)
            case .deny?: expanded.deny.append(call)
            case .allow?, nil: break
            }
        }
        return expanded
    }

    package static func decide(_ call: String, allow: [String], deny: [String]) -> SystemCallDecision {
        let verdict = Entries(allow: allow, deny: deny).verdict(on: call)
        let group = group(of: call)
        func decision(_ kind: SystemCallDecision.Kind, condition: String? = nil, cause: String? = nil)
            -> SystemCallDecision
        {
            SystemCallDecision(kind: kind, condition: condition, group: group?.name, cause: cause)
        }
        if SystemCallGroups.asIfMissing.contains(call), never.contains(call) || verdict == nil {
            return decision(.missing)
        }
        if never.contains(call) { return decision(.neverAllowed) }
        switch verdict {
        case .deny(let entry)?: return decision(.refused, cause: entry)
        case .allow(let entry)? where !base.contains(call):
            return decision(.allowed, cause: entry)
        case .allow?, nil:
            guard base.contains(call) else { return decision(isNewer(call) ? .missing : .refused) }
            guard let condition = ArgumentRules.condition(of: call) else { return decision(.allowed) }
            return decision(.conditional, condition: condition)
        }
    }

    /// The errno by which a call that is `missing` is answered.
    package static func answer(toMissing call: String) -> Int32 {
        SystemCallGroups.asIfUnsuitable.contains(call) ? EINVAL : ENOSYS
    }

    /// The name of a call by its number on this machine's architecture.
    package static func name(of number: Int32) -> String? {
        guard let name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), number) else { return nil }
        defer { free(name) }
        return String(cString: name)
    }

    /// Every call that libseccomp knows on this machine's architecture, by number.
    package static var known: [String] { (0..<1024).compactMap { name(of: $0) } }

    private static func isNewer(_ call: String) -> Bool {
        FilterCompiler.newerCalls.contains(seccomp_syscall_resolve_name(call))
    }

    static let base = Set(groups.flatMap(\.allowed))
    static let never = Set(groups.flatMap(\.never))

    /// __NR_SCMP_ERROR.
    private static let noSuchCall: Int32 = -1
}

/// The entries of a policy's two lists.
private struct Entries {
    enum Verdict {
        case allow(entry: String)
        case deny(entry: String)
    }

    let allow: [String]
    let deny: [String]

    func verdict(on call: String) -> Verdict? {
        if deny.contains(call) { return .deny(entry: call) }
        if allow.contains(call) { return .allow(entry: call) }
        guard let group = SystemCallCatalog.group(of: call)?.name else { return nil }
        if deny.contains(group) { return .deny(entry: group) }
        return allow.contains(group) ? .allow(entry: group) : nil
    }
}
