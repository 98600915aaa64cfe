package import SandboxModel

/// A request's variable that the policy does not pass.
package struct EnvironmentRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// Of kind `.environment`; its subject is the variable's name, never its value.
    package let denial: Denial

    package var description: String { "\(denial.subject): \(denial.hint ?? "refused") (\(denial.rule))" }
}

extension Policy {
    /// What a command finds in its environment: what the policy sets and what the request adds, as sorted "NAME=value".
    ///
    /// A variable that is neither passed nor valid is refused instead of dropped: a command that runs without what its
    /// caller asked for fails later and without a reason.
    package func environment(requested: [String: String]) throws(EnvironmentRefusal) -> [String] {
        if requested.isEmpty { return ownEnvironment }
        var effective = variables.mapValues(\.value)
        let passed = items(.pass)
        for name in requested.keys.sorted() {
            guard let value = requested[name] else { continue }
            guard VariableName.isValid(name[...]), !value.utf8.contains(0) else {
                throw refusal(name, place(.pass), "a variable's name is letters, digits and _, its value has no NUL")
            }
            // Asking for what the policy sets anyway changes nothing.
            if effective[name] == value { continue }
            if passed.contains(where: { Glob($0.value).matches(name) }) {
                guard mayChange(name, passed.map(\.value)) else {
                    throw refusal(name, place(.pass), hintForChange)
                }
                effective[name] = value
                continue
            }
            if let set = variables[name] {
                throw refusal(
                    name, set.location, "policy \(self.name) sets this variable and does not pass another value")
            }
            throw refusal(name, place(.pass), hintForPassed(passed.map(\.value)))
        }
        return effective.keys.sorted().map { "\($0)=\(effective[$0] ?? "")" }
    }

    /// With a list of what is allowed, a variable that makes a program of it another one is meant only where it is named: `PATH=.`
    /// would let the workspace choose what each name is.
    private func mayChange(_ variable: String, _ passed: [String]) -> Bool {
        rules(.allow) == nil || !ShellBuiltins.changesOthers(variable) || passed.contains(variable)
    }

    private var hintForChange: String {
        "it changes what the commands do that policy \(name) allows; leave it out, or use a policy whose environment.pass names it"
    }

    private func hintForPassed(_ passed: [String]) -> String {
        if passed.isEmpty { return "policy \(name) passes no variable; leave it out" }
        return "policy \(name) passes only \(passed.prefix(12).joined(separator: ", ")); leave it out"
    }

    private func refusal(_ variable: String, _ rule: SourceLocation, _ hint: String) -> EnvironmentRefusal {
        let subject = Subject.describe([variable])
        return EnvironmentRefusal(
            denial: Denial(kind: .environment, rule: rule.description, subject: subject, hint: hint))
    }
}
