import ShellSyntax

/// One rule over a command, from `commands.allow` or `commands.deny`.
struct CommandRule: Sendable, Hashable {
    /// A name, matched with the last component of the command's first word, or an absolute path, matched with the word
    /// itself.
    var program: Glob
    /// Each must match at least one argument, in any order.
    var arguments: [Glob]
    /// In place of both.
    var check: CommandCheck?
    var reason: String?
    var hint: String?
    var location: SourceLocation

    /// Whether the two match the same commands; what they say about it does not count.
    func matchesSame(as other: CommandRule) -> Bool {
        program == other.program && Set(arguments) == Set(other.arguments) && check == other.check
    }

    /// For `allow`: only what is known counts, and paths only as they are spelt.
    ///
    /// - Parameter policy: whose rule it is. A name is that of a program of the host's, which this shows: what a run or its caller
    ///   has called so (`./git`) is another program.
    func allows(_ words: [ShellValue], under policy: Policy) -> Bool {
        guard check == nil, let name = words.first?.literal, matchesProgram(name, lenient: false),
            isPath || program.pattern == "*" || policy.isOfHost(name)
        else { return false }
        let given = words.dropFirst().compactMap(\.literal)
        return arguments.allSatisfy { pattern in given.contains { pattern.matches($0) } }
    }

    /// For `deny`, without `check`: one spelling of a path more is the safe side.
    func denies(_ words: [ShellValue]) -> Match {
        guard let first = words.first else { return .no }
        guard let name = first.literal else {
            return first.mayMatch(program, lastComponent: !program.pattern.hasPrefix("/")) ? .maybe : .no
        }
        guard matchesProgram(name, lenient: true) else { return .no }
        var result = Match.yes
        for pattern in arguments {
            var found = Match.no
            for word in words.dropFirst() {
                if let text = word.pattern, pattern.matches(text) {
                    found = .yes
                    break
                }
                if word.pattern == nil, word.mayMatch(pattern) { found = .maybe }
            }
            switch found {
            case .no: return .no
            case .maybe: result = .maybe
            case .yes: break
            }
        }
        return result
    }

    /// Else a name.
    var isPath: Bool { program.pattern.hasPrefix("/") }

    private func matchesProgram(_ given: String, lenient: Bool) -> Bool {
        guard isPath else {
            return program.matches(PolicyPath.lastComponent(given))
        }
        if program.isLiteral, given == program.pattern { return true }
        let normal = PolicyPath.normalised(given)
        // `/opt/*/tool` must not allow `/opt/../tool`: a pattern allows only what is spelt without detours.
        guard lenient || normal == given else { return false }
        return program.matches(normal, crossingSlashes: false)
    }
}

extension Policy {
    /// Whether a command's first word is a name, which is searched in `PATH`, or the plain path of something that this policy shows
    /// of the host: a run chooses what neither is, as long as nothing that is shown can be written (`read` above a workspace).
    /// With an image, all of it that is not covered by what the sandbox brings.
    func isOfHost(_ word: String) -> Bool {
        guard word.utf8.contains(UInt8(ascii: "/")) else { return true }
        guard word.hasPrefix("/"), PolicyPath.normalised(word) == word else { return false }
        if usesImage { return !Provided.writable.contains { PolicyPath.isAtOrBelow(word, $0) } }
        return strings(.read).contains {
            PolicyPath.isAtOrBelow(PolicyPath.merging(word), PolicyPath.merging($0))
        }
    }
}

extension ShellValue {
    /// The known text at the beginning, up to what is not known.
    var prefix: String {
        var text = ""
        for segment in segments {
            guard case .text(let piece) = segment else { break }
            text += piece
        }
        return text
    }

    private var suffix: String {
        var text = ""
        for segment in segments.reversed() {
            guard case .text(let piece) = segment else { break }
            text = piece + text
        }
        return text
    }

    /// Whether this may turn into something that the pattern matches: what is known at both ends decides.
    func mayMatch(_ glob: Glob, lastComponent: Bool = false) -> Bool {
        var start = prefix
        if lastComponent, let slash = start.utf8.lastIndex(of: UInt8(ascii: "/")) {
            start = String(start[start.utf8.index(after: slash)...])
        }
        let wanted = String(glob.pattern.prefix { $0 != "*" })
        let wantedEnd = glob.isLiteral ? wanted : String(glob.pattern.reversed().prefix { $0 != "*" }.reversed())
        let end = suffix
        // By bytes, as `Glob` compares: a combining character behind what is wanted does not hide it.
        let startFits = start.utf8.starts(with: wanted.utf8) || wanted.utf8.starts(with: start.utf8)
        let (endBytes, wantedBytes) = (end.utf8.reversed(), wantedEnd.utf8.reversed())
        let endFits = endBytes.starts(with: wantedBytes) || wantedBytes.starts(with: endBytes)
        return startFits && (endFits || lastComponent && end.utf8.contains(UInt8(ascii: "/")))
    }
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

    /// What is not known is shown as `$?`.
    static func describe(_ found: FoundCommand) -> String {
        let words = found.words.prefix(maximum).map { value in
            value.segments.map { segment in
                switch segment {
                case .text(let text), .glob(let text): text
                case .home: "~"
                case .unknown: "$?"
                }
            }.joined()
        }
        let redirections = found.redirections.prefix(8).filter {
            $0.operator != .document && $0.operator != .documentStripped
        }
        .map { "\($0.operator.rawValue) \($0.target.pattern ?? "$?")" }
        return describe(found.assignments.prefix(8).map { "\($0.name)=..." } + words + redirections)
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
            "\\u{\(String(scalar.value, radix: 16))}"
        default: String(scalar)
        }
    }
}
