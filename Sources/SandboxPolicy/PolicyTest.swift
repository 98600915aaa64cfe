import SandboxModel

/// One question to a policy with the answer that its author expects.
package struct PolicyTest: Sendable {
    enum Question: Sendable {
        case command([String])
        case path(String, PathAccess)
        case connection(String)
        case systemCall(String)
        /// A variable of a request.
        case variable(String, value: String)
        /// A variable that every run has.
        case environment(String, value: String)
        case amount(PolicyKey, UInt64, isExact: Bool)
        case user(UInt32, groups: [UInt32])
    }

    /// `expect`, in words that cover several decisions where that is all that matters.
    enum Expectation: String, CaseIterable, Sendable {
        case allow, deny, conditional, missing, never

        func accepts(_ decision: Explanation.Decision) -> Bool {
            switch self {
            case .allow: decision == .allowed || decision == .conditional
            case .deny: decision == .denied || decision == .missing || decision == .never
            case .conditional: decision == .conditional
            case .missing: decision == .missing
            case .never: decision == .never
            }
        }
    }

    package let location: SourceLocation
    let label: String?
    let question: Question
    let expectation: Expectation
    /// "python.yaml:17", or "python.yaml" for any line of it.
    let rule: Located<String>?
    /// Must be in the answer.
    let hint: Located<String>?

    /// What is asked, for people.
    package var name: String { label ?? question.description }

    /// Why the policy does not answer as expected, and where the test says so; `nil` when it does.
    func failure(of policy: Policy, on host: HostView) -> Located<String>? {
        let answer = question.answer(of: policy, on: host)
        guard expectation.accepts(answer.decision) else {
            let text = "expected \(expectation.rawValue), got \(answer.decision.rawValue): \(answer.text)"
            return Located(value: text, location: location)
        }
        if let rule {
            let place = answer.rule?.description
            guard let place, place == rule.value || place.hasPrefix(rule.value + ":") else {
                let found = place.map { "\($0) decides" } ?? "no rule decides"
                return Located(value: "expected rule \(rule.value), \(found): \(answer.text)", location: rule.location)
            }
        }
        if let hint, !answer.text.contains(hint.value) {
            return Located(value: "expected '\(hint.value)' in the answer: \(answer.text)", location: hint.location)
        }
        return nil
    }
}

extension PolicyTest.Question: CustomStringConvertible {
    var description: String {
        switch self {
        case .command(let argv): Subject.describe(argv)
        case .path(let path, let access): "\(access.rawValue) \(Subject.describe([path]))"
        case .connection(let target): "connect \(Subject.describe([target]))"
        case .systemCall(let name): "system call \(name)"
        case .variable(let name, _): "variable \(name)"
        case .environment(let name, let value): Subject.describe(["\(name)=\(value)"])
        case .amount(let key, let amount, let isExact):
            "\(key.rawValue) \(isExact ? "" : "at most ")\(key.describe(amount))"
        case .user(let uid, _): "uid \(uid)"
        }
    }

    func answer(of policy: Policy, on host: HostView) -> Explanation {
        switch self {
        case .command(let argv): return policy.explain(argv: argv, on: host)
        case .path(let path, let access): return policy.explain(path: path, access: access, on: host)
        case .connection(let target): return policy.explain(connect: target)
        case .systemCall(let name): return policy.explain(systemCall: name)
        case .variable(let name, let value): return policy.explain(variable: name, value: value)
        case .environment(let name, let value):
            let set = policy.variables[name]
            let found =
                set.map { "\(name) is '\($0.value)' (\($0.location))" } ?? "\(name) is not set by policy \(policy.name)"
            return Explanation(allowed: set?.value == value, rule: set?.location, text: found)
        case .amount(let key, let wanted, let isExact):
            let place = policy.origin(of: key.rawValue)
            guard let amount = policy.amount(key) ?? key.amountWhenAbsent else {
                return Explanation(allowed: false, rule: nil, text: "policy \(policy.name) has no \(key.rawValue)")
            }
            let text = "\(key.rawValue) is \(key.describe(amount))\(place.map { " (\($0))" } ?? "")"
            return Explanation(allowed: isExact ? amount == wanted : amount <= wanted, rule: place, text: text)
        case .user(let uid, let groups):
            if let denial = policy.refusal(uid: uid, gid: groups.first ?? .max, groups: groups) {
                return Explanation(
                    allowed: false, rule: policy.tenantsPlace,
                    text: "uid \(uid) may not use it (\(denial.rule)): \(denial.hint ?? "")")
            }
            let place = policy.tenants == nil ? nil : policy.tenantsPlace
            return Explanation(allowed: true, rule: place, text: "uid \(uid) may use policy \(policy.name)")
        }
    }
}

extension Policy {
    /// Whether a request may set a variable.
    package func explain(variable name: String, value: String) -> Explanation {
        do throws(EnvironmentRefusal) {
            _ = try environment(requested: [name: value])
        } catch {
            let rule = variables[name]?.location ?? place(.pass)
            return Explanation(allowed: false, rule: rule, text: "\(error)")
        }
        let rule = items(.pass).first { Glob($0.value).matches(name) }?.location
        let place = rule.map { " (\($0))" } ?? ""
        return Explanation(
            allowed: true, rule: rule, text: "a request may set \(Subject.describe([name]))\(place)")
    }
}
