import ShellSyntax

/// One command that a request may run, as far as its text shows.
struct FoundCommand {
    let words: [ShellValue]
    let assignments: [ShellInvocation.Assignment]
    let redirections: [ShellInvocation.Redirection]
    /// The shell text that it stands in, and where in its list.
    let place: (text: Int, index: Int)?
    /// Whether a shell runs it itself, so that a builtin or a function of its name comes first.
    let isInShell: Bool
    let isFunction: Bool
    /// The program without its directory, where that is known. Every rule asks for it.
    let name: String?

    init(
        words: [ShellValue], assignments: [ShellInvocation.Assignment] = [],
        redirections: [ShellInvocation.Redirection] = [], place: (text: Int, index: Int)? = nil,
        isInShell: Bool = false, isFunction: Bool = false
    ) {
        self.words = words
        self.assignments = assignments
        self.redirections = redirections
        self.place = place
        self.isInShell = isInShell
        self.isFunction = isFunction
        name = words.first?.literal.map(PolicyPath.lastComponent)
    }

    /// Whether it is a builtin that starts nothing, or a function whose commands are judged themselves.
    var isHarmlessBuiltin: Bool {
        guard isInShell, let name = words.first?.literal else { return false }
        return isFunction || ShellBuiltins.harmless.contains(name)
    }
}

/// Collects every command that a request may run: its own, and those that its text shows.
struct CommandScan {
    struct Doubt {
        var reason: String
        var subject: String
        /// Whether commands may run that are not in the list.
        var hidesCommands = true
    }

    static let maximumDepth = 8
    static let maximumTextBytes = 1 << 20
    static let maximumDoubts = 16

    private(set) var commands: [FoundCommand] = []
    private(set) var texts: [Text] = []
    private(set) var doubts: [Doubt] = []
    /// The first change of a variable that makes other commands do something else.
    private(set) var poison: Doubt?
    private var textBytes = 0
    private var followsTexts = true

    /// What a command runs without a shell's doing.
    static func behindWrappers(_ words: [ShellValue]) -> [FoundCommand] {
        var scan = CommandScan()
        scan.followsTexts = false
        scan.scan(FoundCommand(words: words), depth: 0)
        return scan.commands
    }

    mutating func scan(argv: [String]) {
        guard !argv.isEmpty else { return }
        scan(FoundCommand(words: argv.map(ShellValue.init(literal:))), depth: 0)
    }

    mutating func doubt(_ reason: String, _ command: FoundCommand, hidesCommands: Bool = true) {
        guard doubts.count < Self.maximumDoubts else { return }
        doubts.append(Doubt(reason: reason, subject: Subject.describe(command), hidesCommands: hidesCommands))
    }

    mutating func poison(_ name: String, _ command: FoundCommand) {
        guard poison == nil, ShellBuiltins.changesOthers(name) else { return }
        poison = Doubt(reason: "the command changes \(name.prefix(40))", subject: Subject.describe(command))
    }

    /// A word `NAME=VALUE`, or a name whose variable is changed.
    mutating func poison(assignment word: ShellValue, _ command: FoundCommand) {
        if let name = word.assignedName ?? word.literal { return poison(name, command) }
        if poison == nil {
            poison = Doubt(reason: "the command may change any variable", subject: Subject.describe(command))
        }
    }

    // MARK: Commands

    mutating func scan(_ command: FoundCommand, depth: Int) {
        commands.append(command)
        for assignment in command.assignments {
            poison(assignment.name, command)
            if ["BASH_CMDS", "BASH_ALIASES"].contains(assignment.name.prefix { $0 != "[" }) {
                doubt("\(assignment.name.prefix(40)) gives a program another name", command)
            }
        }
        guard let first = command.words.first else { return }
        guard first.literal != nil, let name = command.name else {
            return doubt("the program's name is not known", command)
        }
        guard depth < Self.maximumDepth else { return doubt("commands are nested too deeply", command) }
        if let shell = ShellKind(name) { return scan(shell, command, depth: depth) }
        if command.isInShell, scanBuiltin(name, command, depth: depth) { return }
        unwrap(name, command, depth: depth)
    }

    /// The commands that a builtin runs of its arguments; whether it was one.
    private mutating func scanBuiltin(_ name: String, _ command: FoundCommand, depth: Int) -> Bool {
        let arguments = Array(command.words.dropFirst())
        switch name {
        case "eval":
            let hasDashes = arguments.first?.literal == "--"
            scan(joined: Array(arguments.dropFirst(hasDashes ? 1 : 0)), command, depth: depth)
        case "trap":
            let operands = arguments.drop { $0.literal == "--" }
            guard operands.count > 1, let text = operands.first else { return true }
            if text.literal == "-" || text.literal?.isEmpty == true { return true }
            scan(joined: [text], command, depth: depth)
        case "alias":
            for argument in arguments {
                guard let text = argument.literal, let mark = text.firstIndex(of: "=") else { continue }
                scan(joined: [ShellValue(literal: String(text[text.index(after: mark)...]))], command, depth: depth)
                // What follows in the text may mean something else by it.
                doubt("aliases change what later commands are", command)
            }
        case ".", "source": doubt("the contents of a script are not known", command)
        case "enable" where Self.mayHave("f", arguments): doubt("builtins can be loaded from a file", command)
        case "hash" where Self.mayHave("p", arguments):
            poison("PATH", command)
            doubt("hash -p gives a program another name", command)
        case "mapfile", "readarray":
            if Self.mayHave("C", arguments) { doubt("mapfile may run a command for each line", command) }
        case "compgen", "complete": doubt("\(name) may run its arguments", command)
        case "command", "builtin", "exec", "time":
            return false
        default: return false
        }
        return true
    }

    /// Whether a builtin may have been given an option, alone (`-C`) or among others (`-tC`).
    private static func mayHave(_ letter: Character, _ arguments: [ShellValue]) -> Bool {
        arguments.contains { word in
            guard let text = word.literal else { return true }
            return text.utf8.first == UInt8(ascii: "-") && text.unicodeScalars.contains { Character($0) == letter }
        }
    }

    /// Words that a shell joins by blanks and reads as a program.
    mutating func scan(joined words: [ShellValue], _ command: FoundCommand, depth: Int, shell: ShellKind = .either) {
        if words.contains(where: { $0.literal == nil }) {
            doubt("the program's text is not known", command)
            // A rule may deny what is known of it.
            guard words.contains(where: \.hasText) else { return }
        }
        let text = words.map(\.programText).joined(separator: " ")
        scan(text: text, shell, positional: nil, command, depth: depth + 1)
    }

    // MARK: Shells

    /// A shell with its arguments: `-c TEXT`, a script, or a program from its standard input.
    private mutating func scan(_ shell: ShellKind, _ command: FoundCommand, depth: Int) {
        var words = command.words.dropFirst()
        var takesText = false
        while let word = words.first {
            guard let text = word.literal else {
                if takesText, word.hasText { break }
                return doubt("the shell's options are not known", command)
            }
            guard text.hasPrefix("-") || text.hasPrefix("+"), text.utf8.count > 1 else {
                if text == "-" { words = words.dropFirst() }
                break
            }
            words = words.dropFirst()
            if text == "--" { break }
            if text.hasPrefix("--") || ShellBuiltins.isLongOption(text) {
                if ["--rcfile", "--init-file", "-rcfile", "-init-file"].contains(text) {
                    words = words.dropFirst()
                    doubt("the contents of a script are not known", command)
                }
                continue
            }
            for letter in text.dropFirst() {
                if letter == "c" { takesText = true }
                if letter == "o" || letter == "O" { words = words.dropFirst() }
            }
        }
        guard takesText else { return scanInput(shell, Array(words), command, depth: depth) }
        guard let text = words.first else { return }
        guard let literal = text.literal else { return scan(joined: [text], command, depth: depth, shell: shell) }
        let rest = words.dropFirst()
        let given = rest.compactMap(\.literal)
        let positional = given.count == rest.count ? (given.isEmpty ? ["sh"] : given) : nil
        scan(text: literal, shell, positional: positional, command, depth: depth + 1)
    }

    /// A shell that reads a script or its standard input.
    private mutating func scanInput(_ shell: ShellKind, _ operands: [ShellValue], _ command: FoundCommand, depth: Int) {
        if let script = operands.first, !(script.literal.map(ShellBuiltins.isStandardInput) ?? false) {
            // A script is a program like others: what it does is not in the command's text.
            if script.literal == nil { doubt("the script's name is not known", command) }
            return
        }
        let inputs = command.redirections.filter { redirection in
            switch redirection.operator {
            case .document, .documentStripped, .string: redirection.descriptor ?? 0 == 0
            case .read, .duplicateInput, .readWrite: redirection.descriptor ?? 0 == 0
            case .write, .append, .clobber, .duplicateOutput, .both, .appendBoth: false
            }
        }
        if let input = inputs.last {
            switch input.operator {
            case .document, .documentStripped, .string:
                if let text = input.target.literal {
                    return scan(text: text, shell, positional: nil, command, depth: depth + 1)
                }
            default: if input.target.literal == "/dev/null" { return }
            }
        } else if let text = printed(into: command) {
            return scan(text: text, shell, positional: nil, command, depth: depth + 1)
        }
        // Without a pipe or a redirection that is the request's own input.
        guard let place = command.place else { return }
        let own = texts[place.text].invocations[place.index]
        if inputs.isEmpty, own.outerRedirections.isEmpty, own.stages.allSatisfy({ $0.stage == 0 }) { return }
        doubt("the shell reads its program from its standard input", command)
    }

    /// What `echo` or `printf` with known words writes into the pipe that a command reads.
    private func printed(into command: FoundCommand) -> String? {
        guard let place = command.place else { return nil }
        let invocations = texts[place.text].invocations
        let own = invocations[place.index]
        // One command in the stage before, and nothing else that writes there.
        guard own.outerRedirections.isEmpty, own.stages.last?.stage == 1,
            let before = texts[place.text].onlySource(of: place.index)
        else { return nil }
        let source = invocations[before]
        guard let name = source.words.first?.literal else { return nil }
        if name == "cat", source.words.count == 1, source.redirections.count == 1 {
            let input = source.redirections[0]
            return [.document, .documentStripped, .string].contains(input.operator) ? input.target.literal : nil
        }
        guard source.redirections.isEmpty else { return nil }
        let words = source.words.dropFirst().compactMap(\.literal)
        guard name == "echo" || name == "printf", words.count == source.words.count - 1 else { return nil }
        let text = words.drop { name == "echo" && ["-n", "-e", "-ne"].contains($0) }.joined(separator: " ")
        // Escapes that one echo knows and another does not, and printf's conversions, are left undecided.
        guard !text.contains("\\"), name == "echo" || words.count == 1 && !text.contains("%") else { return nil }
        return text
    }

    // MARK: Texts

    mutating func scan(
        text: String, _ shell: ShellKind, positional: [String]?, _ command: FoundCommand, depth: Int
    ) {
        guard followsTexts else { return }
        textBytes += text.utf8.count
        guard depth < Self.maximumDepth, textBytes <= Self.maximumTextBytes else {
            return doubt("the program is too large or nested too deeply", command)
        }
        if !shell.isFollowed { doubt("programs of this shell are not followed", command) }
        let bytes = Array(text.utf8)
        var readsAlike = false
        for dialect in shell.dialects where !readsAlike {
            do throws(ShellSyntaxError) {
                let program = try ShellParser.parse(bytes, dialect: dialect)
                try add(program, positional, command, depth: depth)
                readsAlike = !program.dependsOnDialect
            } catch {
                doubt("the shell text is not understood at \(error)", command)
                addBeginning(of: bytes, before: error.position, dialect, positional, command, depth: depth)
            }
        }
    }

    /// A shell runs the lines before the one that it does not understand.
    private mutating func addBeginning(
        of bytes: [UInt8], before position: ShellPosition, _ dialect: ShellDialect, _ positional: [String]?,
        _ command: FoundCommand, depth: Int
    ) {
        var line = position.line
        for _ in 0..<4 where line > 1 {
            let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).prefix(line - 1)
            do throws(ShellSyntaxError) {
                let program = try ShellParser.parse(Array(lines.joined(separator: [0x0A])), dialect: dialect)
                return try add(program, positional, command, depth: depth)
            } catch {
                line = min(error.position.line, line - 1)
            }
        }
    }

    /// What a text prints, the command prints that runs the text.
    private mutating func markPrinting(_ text: Int) {
        for origin in OutputOrigin.allCases where texts[text].printing[origin] != nil {
            var place = texts[text].parent
            while let command = place {
                texts[command.text].mark(command.index, origin)
                place = texts[command.text].parent
            }
        }
    }

    private mutating func add(
        _ program: ShellProgram, _ positional: [String]?, _ command: FoundCommand, depth: Int
    ) throws(ShellSyntaxError) {
        let invocations = try program.invocations(positional: positional)
        let functions = program.functions
        let text = texts.count
        texts.append(Text(invocations, functions: functions, of: command.place))
        markPrinting(text)
        if let names = program.changedVariables {
            for name in names.sorted() { poison(name, command) }
        } else if poison == nil {
            poison = Doubt(reason: "the command may change any variable", subject: Subject.describe(command))
        }
        for (index, invocation) in invocations.enumerated() {
            let name = invocation.words.first?.literal
            scan(
                FoundCommand(
                    words: invocation.words, assignments: invocation.assignments,
                    redirections: invocation.redirections, place: (text, index), isInShell: true,
                    isFunction: name.map { functions.contains($0) } ?? false),
                depth: depth)
        }
    }
}

extension ShellValue {
    fileprivate var hasText: Bool { segments.contains { if case .text = $0 { true } else { false } } }

    /// As a shell's program, in which what is not known stays so: a variable that nothing sets.
    fileprivate var programText: String {
        segments.map { segment in
            switch segment {
            case .text(let text), .glob(let text): text
            case .home: "~"
            case .unknown: "${__unknown__}"
            }
        }.joined()
    }
}
