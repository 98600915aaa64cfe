/// What a word is for, and with that which expansions it goes through.
enum WordUse {
    /// A command's word: braces, tilde, variables, splitting, globs.
    case command
    /// The value of an assignment: neither braces nor splitting nor globs.
    case assignment
    /// A here-document: no tilde either.
    case document
}

extension Analysis {
    /// The words that a word becomes.
    mutating func values(of word: ShellWord, _ use: WordUse) -> [ShellValue] {
        let atoms = atoms(of: word)
        guard use == .command else {
            var joiner = WordJoiner(use: use, isHomeKnown: isHomeKnown)
            joiner.add(atoms)
            return [joiner.single()]
        }
        guard program.dialect == .bash else {
            var joiner = WordJoiner(use: use, isHomeKnown: isHomeKnown)
            joiner.add(atoms)
            return joiner.finished()
        }
        guard let words = BraceExpansion.expand(atoms) else {
            return [ShellValue(segments: [.unknown(ShellValue.Unknown(splits: true))])]
        }
        var values: [ShellValue] = []
        for atoms in words {
            var joiner = WordJoiner(use: use, isHomeKnown: isHomeKnown)
            joiner.add(atoms)
            values += joiner.finished()
        }
        if words.count > 1 { for index in values.indices { values[index].hasBraces = true } }
        return values
    }

    /// Only the commands in a word; what it becomes does not matter.
    mutating func search(_ word: ShellWord) { _ = atoms(of: word) }

    private var isHomeKnown: Bool { !wholeEffects.names.contains("HOME") }

    private mutating func atoms(of word: ShellWord) -> [Atom] {
        var atoms: [Atom] = []
        for part in word.parts {
            switch part {
            case .literal(let bytes): atoms += bytes.map { .byte($0, quoted: false) }
            case .quoted(let bytes):
                if bytes.isEmpty { atoms.append(.emptyQuotes) }
                atoms += bytes.map { .byte($0, quoted: true) }
            case .parameter(let parameter, let quoted): atoms.append(expand(parameter, quoted: quoted))
            case .command(let statements, let quoted):
                let range = substitution(statements)
                atoms.append(.expanded([.unknown(ShellValue.Unknown(splits: !quoted, commands: range))], splits: false))
            case .process(let statements):
                let range = substitution(statements)
                atoms.append(.expanded([.unknown(ShellValue.Unknown(splits: false, commands: range))], splits: false))
            case .arithmetic(let expression, let quoted):
                search(expression)
                atoms.append(.expanded([.unknown(ShellValue.Unknown(splits: !quoted))], splits: false))
            case .array(let elements):
                for element in elements { search(element) }
                atoms.append(.expanded([.unknown(ShellValue.Unknown(splits: true))], splits: false))
            case .group(let inner):
                search(inner)
                atoms.append(.expanded([.unknown(ShellValue.Unknown(splits: true))], splits: false))
            }
        }
        return atoms
    }

    private mutating func expand(_ parameter: ShellParameter, quoted: Bool) -> Atom {
        let first = invocations.count
        search(parameter.rest)
        let range = first..<invocations.count
        if parameter.isPlain {
            if parameter.name == "HOME", isHomeKnown { return .expanded([.home], splits: false) }
            if let atom = expandPositional(parameter.name, quoted: quoted) { return atom }
            if let value = known[parameter.name], let atom = expand(value, quoted: quoted) { return atom }
        }
        let several = parameter.name.contains("@") || Self.mentionsAll(parameter.rest)
        return .expanded(
            [.unknown(ShellValue.Unknown(splits: !quoted || several, commands: range))], splits: false)
    }

    /// `@` somewhere in what stands behind a name: `"${a[@]}"` and `"${x:-$@}"` may be many words.
    private static func mentionsAll(_ word: ShellWord) -> Bool {
        word.parts.contains { part in
            switch part {
            case .literal(let bytes), .quoted(let bytes): bytes.contains { $0 == "@" }
            case .parameter(let inner, _): inner.name.contains("@") || mentionsAll(inner.rest)
            case .command, .arithmetic, .process, .array, .group: false
            }
        }
    }

    private mutating func expandPositional(_ name: String, quoted: Bool) -> Atom? {
        guard let positional, function == nil, !wholeEffects.changesPositional, !isPoisoned else { return nil }
        if name == "@", quoted { return .fields(Array(positional.dropFirst())) }
        guard let index = Int(name) else { return nil }
        return expand(ShellValue(literal: index < positional.count ? positional[index] : ""), quoted: quoted)
    }

    private mutating func expand(_ value: ShellValue, quoted: Bool) -> Atom? {
        // Splitting by other characters than blanks is not followed.
        if !quoted, wholeEffects.names.contains("IFS") { return nil }
        for segment in value.segments {
            if case .text(let text) = segment { expansionBudget -= text.utf8.count + 16 } else { expansionBudget -= 16 }
        }
        guard expansionBudget > 0 else { return nil }
        return .expanded(value.segments, splits: !quoted)
    }
}

/// Puts the atoms of one word together: tilde, splitting of variables, globs.
struct WordJoiner {
    let use: WordUse
    let isHomeKnown: Bool
    private var words: [ShellValue] = []
    private var current = ShellValue(segments: [])
    private var hasWord = false
    private var bytes: [UInt8] = []
    private var bytesAreGlob = false

    init(use: WordUse, isHomeKnown: Bool) {
        self.use = use
        self.isHomeKnown = isHomeKnown
    }

    mutating func add(_ atoms: [Atom]) {
        // `"$@"` without parameters is no word, though it has quotes.
        if atoms.count == 2, case .emptyQuotes = atoms[0], case .fields(let fields) = atoms[1], fields.isEmpty {
            return
        }
        let closing = atoms.lastIndex { $0.isUnquoted("]") } ?? -1
        var index = 0
        while index < atoms.count {
            switch atoms[index] {
            case .byte(let byte, let quoted):
                if !quoted, byte == "~", use != .document, let end = tilde(atoms, index) {
                    index = end
                    continue
                }
                if quoted { current.isQuoted = true }
                let isGlob = byte == "*" || byte == "?" || byte == "[" && closing > index || byte == "]" && index > 0
                add(byte, glob: !quoted && isGlob && use == .command)
            case .emptyQuotes:
                hasWord = true
                current.isQuoted = true
            case .expanded(let segments, let splits): add(segments, splits: splits && use == .command)
            case .fields(let fields): add(fields)
            }
            index += 1
        }
    }

    private mutating func add(_ byte: UInt8, glob: Bool) {
        if glob != bytesAreGlob { flush() }
        bytesAreGlob = glob
        bytes.append(byte)
        hasWord = true
    }

    private mutating func flush() {
        guard !bytes.isEmpty else { return }
        let text = String(decoding: bytes, as: UTF8.self)
        current.append(bytesAreGlob ? .glob(text) : .text(text))
        bytes = []
    }

    private mutating func endWord() {
        flush()
        if hasWord { words.append(current) }
        current = ShellValue(segments: [])
        hasWord = false
    }

    /// At the beginning of a word, and in assignments behind `=` and `:`, `~` up to a slash is a home directory.
    private mutating func tilde(_ atoms: [Atom], _ index: Int) -> Int? {
        if index > 0 {
            let before = atoms[index - 1]
            guard before.isUnquoted("=") || before.isUnquoted(":") else { return nil }
        } else if hasWord {
            return nil
        }
        var end = index + 1
        var name = ""
        while end < atoms.count, case .byte(let byte, quoted: false) = atoms[end], byte != "/", byte != ":" {
            name.append(Character(Unicode.Scalar(byte)))
            end += 1
        }
        if end < atoms.count, !atoms[end].isUnquoted("/"), !atoms[end].isUnquoted(":") { return nil }
        flush()
        hasWord = true
        // `~user`, `~+`, `~1` depend on the host and on where the shell is.
        let isOwn = name.isEmpty && isHomeKnown
        current.append(isOwn ? .home : .unknown(ShellValue.Unknown(splits: false)))
        return end
    }

    private mutating func add(_ segments: [ShellValue.Segment], splits: Bool) {
        if !splits, segments.isEmpty {
            // A quoted expansion of nothing is a word, as `""` is; in an assignment it does not matter.
            hasWord = true
        }
        for segment in segments {
            switch segment {
            case .text(let text) where splits: split(text)
            case .unknown(var unknown):
                flush()
                hasWord = true
                unknown.splits = unknown.splits && use == .command || splits
                current.append(.unknown(unknown))
            case .text, .glob, .home:
                flush()
                hasWord = true
                current.append(segment)
            }
        }
    }

    private mutating func split(_ text: String) {
        let hasClosing = text.utf8.contains(0x5D)
        for byte in text.utf8 {
            if byte == " " || byte == "\t" || byte == "\n" {
                endWord()
            } else {
                add(byte, glob: byte == "*" || byte == "?" || hasClosing && (byte == "[" || byte == "]"))
            }
        }
    }

    private mutating func add(_ fields: [String]) {
        for (index, field) in fields.enumerated() {
            if index > 0 { endWord() }
            hasWord = true
            flush()
            if !field.isEmpty { current.append(.text(field)) }
        }
    }

    mutating func finished() -> [ShellValue] {
        endWord()
        return words
    }

    /// All of it as one value, for places where nothing is split.
    mutating func single() -> ShellValue {
        flush()
        return current
    }
}
