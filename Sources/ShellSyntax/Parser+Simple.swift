/// Builtins whose arguments may be `name=(...)`.
private let declarations: Set<String> = ["alias", "declare", "export", "local", "readonly", "typeset", "eval", "let"]

extension Parser {
    /// A simple command, or a function that is defined as `name ()`.
    mutating func simple(at start: Int) throws(ShellSyntaxError) -> ShellCommand {
        var assignments: [ShellAssignment] = []
        var words: [ShellWord] = []
        var redirections: [ShellRedirection] = []
        while true {
            skipBlanks()
            if let redirection = try redirection() {
                redirections.append(redirection)
                continue
            }
            if words.isEmpty, let assignment = try assignment() {
                assignments.append(assignment)
                continue
            }
            if words.count == 1, assignments.isEmpty, redirections.isEmpty, peek() == "(",
                let name = words[0].plainText
            {
                advance()
                skipBlanks()
                guard peek() == ")", isBash || isName(name) else { throw unexpected() }
                advance()
                return ShellCommand(
                    kind: .function(name: name, body: try functionBody()), redirections: [],
                    position: position(of: start))
            }
            if let declaration = try declaration(words.first) {
                words.append(declaration)
                continue
            }
            guard let word = try word(words.isEmpty ? .assignable : .ordinary) else { break }
            words.append(word)
        }
        guard !assignments.isEmpty || !words.isEmpty || !redirections.isEmpty else { throw unexpected() }
        noteExtendedGlobs(words)
        return ShellCommand(
            kind: .simple(assignments, words), redirections: redirections, position: position(of: start))
    }

    private mutating func noteExtendedGlobs(_ words: [ShellWord]) {
        guard words.count > 2, words[0].plainText == "shopt", words[1].plainText == "-s" else { return }
        if words.dropFirst(2).contains(where: { $0.plainText == "extglob" }) { extendedGlobs = true }
    }

    // MARK: Assignments

    /// `name=value`, `name+=value`, `name[i]=value`, `name=(...)`; nothing is read where the word is another.
    private mutating func assignment() throws(ShellSyntaxError) -> ShellAssignment? {
        let start = at
        var length = 0
        while let byte = peek(length), length == 0 ? byte.isNameStart : byte.isName { length += 1 }
        guard length > 0, let behind = peek(length) else { return nil }
        guard behind == "=" || isBash && (behind == "[" || behind == "+" && peek(length + 1) == "=") else { return nil }
        var name: [UInt8] = []
        for _ in 0..<length {
            if let byte = peek() { name.append(byte) }
            advance()
        }
        var subscription: ShellWord?
        if peek() == "[" {
            dependsOnDialect = true
            advance()
            subscription = try balanced(open: "[", close: "]")
        }
        var appends = false
        if isBash, peek() == "+", peek(1) == "=" {
            dependsOnDialect = true
            appends = true
            advance()
        }
        guard peek() == "=" else {
            at = start
            return nil
        }
        advance()
        let value: ShellWord
        if isBash, at < end, text[behindContinuations(at)..<end].first == 0x28 {
            value = ShellWord([.array(try arrayElements())])
        } else {
            value = try word() ?? ShellWord()
        }
        return ShellAssignment(
            name: String(decoding: name, as: UTF8.self), subscription: subscription, appends: appends, value: value)
    }

    /// An argument `name=(...)` of `declare` and its like, as a word with the array in it.
    private mutating func declaration(_ command: ShellWord?) throws(ShellSyntaxError) -> ShellWord? {
        guard isBash, let command = command?.plainText, declarations.contains(command) else { return nil }
        var length = 0
        while let byte = peek(length), length == 0 ? byte.isNameStart : byte.isName { length += 1 }
        var operatorLength = 1
        if peek(length) == "+" { operatorLength = 2 }
        guard length > 0, peek(length + operatorLength - 1) == "=", peek(length + operatorLength) == "(" else {
            return nil
        }
        var builder = WordBuilder()
        for _ in 0..<(length + operatorLength) {
            if let byte = peek() { builder.add(byte, quoted: true) }
            advance()
        }
        builder.add(.array(try arrayElements()))
        return builder.finished()
    }

    /// `( word word )` behind `=`.
    private mutating func arrayElements() throws(ShellSyntaxError) -> [ShellWord] {
        try enter()
        dependsOnDialect = true
        let start = at
        let waiting = pending
        pending = []
        advance()
        var elements: [ShellWord] = []
        while true {
            try skipLines()
            guard let byte = peek() else { throw failure(.missing(")"), at: start) }
            if byte == ")" { break }
            if byte == "[" {
                // `[i]=x`: the subscript may have blanks.
                advance()
                elements.append(try balanced(open: "[", close: "]"))
                if let rest = try word() { elements.append(rest) }
                continue
            }
            guard let element = try word() else { throw unexpected() }
            elements.append(element)
        }
        advance()
        pending = waiting
        leave()
        return elements
    }

    // MARK: Redirections

    /// A redirection with its target; nothing is read where there is none.
    mutating func redirection() throws(ShellSyntaxError) -> ShellRedirection? {
        var length = 0
        var descriptor: Int?
        var variable: String?
        if let digits = numberInFront() {
            length = digits.length
            descriptor = digits.value
        } else if isBash, let name = variableInFront() {
            length = name.utf8.count + 2
            variable = name
        }
        guard let first = peek(length), first == "<" || first == ">" || isBash && length == 0 && first == "&" else {
            return nil
        }
        if first == "&", peek(1) != ">" { return nil }
        if isBash, first != "&", peek(length + 1) == "(" { return nil }
        advance(length)
        guard let found = takeOperator() else { return nil }
        if variable != nil || found == .both || found == .appendBoth || found == .string { dependsOnDialect = true }
        skipBlanks()
        if found == .document || found == .documentStripped {
            return try document(found, descriptor, variable)
        }
        guard let target = try word() else { throw unexpected() }
        return ShellRedirection(operator: found, descriptor: descriptor, variable: variable, target: target)
    }

    /// Digits directly in front of `<` or `>`.
    private mutating func numberInFront() -> (length: Int, value: Int)? {
        var length = 0
        var value = 0
        while let byte = peek(length), byte.isDigit {
            value = min(value * 10 + Int(byte - 0x30), 1_000_000_000)
            length += 1
            if length > 16 { return nil }
        }
        guard length > 0, let behind = peek(length), behind == "<" || behind == ">" else { return nil }
        return (length, value)
    }

    /// `{name}` directly in front of `<` or `>`.
    private mutating func variableInFront() -> String? {
        guard peek() == "{" else { return nil }
        var name: [UInt8] = []
        var length = 1
        while let byte = peek(length), name.isEmpty ? byte.isNameStart : byte.isName, length <= 64 {
            name.append(byte)
            length += 1
        }
        guard !name.isEmpty, peek(length) == "}", let behind = peek(length + 1) else { return nil }
        return behind == "<" || behind == ">" ? String(decoding: name, as: UTF8.self) : nil
    }

    private mutating func takeOperator() -> ShellRedirection.Operator? {
        if isBash {
            if take("&>>") { return .appendBoth }
            if take("&>") { return .both }
            if take("<<<") { return .string }
        } else if peek() == "<", peek(1) == "<", peek(2) == "<" {
            return nil
        }
        if take("<<-") { return .documentStripped }
        if take("<<") { return .document }
        if take("<&") { return .duplicateInput }
        if take("<>") { return .readWrite }
        if take("<") { return .read }
        if take(">>") { return .append }
        if take(">&") { return .duplicateOutput }
        if take(">|") { return .clobber }
        return take(">") ? .write : nil
    }
}
