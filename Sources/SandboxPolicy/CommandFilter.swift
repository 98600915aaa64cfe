package import SandboxModel
import ShellSyntax

/// What the rules say about a command.
package enum CommandVerdict: Sendable, Equatable {
    /// With the rule that allows it, or `nil` where no rule was needed.
    case allowed(rule: SourceLocation?)
    case denied(Denial)
}

extension Policy {
    /// Whether the policy's rules let a command start: `deny` first, then what cannot be judged, then `allow`.
    ///
    /// Looks at the command and at every command in it that its text shows: behind `env`, `xargs` and the like, and in the
    /// text of `sh -c`. For early, explained answers only. What a command may really do, the kernel decides.
    package func judge(argv: [String]) -> CommandVerdict { judgement(argv: argv).verdict }

    /// The verdict with the rule behind it.
    func judgement(argv: [String]) -> (verdict: CommandVerdict, rule: SourceLocation?) {
        var scan = CommandScan()
        scan.scan(argv: argv)
        let judge = CommandJudge(policy: self, scan: scan)
        if let denial = judge.denied() { return denial }
        if !undecidedIsAllowed, let denial = judge.undecided() { return denial }
        guard let allowed = rules(.allow) else { return (.allowed(rule: nil), nil) }
        if let denial = judge.poisoned() ?? judge.notAllowed(by: allowed) { return denial }
        let words = argv.map(ShellValue.init(literal:))
        let rule = allowed.first { $0.allows(words, under: self) }?.location
        return (.allowed(rule: rule), rule)
    }
}

extension Policy {
    /// What of a command that is allowed could not be judged from its text.
    func doubt(argv: [String]) -> (reason: String, subject: String)? {
        var scan = CommandScan()
        scan.scan(argv: argv)
        return CommandJudge(policy: self, scan: scan).doubt()
    }
}

/// Applies the rules of one policy to what was found in one command.
struct CommandJudge {
    typealias Answer = (verdict: CommandVerdict, rule: SourceLocation?)

    let policy: Policy
    let scan: CommandScan

    /// The first command that a rule denies.
    func denied() -> Answer? {
        let rules = policy.denied.rules
        for command in scan.commands {
            for index in policy.denied.candidates(command) {
                // Not `let rule = rules[index]`: a copy of each, for the few that match.
                let match = rules[index].check.map { scan.matches($0, command) } ?? rules[index].denies(command.words)
                guard match == .yes else { continue }
                let rule = rules[index]
                let parts = [rule.reason, rule.hint].compactMap { $0 }
                let hint = parts.isEmpty ? "policy \(policy.name) denies this command" : parts.joined(separator: "; ")
                return answer(rule.location, command, hint)
            }
        }
        return nil
    }

    /// The first command that cannot be judged: what it is is not known, or whether a rule denies it.
    func undecided() -> Answer? { doubt().map { answer($0.reason, $0.subject) } }

    func doubt() -> (reason: String, subject: String)? {
        for doubt in scan.doubts { return (doubt.reason, doubt.subject) }
        let rules = policy.denied.rules
        for command in scan.commands {
            for index in policy.denied.candidates(command) {
                let rule = rules[index]
                let match = rule.check.map { scan.matches($0, command) } ?? rule.denies(command.words)
                guard match == .maybe else { continue }
                let what = rule.check?.rawValue ?? rule.program.pattern
                return (
                    "whether the rule for '\(what)' (\(rule.location)) denies it depends on a value",
                    Subject.describe(command)
                )
            }
        }
        return nil
    }

    /// What the shell of a script does to the environment of the allowed commands in it.
    func poisoned() -> Answer? {
        guard let poison = scan.poison else { return nil }
        let hint =
            "\(poison.reason), and with it what the allowed commands do; run the command without changing it"
        return answer(policy.place(.allow), poison.subject, hint)
    }

    /// The first command that no rule of `allow` matches.
    func notAllowed(by allowed: [CommandRule]) -> Answer? {
        let place = policy.place(.allow)
        if scan.commands.isEmpty { return answer(place, "", hint(allowed)) }
        for command in scan.commands {
            if command.isHarmlessBuiltin || command.words.isEmpty { continue }
            if !allowed.contains(where: { $0.allows(command.words, under: policy) }) {
                return answer(place, Subject.describe(command), namesakeHint(command, allowed) ?? hint(allowed))
            }
        }
        // With a list of what is allowed, what is not known is not on it, whatever `undecided` says.
        for doubt in scan.doubts where doubt.hidesCommands { return answer(doubt.reason, doubt.subject) }
        return nil
    }

    private func answer(_ reason: String, _ subject: String) -> Answer {
        let hint =
            "policy \(policy.name) refuses what cannot be judged from its text: \(reason); write the command out"
        let place = policy.settings[.undecided]?.location ?? policy.place(.allow)
        return answer(place, subject, hint)
    }

    private func answer(_ place: SourceLocation, _ command: FoundCommand, _ hint: String) -> Answer {
        answer(place, Subject.describe(command), hint)
    }

    private func answer(_ place: SourceLocation, _ subject: String, _ hint: String) -> Answer {
        (.denied(Denial(kind: .command, rule: place.description, subject: subject, hint: hint)), place)
    }

    /// Where a program of a run's own has the name of one that is allowed.
    private func namesakeHint(_ command: FoundCommand, _ rules: [CommandRule]) -> String? {
        guard let word = command.words.first?.literal, !policy.isOfHost(word), let name = command.name,
            rules.contains(where: { !$0.isPath && $0.program.matches(name) })
        else { return nil }
        let whose = policy.usesImage ? "image" : "host"
        return
            "policy \(policy.name) allows the \(whose)'s '\(Subject.describe([name]))', not another program of that name"
    }

    private func hint(_ rules: [CommandRule]) -> String {
        if rules.isEmpty { return "policy \(policy.name) allows no command at all; ask for another policy" }
        var programs: [String] = []
        for rule in rules where !programs.contains(rule.program.pattern) { programs.append(rule.program.pattern) }
        let shown = programs.prefix(12).joined(separator: ", ")
        return "policy \(policy.name) allows only \(shown)\(programs.count > 12 ? " and others" : "")"
    }
}
