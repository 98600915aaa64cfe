package import SandboxModel

/// One rule over a command's argv, from `commands.allow` or `commands.deny`.
struct CommandRule: Sendable, Hashable {
    /// A name, matched with the last component of argv[0], or an absolute path, matched with argv[0] itself.
    var program: Glob
    /// Each must match at least one argument, in any order.
    var arguments: [Glob]
    var reason: String?
    var hint: String?
    var location: SourceLocation

    /// Whether the two match the same commands; what they say about it does not count.
    func matchesSame(as other: CommandRule) -> Bool {
        program == other.program && Set(arguments) == Set(other.arguments)
    }

    /// - Parameter lenient: for deny rules, where matching one spelling of a path more is the safe side.
    func matches(_ argv: [String], lenient: Bool) -> Bool {
        guard let program = argv.first, matchesProgram(program, lenient: lenient) else { return false }
        let given = argv.dropFirst()
        return arguments.allSatisfy { pattern in given.contains { pattern.matches($0) } }
    }

    private func matchesProgram(_ given: String, lenient: Bool) -> Bool {
        guard program.pattern.hasPrefix("/") else {
            return program.matches(String(given.split(separator: "/").last ?? ""))
        }
        if program.isLiteral, given == program.pattern { return true }
        let normal = PolicyPath.normalised(given)
        // `/opt/*/tool` must not allow `/opt/../tool`: a pattern allows only what is spelt without detours.
        guard lenient || normal == given else { return false }
        return program.matches(normal, crossingSlashes: false)
    }
}

extension Policy {
    /// Whether the policy's rules let a command start: `deny` first, then `allow`.
    ///
    /// For early, explained answers only. What a command may really do, the kernel decides.
    package func judge(argv: [String]) -> CommandVerdict {
        let subject = Subject.describe(argv)
        if let rule = rules(.deny)?.first(where: { $0.matches(argv, lenient: true) }) {
            let parts = [rule.reason, rule.hint].compactMap { $0 }
            let hint = parts.isEmpty ? "policy \(name) denies this command" : parts.joined(separator: "; ")
            return .denied(
                Denial(kind: .command, rule: rule.location.description, subject: subject, hint: hint))
        }
        guard let allowed = rules(.allow) else { return .allowed(rule: nil) }
        if let rule = allowed.first(where: { $0.matches(argv, lenient: false) }) {
            return .allowed(rule: rule.location)
        }
        let place = origin(of: PolicyKey.allow.rawValue)?.description ?? ""
        return .denied(Denial(kind: .command, rule: place, subject: subject, hint: hintForAllowed(allowed)))
    }

    private func hintForAllowed(_ rules: [CommandRule]) -> String {
        if rules.isEmpty { return "policy \(name) allows no command at all; ask for another policy" }
        var programs: [String] = []
        for rule in rules where !programs.contains(rule.program.pattern) { programs.append(rule.program.pattern) }
        let shown = programs.prefix(12).joined(separator: ", ")
        return "policy \(name) allows only \(shown)\(programs.count > 12 ? " and others" : "")"
    }
}

/// What the rules say about a command.
package enum CommandVerdict: Sendable, Equatable {
    /// With the rule that allows it, or `nil` where no rule was needed.
    case allowed(rule: SourceLocation?)
    case denied(Denial)
}

/// What was asked, fit for a log line and a terminal.
enum Subject {
    static let maximum = 200

    /// The arguments with a blank between them, control and reordering characters escaped, cut at 200 characters.
    static func describe(_ argv: [String]) -> String {
        var text = ""
        var length = 0
        for (index, argument) in argv.enumerated() {
            for scalar in (index == 0 ? "" : " ").unicodeScalars + argument.unicodeScalars {
                let piece = escape(scalar)
                length += piece.unicodeScalars.count
                guard length <= maximum else { return text + "…" }
                text += piece
            }
        }
        return text
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
            "\\u{\(String(scalar.value, radix: 16))}"
        default: String(scalar)
        }
    }
}
