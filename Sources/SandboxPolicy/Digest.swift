/// A short name for the effective content of a policy.
enum Digest {
    /// FNV-1a over every key and value, each with its length, so that no two contents read as the same bytes.
    static func hex(of settings: [PolicyKey: Located<Setting>]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for key in PolicyKey.allCases {
            guard let setting = settings[key]?.value, !saysNothing(setting, of: key) else { continue }
            for part in [key.rawValue] + parts(of: setting) {
                for byte in "\(part.utf8.count):\(part)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            }
        }
        let hex = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - hex.count) + hex
    }

    /// Whether a value is what holds without it: writing `network: none` down does not make another policy.
    private static func saysNothing(_ setting: Setting, of key: PolicyKey) -> Bool {
        switch setting {
        case .amount(let amount): amount == key.amountWhenAbsent
        case .word(let word): word == key.wordWhenAbsent
        case .flag(let flag): !flag
        // Without these keys more is allowed than with an empty list.
        case .list(let items): items.isEmpty && ![.programs, .libraries, .tenantUsers, .tenantGroups].contains(key)
        case .variables(let variables): variables.isEmpty
        // No `allow` is everything, an empty one is nothing.
        case .rules(let rules): rules.isEmpty && key == .deny
        }
    }

    /// Lists sorted, because their order means nothing; rules in order, because the first that matches is reported.
    private static func parts(of setting: Setting) -> [String] {
        var parts: [String] = []
        switch setting {
        case .amount(let amount): parts.append("\(amount)")
        case .word(let word): parts.append(word)
        case .flag(let flag): parts.append("\(flag)")
        case .list(let items):
            parts.append("\(items.count)")
            parts += items.map(\.value).sorted()
        case .variables(let variables):
            parts.append("\(variables.count)")
            for (name, value) in variables.sorted(by: { $0.key < $1.key }) { parts += [name, value.value] }
        case .rules(let rules):
            parts.append("\(rules.count)")
            for rule in rules {
                parts += [rule.program.pattern, "\(rule.arguments.count)"]
                parts += rule.arguments.map(\.pattern)
                parts.append(rule.check?.rawValue ?? "")
                parts += [rule.reason ?? "", rule.hint ?? ""]
            }
        }
        return parts
    }
}
