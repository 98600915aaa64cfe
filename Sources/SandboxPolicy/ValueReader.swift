import SandboxModel
import SeccompFilter

/// Reads the value of a key and reports everything that is wrong in it.
struct ValueReader {
    static let maximumItems = 256
    static let maximumRoots = 64
    static let maximumText = 1024

    let source: SourceText
    var problems: Problems

    /// The value of `key`, or `nil` after a problem.
    mutating func setting(_ node: SourceNode, for key: PolicyKey) -> Setting? {
        switch key.kind {
        case .amount: return amount(node, for: key).map(Setting.amount)
        case .word(let words): return word(node, of: words, for: key).map(Setting.word)
        case .image, .containerUser, .containerNetwork: return name(node, for: key).map(Setting.word)
        case .flag: return flag(node, for: key).map(Setting.flag)
        case .readPaths, .hidePaths, .roots, .programs, .libraries, .variableNames, .syscalls, .accounts:
            return list(node, for: key).map(Setting.list)
        case .rules: return rules(node, for: key).map(Setting.rules)
        case .variables: return variables(node, for: key).map(Setting.variables)
        }
    }

    mutating func report(_ location: SourceLocation, _ message: String, suggestion: String? = nil) {
        problems.add(source.diagnostic(location, message, suggestion: suggestion))
    }

    /// The text of a single value. Nothing, and YAML's plain `null`, are no text.
    mutating func text(_ node: SourceNode, for key: String, maximum: Int = maximumText) -> String? {
        guard case .scalar(let text, let plain) = node.content, !(plain && text.isEmpty) else {
            report(node.location, "'\(key)' must be a single value, not \(node.kind)")
            return nil
        }
        if plain, ["null", "Null", "NULL"].contains(text) {
            report(node.location, "'\(key)' must be a value, not null; leave the key out instead")
            return nil
        }
        guard text.utf8.count <= maximum else {
            report(node.location, "'\(key)' is longer than \(maximum) bytes")
            return nil
        }
        // Escapes in double quotes can write what the file itself may not contain.
        if let bad = text.unicodeScalars.first(where: {
            $0.value < 0x20 && $0 != "\n" && $0 != "\t" || $0.value == 0x7F
        }) {
            report(node.location, "'\(key)' contains the character U+\(String(bad.value, radix: 16, uppercase: true))")
            return nil
        }
        return text
    }

    /// The elements of a list.
    mutating func elements(_ node: SourceNode, for key: String, maximum: Int = maximumItems) -> [SourceNode]? {
        guard case .list(let elements) = node.content else {
            report(node.location, "'\(key)' must be a list, not \(node.kind)")
            return nil
        }
        guard elements.count <= maximum else {
            report(node.location, "'\(key)' has \(elements.count) entries; at most \(maximum) are read")
            return nil
        }
        return elements
    }
}

// MARK: - Single values

extension ValueReader {
    private mutating func amount(_ node: SourceNode, for key: PolicyKey) -> UInt64? {
        guard let text = text(node, for: key.rawValue) else { return nil }
        do throws(QuantityError) {
            return try key.parse(text)
        } catch {
            report(node.location, "'\(key.rawValue)': \(error)")
            return nil
        }
    }

    private mutating func word(_ node: SourceNode, of words: [String], for key: PolicyKey) -> String? {
        guard let text = text(node, for: key.rawValue) else { return nil }
        guard words.contains(text) else {
            let list = words.joined(separator: ", ")
            let message =
                "'\(key.rawValue)' must be \(words.count > 1 ? "one of " : "")\(list), not '\(text.prefix(40))'"
            report(node.location, message, suggestion: Spelling.nearest(to: text, among: words))
            return nil
        }
        return text
    }

    /// Of an image, a user or a network, as the engine takes it.
    private mutating func name(_ node: SourceNode, for key: PolicyKey) -> String? {
        let maximum = key == .image ? ImageReference.maximumBytes : ContainerNetwork.maximumBytes
        guard let text = text(node, for: key.rawValue, maximum: maximum) else { return nil }
        let problem =
            switch key.kind {
            case .image: ImageReference.problem(of: text)
            case .containerUser: ContainerUser.problem(of: text)
            default: ContainerNetwork.problem(of: text)
            }
        guard let problem else { return text }
        report(node.location, "'\(key.rawValue)': \(problem)")
        return nil
    }

    private mutating func flag(_ node: SourceNode, for key: PolicyKey) -> Bool? {
        switch node.content {
        case .scalar("true", plain: true): return true
        case .scalar("false", plain: true): return false
        default:
            report(node.location, "'\(key.rawValue)' must be true or false, without quotes")
            return nil
        }
    }
}

// MARK: - Lists

extension ValueReader {
    private mutating func list(_ node: SourceNode, for key: PolicyKey) -> [Located<String>]? {
        let maximum = key == .roots ? Self.maximumRoots : Self.maximumItems
        guard let elements = elements(node, for: key.rawValue, maximum: maximum) else { return nil }
        var items: [Located<String>] = []
        for element in elements {
            guard let text = text(element, for: key.rawValue, maximum: PolicyPath.maximumBytes) else { continue }
            if let problem = problem(of: text, in: key) {
                report(element.location, "'\(key.rawValue)': \(problem.message)", suggestion: problem.suggestion)
            } else if items.contains(where: { $0.value == text }) {
                report(element.location, "'\(key.rawValue)': '\(text.prefix(80))' is given twice")
            } else {
                items.append(Located(value: text, location: element.location))
            }
        }
        return items
    }

    private struct ItemProblem {
        var message: String
        var suggestion: String?

        init?(_ message: String?, suggestion: String? = nil) {
            guard let message else { return nil }
            self.message = message
            self.suggestion = suggestion
        }
    }

    private func problem(of text: String, in key: PolicyKey) -> ItemProblem? {
        switch key.kind {
        case .readPaths: return ItemProblem(PolicyPath.problem(of: text) ?? PolicyPath.refusal(ofReading: text))
        case .hidePaths, .libraries: return ItemProblem(PolicyPath.problem(of: text))
        case .programs: return ItemProblem(PolicyPath.problem(ofProgram: text))
        case .roots:
            if text == "~" { return nil }
            if text.hasPrefix("~") {
                return ItemProblem("'\(text.prefix(80))': only '~' alone stands for the caller's home")
            }
            return ItemProblem(PolicyPath.problem(of: text))
        case .variableNames:
            let name = text.hasSuffix("*") ? text.dropLast() : text[...]
            if text == "*" || VariableName.isValid(name) { return nil }
            return ItemProblem("'\(text.prefix(80))' is not a variable's name; '*' may stand at its end only")
        case .syscalls: return systemCallProblem(text, in: key)
        case .accounts: return ItemProblem(AccountName.problem(of: text))
        case .amount, .word, .flag, .rules, .variables, .image, .containerUser, .containerNetwork: return nil
        }
    }

    private func systemCallProblem(_ text: String, in key: PolicyKey) -> ItemProblem? {
        if SystemCallCatalog.group(named: text) != nil { return nil }
        guard SystemCallCatalog.exists(text) else {
            let known = SystemCallCatalog.groups.map(\.name) + SystemCallCatalog.names
            return ItemProblem(
                "'\(text.prefix(80))' is neither a system call nor a group of them",
                suggestion: Spelling.nearest(to: text, among: known))
        }
        guard key == .syscallsAllow, SystemCallCatalog.isNeverAllowed(text) else { return nil }
        let group = SystemCallCatalog.group(of: text).map { " (\($0.name): \($0.summary))" } ?? ""
        return ItemProblem("'\(text)' cannot be allowed by any policy\(group)")
    }

    private mutating func variables(_ node: SourceNode, for key: PolicyKey) -> [String: Located<String>]? {
        guard case .map(let entries) = node.content, entries.count <= Self.maximumItems else {
            report(node.location, "'\(key.rawValue)' must be a mapping of at most \(Self.maximumItems) names to values")
            return nil
        }
        var variables: [String: Located<String>] = [:]
        for entry in entries {
            let name = entry.key.value
            guard VariableName.isValid(name[...]) else {
                report(entry.key.location, "'\(key.rawValue)': '\(name.prefix(80))' is not a variable's name")
                continue
            }
            guard let value = text(entry.value, for: "\(key.rawValue).\(name.prefix(80))", maximum: 4096) else {
                continue
            }
            variables[name] = Located(value: value, location: entry.key.location)
        }
        return variables
    }
}

// MARK: - Command rules

extension ValueReader {
    private mutating func rules(_ node: SourceNode, for key: PolicyKey) -> [CommandRule]? {
        guard let elements = elements(node, for: key.rawValue) else { return nil }
        return elements.compactMap { rule($0, for: key.rawValue) }
    }

    private mutating func rule(_ node: SourceNode, for key: String) -> CommandRule? {
        guard case .map(let entries) = node.content else {
            guard let program = program(node, for: key) else { return nil }
            return CommandRule(program: program, arguments: [], location: node.location)
        }
        var program: Glob?
        var arguments: [Glob] = []
        var reason: String?
        var hint: String?
        var check: Located<CommandCheck>?
        var named = false
        for entry in entries {
            switch RuleKey(rawValue: entry.key.value) {
            case .program:
                named = true
                program = self.program(entry.value, for: "\(key).program")
            case .arguments:
                for element in elements(entry.value, for: "\(key).arguments", maximum: 64) ?? [] {
                    // An empty argument is possible, so an empty pattern in quotes is too.
                    if let text = text(element, for: "\(key).arguments") { arguments.append(Glob(text)) }
                }
            case .check:
                named = true
                if let found = self.check(entry.value, for: key) {
                    check = Located(value: found, location: entry.key.location)
                }
            case .reason: reason = text(entry.value, for: "\(key).reason")
            case .hint: hint = text(entry.value, for: "\(key).hint")
            case nil:
                let unknown = entry.key.value
                let suggestion = Spelling.nearest(to: unknown, among: RuleKey.allCases.map(\.rawValue))
                let message = "unknown key '\(unknown.prefix(40))' in a rule of '\(key)'"
                report(entry.key.location, message, suggestion: suggestion)
            }
        }
        if !named { report(node.location, "a rule of '\(key)' has no 'program'; write '*' for any") }
        if let check, program != nil || !arguments.isEmpty {
            report(check.location, "a rule of '\(key)' has either 'check' or 'program' with 'arguments'")
            return nil
        }
        guard let program = program ?? check.map({ _ in Glob("*") }) else { return nil }
        return CommandRule(
            program: program, arguments: arguments, check: check?.value, reason: reason, hint: hint,
            location: node.location)
    }

    private mutating func check(_ node: SourceNode, for key: String) -> CommandCheck? {
        guard let text = text(node, for: "\(key).check") else { return nil }
        guard key == PolicyKey.deny.rawValue else {
            report(node.location, "'check' finds dangers; it can stand in 'commands.deny' only")
            return nil
        }
        if let check = CommandCheck(rawValue: text) { return check }
        let names = CommandCheck.allCases.map(\.rawValue)
        report(
            node.location, "'\(key).check' must be one of \(names.joined(separator: ", ")), not '\(text.prefix(40))'",
            suggestion: Spelling.nearest(to: text, among: names))
        return nil
    }

    private mutating func program(_ node: SourceNode, for key: String) -> Glob? {
        guard let text = text(node, for: key, maximum: PolicyPath.maximumBytes) else { return nil }
        if text.contains(where: \.isWhitespace) {
            let words = text.split(whereSeparator: \.isWhitespace).prefix(2)
            let example = "{ program: \(words.first ?? "rm"), arguments: [\"\(words.dropFirst().first ?? "-rf")\"] }"
            report(node.location, "'\(key)': a program is one word, and '\(text.prefix(80))' is more; write \(example)")
            return nil
        }
        if text.hasPrefix("/") {
            guard PolicyPath.normalised(text) == text, text != "/" else {
                report(node.location, "'\(key)': '\(text.prefix(80))' is not a normalised path of a program")
                return nil
            }
        } else if text.isEmpty || text.contains("/") {
            report(node.location, "'\(key)': '\(text.prefix(80))' is neither a program's name nor an absolute path")
            return nil
        }
        return Glob(text)
    }
}

/// Names of environment variables.
enum VariableName {
    /// `[A-Za-z_][A-Za-z0-9_]*`, at most 256 bytes.
    static func isValid(_ name: Substring) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= 256 else { return false }
        if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) { return false }
        return name.utf8.allSatisfy { isLowerCase($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    }

    /// `[a-z0-9_]`.
    static func isLowerCase(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || byte == UInt8(ascii: "_")
    }
}
