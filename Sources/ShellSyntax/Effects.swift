/// Variables that some commands may change: what is known of them before does not hold behind.
struct Effects {
    var names: Set<String> = []
    /// Any variable: something ran that cannot be followed.
    var all = false
    var changesPositional = false
    /// Something may change variables at any later time: a trap, a function that `eval` defines.
    var isDynamic = false
    /// Variables that may have attributes: `declare -u x` makes what is assigned to it another text.
    var attributed: Set<String> = []

    mutating func formUnion(_ other: Effects) {
        names.formUnion(other.names)
        all = all || other.all
        changesPositional = changesPositional || other.changesPositional
        isDynamic = isDynamic || other.isDynamic
        attributed.formUnion(other.attributed)
    }
}

/// Finds the effects of commands and the functions of a program, without expanding anything.
struct EffectsReader {
    private(set) var effects = Effects()
    private(set) var functions: Set<String> = []
    /// Of all function bodies together: a call may be to any of them.
    private(set) var functionEffects = Effects()
    /// Commands, words and names that were looked at.
    private(set) var steps = 0
    /// Whether what substitutions change counts too, though it stays in them.
    private let entersSubstitutions: Bool
    private let knownFunctions: Set<String>
    private let knownFunctionEffects: Effects

    /// - Parameter program: what was found in the whole program, so that calls of its functions have their effects.
    init(program: EffectsReader? = nil, entersSubstitutions: Bool = false) {
        self.entersSubstitutions = entersSubstitutions
        knownFunctions = program?.functions ?? []
        knownFunctionEffects = program?.functionEffects ?? Effects()
    }

    mutating func read(_ statements: [ShellStatement]) {
        for statement in statements { for pipeline in statement.pipelines { read(pipeline) } }
    }

    mutating func read(_ pipeline: ShellPipeline) {
        for command in pipeline.stages { read(command) }
    }

    mutating func read(_ command: ShellCommand) {
        steps += 1
        for redirection in command.redirections { read(redirection) }
        switch command.kind {
        case .simple(let assignments, let words): read(assignments, words)
        case .subshell(let body), .group(let body): read(body)
        case .conditional(let branches, let otherwise):
            for branch in branches {
                read(branch.condition)
                read(branch.body)
            }
            read(otherwise)
        case .loop(let condition, let body):
            read(condition)
            read(body)
        case .iteration(let variable, let words, let body):
            effects.names.formUnion([variable, "REPLY"])
            for word in words ?? [] { read(word) }
            read(body)
        case .counting(let expression, let body):
            readArithmetic(expression)
            read(body)
        case .selection(let subject, let items):
            read(subject)
            for item in items { read(item.body) }
        case .function(let name, let body):
            functions.insert(name)
            let outside = effects
            effects = Effects()
            read(body)
            functionEffects.formUnion(effects)
            effects = outside
        case .test(let words):
            for word in words { read(word) }
            effects.names.insert("BASH_REMATCH")
        case .arithmetic(let expression): readArithmetic(expression)
        case .coprocess(let name, let body):
            effects.names.formUnion([name, name + "_PID"])
            read(body)
        case .nothing: break
        }
    }

    mutating func read(_ redirection: ShellRedirection) {
        if let variable = redirection.variable { effects.names.insert(variable) }
        read(redirection.target)
    }

    // MARK: Words

    /// Expansions that assign: `${x:=y}`, `$((x = 1))`. What runs in a substitution stays there.
    mutating func read(_ word: ShellWord) {
        steps += 1
        for part in word.parts {
            switch part {
            case .parameter(let parameter, _):
                if parameter.assigns {
                    // `${!x:=y}` assigns to what x names.
                    if parameter.name.hasPrefix("!") { effects.all = true }
                    effects.names.insert(parameter.name)
                }
                readArithmetic(parameter.rest)
            case .arithmetic(let expression, _): readArithmetic(expression)
            case .array(let words): for word in words { readArithmetic(word) }
            case .group(let inner): read(inner)
            case .command(let statements, _), .process(let statements):
                if entersSubstitutions { read(statements) }
            case .literal, .quoted: break
            }
        }
    }

    /// Every name in an expression that has an assignment; all of them where it is not known in full.
    private mutating func readArithmetic(_ word: ShellWord) {
        read(word)
        var bytes: [UInt8] = []
        var isKnown = true
        for part in word.parts {
            switch part {
            case .literal(let text), .quoted(let text): bytes += text
            case .parameter(let parameter, _) where parameter.isPlain: bytes += Array(parameter.name.utf8)
            case .parameter, .command, .arithmetic, .process, .array, .group: isKnown = false
            }
        }
        guard Self.assigns(bytes) else { return }
        if !isKnown { effects.all = true }
        for name in bytes.split(whereSeparator: { !$0.isName }) {
            effects.names.insert(String(decoding: name, as: UTF8.self))
        }
    }

    /// Whether there is a `=`, `++` or `--` in an expression.
    private static func assigns(_ bytes: [UInt8]) -> Bool {
        var last: UInt8 = 0
        for byte in bytes {
            if byte == 0x3D || byte == last && (byte == 0x2B || byte == 0x2D) { return true }
            last = byte
        }
        return false
    }

    // MARK: Simple commands

    private mutating func read(_ assignments: [ShellAssignment], _ words: [ShellWord]) {
        for assignment in assignments {
            effects.names.insert(assignment.name)
            if let subscription = assignment.subscription { readArithmetic(subscription) }
            read(assignment.value)
        }
        for word in words { read(word) }
        guard let first = words.first else { return }
        guard let name = Self.text(first) else {
            effects.all = true
            return
        }
        if knownFunctions.contains(name) {
            effects.formUnion(knownFunctionEffects)
            steps += knownFunctionEffects.names.count
        }
        builtin(name, Array(words.dropFirst()))
    }

    /// The text of a word in which nothing is expanded.
    private static func text(_ word: ShellWord) -> String? {
        var bytes: [UInt8] = []
        for part in word.parts {
            switch part {
            case .literal(let text):
                if text.contains(where: { $0 == "{" || $0 == "*" || $0 == "?" || $0 == "[" || $0 == "~" }),
                    text.count > 1
                {
                    return nil
                }
                bytes += text
            case .quoted(let text): bytes += text
            case .parameter, .command, .arithmetic, .process, .array, .group: return nil
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func builtin(_ name: String, _ arguments: [ShellWord]) {
        switch name {
        case "eval", ".", "source", "trap", "alias", "unalias", "shopt", "enable", "fc", "bind", "complete":
            effects.all = true
            effects.changesPositional = true
            effects.isDynamic = true
        case "builtin", "command":
            guard let inner = arguments.first else { return }
            guard let name = Self.text(inner), !name.hasPrefix("-") else {
                effects.all = true
                effects.changesPositional = true
                return
            }
            builtin(name, Array(arguments.dropFirst()))
        case "readonly", "declare", "typeset", "local":
            var inner = EffectsReader()
            inner.variables(arguments)
            if inner.effects.all { effects.isDynamic = true }
            effects.attributed.formUnion(inner.effects.names)
            effects.formUnion(inner.effects)
        case "export", "read", "unset", "getopts", "printf", "mapfile",
            "readarray", "let", "wait", "hash":
            variables(arguments)
            effects.names.formUnion(["REPLY", "MAPFILE", "OPTARG", "OPTIND"])
        case "set":
            let isPlain = arguments.allSatisfy { word in
                guard let text = Self.text(word), text.hasPrefix("-") || text.hasPrefix("+"), text != "--" else {
                    return word.plainText.map { Self.options.contains($0) } ?? false
                }
                return !text.utf8.contains { $0 == "k" }
            }
            if !isPlain { effects.changesPositional = true }
        case "shift": effects.changesPositional = true
        default: break
        }
    }

    /// Names that follow `set -o`.
    private static let options: Set<String> = [
        "errexit", "nounset", "pipefail", "xtrace", "noclobber", "noglob", "verbose", "allexport", "posix",
    ]

    /// Names among the arguments of a builtin that sets variables: every argument could be one.
    private mutating func variables(_ arguments: [ShellWord]) {
        for argument in arguments {
            var bytes: [UInt8] = []
            parts: for part in argument.parts {
                switch part {
                case .literal(let text), .quoted(let text): bytes += text
                case .parameter, .command, .arithmetic, .process, .array, .group:
                    // `x=$y` names x; `$x=y` names anything.
                    if !bytes.contains(where: { $0 == "=" || $0 == "[" }) { effects.all = true }
                    break parts
                }
            }
            for name in bytes.split(whereSeparator: { !$0.isName }) {
                effects.names.insert(String(decoding: name, as: UTF8.self))
            }
        }
    }
}
