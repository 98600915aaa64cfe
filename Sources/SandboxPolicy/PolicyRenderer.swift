/// Shows a merged policy: what holds, and which line of which file says so.
package enum PolicyRenderer {
    /// Between a value and its origin.
    static let originMark = "  # "

    /// YAML that reads back as the same policy, without `extends`, each value with its origin behind `#`.
    package static func effective(_ policy: Policy) -> String {
        var lines = ["# policy \(policy.name), digest \(policy.digest)", "version: 1"]
        if !policy.description.isEmpty { lines.append("description: \(quoted(policy.description))") }
        for key in PolicyKey.allCases where key.isTopLevel {
            if let setting = policy.settings[key] { lines += render(key.rawValue, setting, of: key, indent: "") }
        }
        for section in PolicyKey.sections {
            let keys = PolicyKey.keys(of: section).filter { policy.settings[$0] != nil }
            if keys.isEmpty { continue }
            lines.append("\(section):")
            for key in keys {
                if let setting = policy.settings[key] { lines += render(key.name, setting, of: key, indent: "  ") }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func render(
        _ name: String, _ setting: Located<Setting>, of key: PolicyKey, indent: String
    ) -> [String] {
        let origin = "\(originMark)\(setting.location)"
        switch setting.value {
        case .amount(let amount): return ["\(indent)\(name): \(key.notation(amount))\(origin)"]
        case .word(let word):
            // Names of the operator's, unlike the words of the format, can be numbers to YAML.
            if case .word = key.kind { return ["\(indent)\(name): \(word)\(origin)"] }
            return ["\(indent)\(name): \(quoted(word))\(origin)"]
        case .flag(let flag): return ["\(indent)\(name): \(flag)\(origin)"]
        case .list(let items):
            if items.isEmpty { return ["\(indent)\(name): []\(origin)"] }
            return ["\(indent)\(name):\(origin)"]
                + items.map { "\(indent)  - \(quoted($0.value))\(originMark)\($0.location)" }
        case .variables(let variables):
            if variables.isEmpty { return ["\(indent)\(name): {}\(origin)"] }
            return ["\(indent)\(name):\(origin)"]
                + variables.sorted { $0.key < $1.key }.map { name, value in
                    "\(indent)  \(name): \(quoted(value.value))\(originMark)\(value.location)"
                }
        case .rules(let rules):
            if rules.isEmpty { return ["\(indent)\(name): []\(origin)"] }
            return ["\(indent)\(name):\(origin)"]
                + rules.map { "\(indent)  - \(render($0))\(originMark)\($0.location)" }
        }
    }

    private static func render(_ rule: CommandRule) -> String {
        var parts = [rule.check.map { "check: \($0.rawValue)" } ?? "program: \(quoted(rule.program.pattern))"]
        if !rule.arguments.isEmpty {
            let patterns = rule.arguments.map { quoted($0.pattern) }.joined(separator: ", ")
            parts.append("arguments: [\(patterns)]")
        }
        if let reason = rule.reason { parts.append("reason: \(quoted(reason))") }
        if let hint = rule.hint { parts.append("hint: \(quoted(hint))") }
        return "{ \(parts.joined(separator: ", ")) }"
    }

    /// Plain where that is clearly text, else in double quotes.
    private static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            VariableName.isLowerCase(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".")
        }
        if isPlain, text.contains(where: \.isLetter), !["null", "Null", "NULL"].contains(text) { return text }
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            case "\t": escaped += "\\t"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return "\"\(escaped)\""
    }
}
