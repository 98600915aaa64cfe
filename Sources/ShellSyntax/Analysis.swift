extension ShellProgram {
    /// Commands that are listed at most.
    package static let maximumInvocations = 20_000
    /// Commands, words and names that are looked at to tell what the program does to variables.
    package static let maximumSteps = 1 << 20

    /// Every simple command that the program may run, wherever it stands, in the order of the text: what a substitution
    /// runs comes before the command that it stands in. None is left out; words that cannot be known say so.
    ///
    /// - Parameter positional: `$0`, `$1` and so on, where they are known.
    package func invocations(positional: [String]? = nil) throws(ShellSyntaxError) -> [ShellInvocation] {
        var analysis = Analysis(program: self, positional: positional)
        analysis.walk(statements)
        guard !analysis.isFull else {
            throw ShellSyntaxError(.tooComplex, at: ShellPosition(line: 1, column: 1))
        }
        return analysis.invocations
    }

    /// The names of the functions that the program defines.
    package var functions: Set<String> { everything.functions }

    /// The variables that the program may change, anywhere and in whatever way; `nil` where that could be any.
    package var changedVariables: Set<String>? {
        let reader = everything
        var effects = reader.effects
        effects.formUnion(reader.functionEffects)
        return effects.all ? nil : effects.names
    }

    private var everything: EffectsReader {
        var reader = EffectsReader(entersSubstitutions: true)
        reader.read(statements)
        for document in documents { reader.read(document.body) }
        return reader
    }
}

/// Walks a program in its order, with what is known of variables at each place.
struct Analysis {
    let program: ShellProgram
    let facts: EffectsReader
    /// Everything that the program does to variables, to tell what never changes.
    let wholeEffects: Effects
    let positional: [String]?
    private(set) var invocations: [ShellInvocation] = []
    private(set) var isFull = false
    /// Variables with the value that they certainly have here.
    var known: [String: ShellValue] = [:]
    /// Bytes that expansions of variables may still add: `$x$x$x` could add without end.
    var expansionBudget = 1 << 20
    /// After `eval`, `trap` and the like, and commands that nobody knows: variables may change at any time.
    private(set) var isPoisoned = false

    /// What may still be looked at to find effects: the parts of a compound command are read again for each of its parts,
    /// and calls of functions have the effects of all of them, so without it the work would grow with the text's square.
    private var stepBudget = ShellProgram.maximumSteps
    private var stages: [ShellInvocation.Stage] = []
    private var isBackground = false
    private(set) var function: String?
    private var outerRedirections: [ShellInvocation.Redirection] = []
    private var pipelines = 0

    init(program: ShellProgram, positional: [String]?) {
        self.program = program
        self.positional = positional
        var first = EffectsReader()
        first.read(program.statements)
        facts = first
        var second = EffectsReader(program: first)
        second.read(program.statements)
        var whole = second.effects
        whole.formUnion(second.functionEffects)
        whole.formUnion(first.functionEffects)
        wholeEffects = whole
        // Functions run wherever they are called.
        isPoisoned = first.functionEffects.isDynamic || second.functionEffects.isDynamic
    }

    private mutating func effects(_ read: (inout EffectsReader) -> Void) -> Effects {
        var reader = EffectsReader(program: facts)
        read(&reader)
        spend(reader.steps)
        return reader.effects
    }

    private mutating func spend(_ steps: Int) {
        stepBudget -= steps
        if stepBudget < 0 { isFull = true }
    }

    mutating func forget(_ effects: Effects) {
        if effects.all { return known.removeAll() }
        for name in effects.names { known[name] = nil }
    }

    // MARK: Statements

    mutating func walk(_ statements: [ShellStatement]) {
        for statement in statements where !isFull {
            let outside = known
            let wasBackground = isBackground
            if statement.background { isBackground = true }
            walk(statement)
            isBackground = wasBackground
            if statement.background { known = outside }
        }
    }

    private mutating func walk(_ statement: ShellStatement) {
        guard let first = statement.pipelines.first else { return }
        walk(first)
        guard statement.pipelines.count > 1 else { return }
        var conditional = Effects()
        for pipeline in statement.pipelines.dropFirst() {
            walk(pipeline)
            let own = effects { $0.read(pipeline) }
            // The next one runs whether this one did or not.
            forget(own)
            conditional.formUnion(own)
        }
        forget(conditional)
    }

    private mutating func walk(_ pipeline: ShellPipeline) {
        guard pipeline.stages.count > 1 else {
            for command in pipeline.stages { walk(command) }
            return
        }
        pipelines += 1
        let number = pipelines
        for (index, command) in pipeline.stages.enumerated() {
            let outside = known
            let isLast = index == pipeline.stages.count - 1
            stages.append(ShellInvocation.Stage(pipeline: number, stage: index, isLast: isLast))
            walk(command)
            stages.removeLast()
            known = outside
        }
        // Some shells run the last stage themselves.
        if let last = pipeline.stages.last { forget(effects { $0.read(last) }) }
    }

    // MARK: Commands

    private mutating func walk(_ command: ShellCommand) {
        guard !isFull else { return }
        if case .simple(let assignments, let words) = command.kind {
            return simple(assignments, words, command)
        }
        let redirections = command.redirections.map { redirection($0) }
        if !redirections.isEmpty {
            add(words: [], assignments: [], redirections: redirections, at: command.position)
        }
        let outside = outerRedirections
        outerRedirections += redirections
        compound(command)
        outerRedirections = outside
        forget(effects { reader in for item in command.redirections { reader.read(item) } })
    }

    private mutating func compound(_ command: ShellCommand) {
        switch command.kind {
        case .simple, .nothing: break
        case .group(let body): walk(body)
        case .subshell(let body): apart { $0.walk(body) }
        case .conditional(let branches, let otherwise): conditional(branches, otherwise, command)
        case .loop(let condition, let body):
            loop(command) {
                $0.walk(condition)
                $0.walk(body)
            }
        case .iteration(_, let words, let body):
            for word in words ?? [] { _ = values(of: word, .command) }
            loop(command) { $0.walk(body) }
        case .counting(let expression, let body):
            loop(command) {
                $0.search(expression)
                $0.walk(body)
            }
        case .selection(let subject, let items):
            search(subject)
            for item in items where !isFull {
                // Patterns are tried in order, and a body may be reached from the one before.
                for pattern in item.patterns { search(pattern) }
                apart { inner in
                    inner.forget(inner.effects { $0.read(command) })
                    inner.walk(item.body)
                }
            }
            forget(effects { $0.read(command) })
        case .function(let name, let body):
            let outer = (known, function, stages, isBackground)
            known = [:]
            function = name
            stages = []
            isBackground = false
            walk(body)
            (known, function, stages, isBackground) = outer
        case .test(let words):
            for word in words { search(word) }
            forget(effects { $0.read(command) })
        case .arithmetic(let expression):
            search(expression)
            forget(effects { $0.read(command) })
        case .coprocess(_, let body):
            apart {
                $0.isBackground = true
                $0.walk(body)
            }
            forget(effects { $0.read(command) })
        }
    }

    /// Something whose variables are its own.
    mutating func apart(_ walk: (inout Analysis) -> Void) {
        let outside = known
        spend(known.count)
        let wasBackground = isBackground
        walk(&self)
        known = outside
        isBackground = wasBackground
    }

    private mutating func loop(_ command: ShellCommand, _ walk: (inout Analysis) -> Void) {
        let own = effects { $0.read(command) }
        forget(own)
        // What stands behind in the body has run before, the second time.
        if own.isDynamic { isPoisoned = true }
        walk(&self)
        forget(own)
    }

    private mutating func conditional(
        _ branches: [ShellBranch], _ otherwise: [ShellStatement], _ command: ShellCommand
    ) {
        for (index, branch) in branches.enumerated() {
            walk(branch.condition)
            if index > 0 { forget(effects { $0.read(branch.condition) }) }
            apart { $0.walk(branch.body) }
        }
        apart { $0.walk(otherwise) }
        forget(effects { $0.read(command) })
    }

    // MARK: Simple commands

    private mutating func simple(_ assignments: [ShellAssignment], _ words: [ShellWord], _ command: ShellCommand) {
        var argv: [ShellValue] = []
        var fromFirst = 0
        for word in words {
            argv += values(of: word, .command)
            if fromFirst == 0 { fromFirst = argv.count }
        }
        var given: [ShellInvocation.Assignment] = []
        for assignment in assignments {
            if let subscription = assignment.subscription { search(subscription) }
            var value = values(of: assignment.value, .assignment).first ?? ShellValue(segments: [])
            if assignment.appends || assignment.subscription != nil {
                value = ShellValue(segments: [.unknown(ShellValue.Unknown(splits: false))])
            }
            given.append(ShellInvocation.Assignment(name: assignment.name, value: value))
            // In `a=b c=$a` the second sees the first.
            if words.isEmpty { learn(assignment.name, value) }
        }
        let redirections = command.redirections.map { redirection($0) }
        add(words: argv, assignments: given, redirections: redirections, at: command.position)
        var own = effects { $0.read(command) }
        if words.isEmpty == false, argv.first?.literal == nil {
            own.all = true
            isPoisoned = true
        } else if !words.isEmpty, words.first?.plainText == nil {
            // Not unknown after all; what it does is added below.
            own.all = false
        }
        if let name = argv.first?.literal, words.first?.plainText != name {
            // The name came out of an expansion: what it does is looked up under its value.
            let plain = ShellCommand(
                kind: .simple([], [ShellWord([.literal(Array(name.utf8))])] + words.dropFirst()), redirections: [],
                position: command.position)
            own.formUnion(effects { $0.read(plain) })
            if fromFirst > 1 { own.all = true }
        }
        if words.isEmpty { for assignment in given { own.names.remove(assignment.name) } }
        forget(own)
        if own.isDynamic { isPoisoned = true }
        if argv.first?.literal == "export" { learnExported(argv.dropFirst()) }
    }

    private mutating func learnExported(_ arguments: ArraySlice<ShellValue>) {
        guard !arguments.contains(where: { $0.literal?.hasPrefix("-") ?? true }) else { return }
        for argument in arguments {
            guard let text = argument.literal, let mark = text.firstIndex(of: "=") else { continue }
            learn(String(text[..<mark]), ShellValue(literal: String(text[text.index(after: mark)...])))
        }
    }

    /// Variables that the shell itself changes, or that change what others mean.
    private static let special: Set<String> = [
        "HOME", "IFS", "PATH", "PWD", "OLDPWD", "RANDOM", "SRANDOM", "SECONDS", "LINENO", "REPLY", "OPTARG", "OPTIND",
        "PPID", "UID", "EUID", "GROUPS", "DIRSTACK", "FUNCNAME", "HISTCMD", "EPOCHSECONDS", "EPOCHREALTIME", "MAPFILE",
        "SHELLOPTS", "BASHOPTS", "_", "PIPESTATUS", "HOSTNAME", "HOSTTYPE", "OSTYPE", "MACHTYPE", "SHLVL",
    ]

    private mutating func learn(_ name: String, _ value: ShellValue) {
        var length = 0
        for segment in value.segments {
            if case .text(let text) = segment { length += text.utf8.count } else { length += 16 }
        }
        let isFollowed = !isPoisoned && !wholeEffects.attributed.contains(name)
        if !isFollowed || Self.special.contains(name) || name.hasPrefix("BASH") || name.hasPrefix("COMP_")
            || length > 4096
        {
            known[name] = nil
        } else {
            known[name] = value
        }
    }

    private mutating func redirection(_ redirection: ShellRedirection) -> ShellInvocation.Redirection {
        let word = redirection.document.map { program.documents[$0].body } ?? redirection.target
        let kind: WordUse =
            redirection.document != nil ? .document : redirection.operator == .string ? .assignment : .command
        let values = values(of: word, kind)
        let target =
            values.count == 1
            ? values[0] : ShellValue(segments: [.unknown(ShellValue.Unknown(splits: true))])
        return ShellInvocation.Redirection(
            operator: redirection.operator, descriptor: redirection.descriptor, target: target)
    }

    private mutating func add(
        words: [ShellValue], assignments: [ShellInvocation.Assignment], redirections: [ShellInvocation.Redirection],
        at position: ShellPosition
    ) {
        guard invocations.count < ShellProgram.maximumInvocations else {
            isFull = true
            return
        }
        invocations.append(
            ShellInvocation(
                words: words, assignments: assignments, redirections: redirections, stages: stages,
                isBackground: isBackground, function: function, outerRedirections: outerRedirections,
                position: position))
    }

    /// Walks the commands of a substitution, which has its own variables and pipes, and returns where they are listed.
    mutating func substitution(_ statements: [ShellStatement]) -> Range<Int> {
        let first = invocations.count
        let outer = outerRedirections
        outerRedirections = []
        apart { $0.walk(statements) }
        outerRedirections = outer
        return first..<invocations.count
    }
}
