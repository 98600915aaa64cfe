/// A policy's `deny` rules by the program that they name, made once: of many rules a command meets few.
final class CommandRuleIndex: Sendable {
    let rules: [CommandRule]
    private let named: [String: [Int]]
    /// Those that may be about any program.
    private let others: [Int]

    init(_ rules: [CommandRule]) {
        self.rules = rules
        var named: [String: [Int]] = [:]
        var others: [Int] = []
        for (index, rule) in rules.enumerated() {
            let pattern = rule.program.pattern
            if rule.check == nil, rule.program.isLiteral, !pattern.hasPrefix("/") {
                named[pattern, default: []].append(index)
            } else {
                others.append(index)
            }
        }
        self.others = others
        self.named = named.mapValues { ($0 + others).sorted() }
    }

    /// The rules that may say something about a command, in their order.
    func candidates(_ command: FoundCommand) -> [Int] {
        guard let name = command.name else { return Array(rules.indices) }
        return named[name] ?? others
    }
}
