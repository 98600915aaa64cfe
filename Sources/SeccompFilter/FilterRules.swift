import CSeccomp
import Glibc

/// What a filter does, call by call; all that is not said here goes to pid 1.
struct FilterRules {
    /// One of those of a call that is answered in this way where all conditions hold.
    struct Rule {
        var number: Int32
        var action: UInt32
        var conditions: [ArgumentCondition] = []
    }

    private(set) var list: [Rule] = []
    /// How many calls are let through, with or without conditions.
    let allowedCalls: Int

    init(_ request: FilterRequest) throws(FilterError) {
        try Self.check(request)
        let calls = Self.calls(of: request)
        let numbers = Set(calls.compactMap(FilterCompiler.number))
        allowedCalls = calls.count { FilterCompiler.number($0) != nil }
        for name in calls.subtracting(request.refused).sorted() {
            for conditions in request.rules(for: name) ?? [[]] { add(name, SCMP_ACT_ALLOW, conditions) }
        }
        for (name, conditions) in ArgumentRules.coreLimits where calls.contains(name) {
            add(name, FilterCompiler.errnoAction(0), conditions)
        }
        for name in SystemCallGroups.asIfMissing.sorted() where !calls.contains(name) {
            add(name, FilterCompiler.errnoAction(SystemCallCatalog.answer(toMissing: name)))
        }
        let missing = FilterCompiler.errnoAction(ENOSYS)
        for number in FilterCompiler.newerCalls where !numbers.contains(number) {
            list.append(Rule(number: number, action: missing))
        }
    }

    private static func check(_ request: FilterRequest) throws(FilterError) {
        for name in request.allow + request.deny where SystemCallCatalog.group(named: name) == nil {
            guard SystemCallCatalog.exists(name) else { throw .unknownCall(name) }
        }
        let allow = SystemCallCatalog.expand(allow: request.allow, deny: request.deny).allow
        if let name = allow.first(where: SystemCallCatalog.never.contains) { throw .neverAllowed(name) }
    }

    /// Names of all calls that the policy lets pass, be it with some arguments only.
    static func calls(of request: FilterRequest) -> Set<String> {
        let (allow, deny) = SystemCallCatalog.expand(allow: request.allow, deny: request.deny)
        return SystemCallCatalog.base.union(allow).subtracting(deny).subtracting(SystemCallCatalog.never)
    }

    /// Of the calls whose arguments do not matter, by number.
    var plainAnswers: [UInt32: UInt32] {
        Dictionary(grouping: list, by: \.number).reduce(into: [:]) { answers, call in
            guard let action = call.value.first?.action,
                call.value.allSatisfy({ $0.conditions.isEmpty && $0.action == action })
            else { return }
            answers[UInt32(call.key)] = action
        }
    }

    /// A call that this architecture does not have needs no rule.
    private mutating func add(_ name: String, _ action: UInt32, _ conditions: [ArgumentCondition] = []) {
        guard let number = FilterCompiler.number(name) else { return }
        list.append(Rule(number: number, action: action, conditions: conditions))
    }
}
