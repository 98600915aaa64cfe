/// What "only narrower" means for each key: the rule behind `final`.
enum Narrowing {
    /// Why `child` is wider than `parent`, or `nil` when it is not. `parent` is `nil` where the parent says nothing.
    ///
    /// Keys that are only understood together are not judged here: `SystemCallRules` does the system calls, and for
    /// `tenants` the caller gives an empty parent where only the other of its keys is there.
    static func problem(_ key: PolicyKey, child: Setting, parent: Setting?) -> String? {
        switch (child, key) {
        case (.amount(let amount), _):
            var most = key.amountWhenAbsent
            if case .amount(let parentAmount)? = parent { most = parentAmount }
            // No amount holds: the parent has no such limit (cpu-time, stdout), and any is narrower.
            guard let most, amount > most else { return nil }
            return "\(key.describe(amount)) is more than \(key.describe(most))"
        case (.word(let word), .backend), (.word(let word), .image), (.word(let word), .containerUser),
            (.word(let word), .containerNetwork):
            // None of these is narrower than another one.
            var old = key == .backend ? "native" : nil
            if case .word(let parentWord)? = parent { old = parentWord }
            if word == old { return nil }
            return old.map { "'\(word)' is not '\($0)'" } ?? "'\(word)' is added"
        case (.word(let word), _):
            guard case .word(let words) = key.kind else { return nil }
            var most = 0
            if case .word(let parentWord)? = parent { most = words.firstIndex(of: parentWord) ?? 0 }
            return (words.firstIndex(of: word) ?? .max) > most ? "'\(word)' is wider than '\(words[most])'" : nil
        case (.flag(let flag), _):
            return flag && parent != .flag(true) ? "true is wider than false" : nil
        case (.rules(let rules), _): return problem(rules, key: key, parent: parent)
        case (.variables(let variables), _): return problem(variables, parent: parent)
        case (.list(let items), .programs), (.list(let items), .tenantUsers), (.list(let items), .tenantGroups):
            // No such list at all is the widest.
            guard let parent else { return nil }
            return problem(items.map(\.value), key: key, parent: parent.strings)
        case (.list(let items), .libraries):
            return problem(items.map(\.value), key: key, parent: parent?.strings ?? PolicyPath.libraries)
        case (.list(let items), _):
            return problem(items.map(\.value), key: key, parent: parent?.strings ?? [])
        }
    }

    private static func problem(_ items: [String], key: PolicyKey, parent: [String]) -> String? {
        switch key {
        case .hide:
            let lost = parent.first { old in !items.contains { PolicyPath.isAtOrBelow(old, $0) } }
            return lost.map { "'\($0)' is missing" }
        case .programs:
            let extra = items.first { new in !parent.contains { PolicyPath.isListed(new, by: $0) } }
            return extra.map { "'\($0)' is added" }
        case .libraries:
            let extra = items.first { new in
                !parent.contains { PolicyPath.isAtOrBelow(PolicyPath.merging(new), PolicyPath.merging($0)) }
            }
            return extra.map { "'\($0)' is added" }
        case .read, .roots:
            let extra = items.first { new in !parent.contains { PolicyPath.isAtOrBelow(new, $0) } }
            return extra.map { "'\($0)' is added" }
        case .pass:
            let extra = items.first { new in !parent.contains { Glob($0).matches(new) } }
            return extra.map { "'\($0)' is added" }
        case .tenantUsers, .tenantGroups:
            return items.first { !parent.contains($0) }.map { "'\($0)' is added" }
        case .syscallsAllow, .syscallsDeny:
            return nil
        case .backend, .image, .pull, .containerUser, .containerNetwork, .ahead, .tmp, .shm, .mode, .workspaceSize,
            .workspaceInodes, .execute, .allow, .deny, .undecided,
            .writeExecuteMemory, .set, .network, .memory, .swap, .cpus, .processes, .openFiles, .fileSize, .output,
            .stdout, .stderr, .timeout, .cpuTime, .idle, .grace, .readRate, .writeRate:
            return items.first { !parent.contains($0) }.map { "'\($0)' is added" }
        }
    }

    /// `allow` may only lose rules; no `allow` at all is the widest. A child's `deny` only adds to its parent's.
    private static func problem(_ rules: [CommandRule], key: PolicyKey, parent: Setting?) -> String? {
        let old: [CommandRule]
        if case .rules(let parentRules)? = parent { old = parentRules } else { return nil }
        if key == .deny { return nil }
        let extra = rules.first { rule in !old.contains { $0.matchesSame(as: rule) } }
        return extra.map { "the rule for '\($0.program.pattern)' is added" }
    }

    private static func problem(_ variables: [String: Located<String>], parent: Setting?) -> String? {
        var old: [String: Located<String>] = [:]
        if case .variables(let parentVariables)? = parent { old = parentVariables }
        let changed = variables.keys.sorted().first { old[$0]?.value != variables[$0]?.value }
        return changed.map { "'\($0)' is changed" }
    }
}
