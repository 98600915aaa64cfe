import SeccompFilter

/// A policy's two lists of system calls, judged together: a call's own name goes before a group that it is in.
struct SystemCallRules {
    var allow: [String]
    var deny: [String]

    init(_ settings: [PolicyKey: Located<Setting>]) {
        allow = settings[.syscallsAllow]?.value.strings ?? []
        deny = settings[.syscallsDeny]?.value.strings ?? []
    }

    func decide(_ call: String) -> SystemCallDecision { SystemCallCatalog.decide(call, allow: allow, deny: deny) }

    /// Whether all that can be allowed of a call or of a group is; whether nothing of it is.
    func isOpen(_ entry: String) -> Bool {
        calls(of: entry).allSatisfy { [.allowed, .conditional, .neverAllowed, .missing].contains(decide($0).kind) }
    }

    func isClosed(_ entry: String) -> Bool {
        calls(of: entry).allSatisfy { [.refused, .neverAllowed, .missing].contains(decide($0).kind) }
    }

    private func calls(of entry: String) -> [String] { SystemCallCatalog.group(named: entry)?.calls ?? [entry] }

    /// A call that these allow and `parent` does not, against what it marks final; `nil` when there is none.
    ///
    /// - Parameter key: `syscallsDeny`: calls that the parent's own `deny` refuses. `syscallsAllow`: calls that the
    ///   parent refuses for another reason, and those that `allow` names here, whatever for.
    func firstWidening(of parent: SystemCallRules, against key: PolicyKey) -> String? {
        let named = (allow + deny + parent.allow + parent.deny).flatMap(calls)
        return Set(named).sorted().first { call in
            let before = parent.decide(call)
            guard decide(call).rank > before.rank else { return false }
            let isDenied = before.cause.map { parent.deny.contains($0) } ?? false
            return key == .syscallsDeny ? isDenied : !isDenied || names(call)
        }
    }

    private func names(_ call: String) -> Bool {
        allow.contains(call) || SystemCallCatalog.group(of: call).map { allow.contains($0.name) } == true
    }
}

extension SystemCallDecision {
    /// The wider, the larger.
    fileprivate var rank: Int {
        switch kind {
        case .refused, .missing, .neverAllowed: 0
        case .conditional: 1
        case .allowed: 2
        }
    }
}
