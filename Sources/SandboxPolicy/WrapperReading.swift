import ShellSyntax

/// What a program makes of its arguments, as far as they are known.
struct WrapperReading {
    struct Given {
        let key: String
        /// `nil` where it takes none or none is attached.
        let values: [ShellValue]

        var value: ShellValue? { values.first }
    }

    /// In their order.
    private(set) var options: [Given] = []
    /// The first operand with all that follows; where options are read behind operands too, the words that are none.
    private(set) var operands: [ShellValue] = []
    /// `NAME=VALUE` between the options.
    private(set) var assignments: [ShellValue] = []
    /// Why it may be read differently.
    private(set) var doubts: [String] = []
    /// Whether there was a `--`.
    private(set) var hasDashes = false
    /// Whether an option was found behind an operand: with POSIXLY_CORRECT set it is none.
    private(set) var hasLateOption = false

    private let grammar: WrapperOptions
    private let words: [ShellValue]
    private var index = 0

    /// - Parameter ends: the keys of options behind which the program reads no more.
    init(_ words: [ShellValue], _ grammar: WrapperOptions, ends: Set<String> = []) {
        self.grammar = grammar
        self.words = words
        while index < words.count {
            let word = words[index]
            index += 1
            guard !hasDashes, let known = option(word) else {
                if !hasDashes, isAssignment(word) {
                    assignments.append(word)
                    continue
                }
                guard hasDashes || grammar.permutes else {
                    index -= 1
                    break
                }
                operands.append(word)
                continue
            }
            read(known, of: word)
            if let last = options.last, ends.contains(last.key) { break }
        }
        operands += words[min(index, words.count)...]
    }

    /// The known text of a word that is an option, or may be one.
    private mutating func option(_ word: ShellValue) -> String? {
        guard word.literal == nil else {
            let text = word.prefix
            return text.hasPrefix("-") && text.utf8.count > 1 ? text : nil
        }
        let text = word.prefix
        if text.hasPrefix("-") { return text }
        if word.mayBeSeveral || text.isEmpty && word.segments.first != .home {
            doubts.append("a word that is not known may be an option")
        }
        return nil
    }

    private func isAssignment(_ word: ShellValue) -> Bool {
        grammar.takesAssignments && word.prefix.utf8.first != UInt8(ascii: "/") && word.assignedName != nil
    }

    private mutating func read(_ text: String, of word: ShellValue) {
        if word.literal == "--" {
            hasDashes = true
            if !grammar.endsWithDashes { doubts.append("'--' is no option of this program") }
            return
        }
        if !operands.isEmpty, grammar.permutes { hasLateOption = true }
        if word.mayBeSeveral { doubts.append("an option is not known") }
        if grammar.takesNumbers, isNumber(text) { return }
        switch grammar.style {
        case .any: return
        case .oneDash: readName(text, of: word)
        case .getopt, .exact: text.hasPrefix("--") ? readName(text, of: word) : readLetters(text, of: word)
        }
    }

    /// `-5`, `--5`, `-+5`.
    private func isNumber(_ text: String) -> Bool {
        let rest = text.dropFirst()
        return (rest.first == "-" || rest.first == "+" ? rest.dropFirst() : rest).first?.isNumber ?? false
    }

    private mutating func readName(_ text: String, of word: ShellValue) {
        let dashes = text.hasPrefix("--") ? 2 : 1
        let name = text.dropFirst(dashes).prefix { $0 != "=" }
        let hasValue = text.count > dashes + name.count
        guard word.literal != nil || hasValue else {
            doubts.append("an option is not known")
            return
        }
        switch grammar.name(String(name)) {
        case .unknown: doubts.append("the option '\(text.prefix(dashes))\(name.prefix(40))' is not known")
        case .ambiguous: doubts.append("the option '--\(name.prefix(40))' may mean more than one")
        case .found(let option):
            take(option, hasValue ? word.dropping(dashes + name.count + 1) : nil)
        }
    }

    /// `-abc`: in `-abc value` only the last letter's argument is the next word.
    private mutating func readLetters(_ text: String, of word: ShellValue) {
        var length = 1
        for letter in text.dropFirst() {
            length += 1
            guard let option = grammar.letter(letter), grammar.style != .exact || text.count == 2 else {
                doubts.append("the option '\(grammar.style == .exact ? text : "-\(letter)")' is not known")
                return
            }
            guard option.argument != .none else {
                options.append(Given(key: option.key, values: []))
                continue
            }
            if length == text.count, word.literal == nil, option.argument != .optional {
                // What is attached may be empty: the argument is the next word then.
                doubts.append("an option's argument is not known")
            }
            let isAttached = length < text.count || word.literal == nil
            return take(option, isAttached ? word.dropping(length) : nil)
        }
        if word.literal == nil { doubts.append("an option is not known") }
    }

    private mutating func take(_ option: WrapperOptions.Option, _ attached: ShellValue?) {
        var values = attached.map { [$0] } ?? []
        let wanted: Int
        switch option.argument {
        case .none, .optional: wanted = 0
        case .required(let count): wanted = count
        case .loose:
            wanted = index < words.count && !words[index].prefix.hasPrefix("-") ? 1 : 0
        }
        while values.count < wanted, index < words.count {
            if words[index].mayBeSeveral { doubts.append("an option's argument may be several words") }
            values.append(words[index])
            index += 1
        }
        options.append(Given(key: option.key, values: values))
    }
}

extension ShellValue {
    /// `NAME` of `NAME=VALUE`. By bytes, as programs see it: a combining character behind the `=` does not hide it.
    var assignedName: String? {
        let bytes = prefix.utf8
        return bytes.firstIndex(of: UInt8(ascii: "=")).map { String(decoding: bytes[..<$0], as: UTF8.self) }
    }

    /// Without so many characters of known text at the beginning.
    func dropping(_ count: Int) -> ShellValue {
        var left = count
        var rest: [Segment] = []
        for segment in segments {
            guard left > 0, case .text(let text) = segment else {
                rest.append(segment)
                continue
            }
            if text.count > left { rest.append(.text(String(text.dropFirst(left)))) }
            left = max(0, left - text.count)
        }
        return ShellValue(segments: rest)
    }
}
