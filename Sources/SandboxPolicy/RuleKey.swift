/// The keys of one rule of `commands.allow` and `commands.deny`.
enum RuleKey: String, CaseIterable, Sendable {
    case program, arguments, check, reason, hint

    var summary: String {
        switch self {
        case .program:
            "A name, which matches that name in any directory, in 'allow' the host's alone, or an absolute path. '*' is any text."
        case .arguments: "Patterns, each of which must match at least one argument, in any order."
        case .check: "In place of both: one of the dangers that no pattern describes."
        case .reason: "Why, for the caller."
        case .hint: "What to do instead, in one sentence."
        }
    }
}
