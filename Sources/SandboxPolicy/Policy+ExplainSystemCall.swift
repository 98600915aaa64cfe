import Glibc
import SeccompFilter

extension Policy {
    /// What becomes of a system call, or of those of a named group.
    package func explain(systemCall name: String) -> Explanation {
        if let group = SystemCallCatalog.group(named: name) { return explain(group) }
        let shown = Subject.describe([name])
        guard SystemCallCatalog.exists(name) else {
            let known = SystemCallCatalog.names + SystemCallCatalog.groups.map(\.name)
            let near = Spelling.nearest(to: name, among: known).map { "; did you mean '\($0)'?" } ?? ""
            return Explanation(
                decision: .unknown, rule: nil, text: "'\(shown)' is neither a system call nor a group of them\(near)")
        }
        let decision = SystemCallRules(settings).decide(name)
        let entry = decision.cause.flatMap { cause in
            (items(.syscallsDeny) + items(.syscallsAllow)).first { $0.value == cause }
        }
        let group = decision.group.flatMap(SystemCallCatalog.group(named:))
        let source = entry.map { "\($0.value), \($0.location)" } ?? "base list"
        let text = Self.text(name, decision, source: source, group: group)
        return Explanation(
            decision: Explanation.Decision(decision.kind), rule: entry?.location, text: text, group: group?.name)
    }

    private static func text(
        _ name: String, _ decision: SystemCallDecision, source: String, group: SystemCallGroup?
    ) -> String {
        let of = group.map { " of group \($0.name)" } ?? ""
        let what = group.map { " (\($0.name): \($0.summary))" } ?? ""
        switch decision.kind {
        case .allowed: return "\(name)\(of) is allowed (\(source))"
        case .conditional:
            return "\(name)\(of) is allowed under a condition (\(source)): \(decision.condition ?? "")"
        case .refused: return "\(name)\(of) fails with EPERM (\(source))"
        case .missing:
            let isMissing = SystemCallCatalog.answer(toMissing: name) == ENOSYS
            return isMissing
                ? "\(name)\(of) fails with ENOSYS, as on a kernel that does not have it (\(source)): programs then "
                    + "take an older call"
                : "\(name)\(of) fails with EINVAL, as for files that it cannot be used with (\(source)): programs then "
                    + "read and write"
        case .neverAllowed: return "\(name) fails with EPERM, and no policy can allow it\(what)"
        }
    }

    private func explain(_ group: SystemCallGroup) -> Explanation {
        let rules = SystemCallRules(settings)
        var calls: [(words: String, names: [String])] = [
            ("allowed", []), ("allowed under a condition", []), ("refused", []), ("as if missing", []),
            ("never allowed", []),
        ]
        for call in group.calls.sorted() {
            switch rules.decide(call).kind {
            case .allowed: calls[0].names.append(call)
            case .conditional: calls[1].names.append(call)
            case .refused: calls[2].names.append(call)
            case .missing: calls[3].names.append(call)
            case .neverAllowed: calls[4].names.append(call)
            }
        }
        let parts = calls.filter { !$0.names.isEmpty }.map { "\($0.words): \($0.names.joined(separator: " "))" }
        let entry = (items(.syscallsDeny) + items(.syscallsAllow)).first { $0.value == group.name }
        let open = calls[0].names.count + calls[1].names.count
        let decision: Explanation.Decision =
            calls[0].names.count == group.calls.count ? .allowed : open > 0 ? .conditional : .denied
        let text = "group \(group.name) (\(entry?.location.description ?? "base list")): \(group.summary); "
        return Explanation(
            decision: decision, rule: entry?.location, text: text + parts.joined(separator: "; "), group: group.name)
    }
}

extension Explanation.Decision {
    init(_ kind: SystemCallDecision.Kind) {
        self =
            switch kind {
            case .allowed: .allowed
            case .conditional: .conditional
            case .refused: .denied
            case .missing: .missing
            case .neverAllowed: .never
            }
    }
}
