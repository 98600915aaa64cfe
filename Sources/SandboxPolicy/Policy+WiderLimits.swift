package import SandboxModel

extension Policy {
    /// What this policy would have allowed, for each limit that is narrower in `limits`: a clause, by the limit's name.
    package func widerThan(_ limits: Limits) -> [String: String] {
        var wider: [String: String] = [:]
        for limit in RequestLimit.allCases {
            guard let field = limit.field, let asked = limits[keyPath: field] else { continue }
            guard let own = self.limits[keyPath: field] else {
                wider[limit.name] = "policy '\(name)' has no such limit"
                continue
            }
            guard asked < own else { continue }
            wider[limit.name] = "policy '\(name)' allows \(limit.key.describe(own)) (\(place(limit.key)))"
        }
        return wider
    }
}
