/// Reserved words that end a list of statements.
private let closers: Set<String> = ["then", "else", "elif", "fi", "do", "done", "esac", "}"]

extension Parser {
    /// Everything up to the end of the text.
    mutating func wholeProgram() throws(ShellSyntaxError) -> [ShellStatement] {
        let statements = try list()
        guard isAtEnd else { throw unexpected() }
        if !pending.isEmpty { try readDocuments() }
        return statements
    }

    /// Statements up to a closer, which is not read.
    mutating func list() throws(ShellSyntaxError) -> [ShellStatement] {
        var statements: [ShellStatement] = []
        while true {
            try skipLines()
            if isAtCloser() { return statements }
            var statement = try andOr()
            skipBlanks()
            if let byte = peek() {
                if byte == "&" {
                    at += 1
                    statement.background = true
                } else if byte == ";", peek(1) != ";", !(isBash && peek(1) == "&") {
                    at += 1
                } else if byte != "\n", !isAtCloser() {
                    throw unexpected()
                }
            }
            statements.append(statement)
        }
    }

    /// Statements of which there must be one.
    mutating func list(in construct: String) throws(ShellSyntaxError) -> [ShellStatement] {
        let statements = try list()
        guard !statements.isEmpty else { throw failure(.empty(construct)) }
        return statements
    }

    /// Whether the list around this place ends here.
    private mutating func isAtCloser() -> Bool {
        guard let byte = peek() else { return true }
        if byte == ")" { return true }
        if byte == ";" { return peek(1) == ";" || isBash && peek(1) == "&" }
        guard let word = reservedWord() else { return false }
        return closers.contains(word.text)
    }

    private mutating func andOr() throws(ShellSyntaxError) -> ShellStatement {
        var pipelines = [try pipeline()]
        while true {
            skipBlanks()
            guard take("&&") || take("||") else { return ShellStatement(pipelines: pipelines) }
            try skipLines()
            pipelines.append(try pipeline())
        }
    }

    private mutating func pipeline() throws(ShellSyntaxError) -> ShellPipeline {
        let start = at
        if try prefixes(), isAtStatementEnd() {
            return ShellPipeline(
                stages: [ShellCommand(kind: .nothing, redirections: [], position: position(of: start))])
        }
        var stages = [try command()]
        while true {
            skipBlanks()
            guard peek() == "|", peek(1) != "|" else { return ShellPipeline(stages: stages) }
            advance()
            if isBash, peek() == "&" {
                dependsOnDialect = true
                advance()
            }
            try skipLines()
            stages.append(try command())
        }
    }

    /// `!` and `time` in front of a pipeline; whether one of those was there that needs no command behind it.
    private mutating func prefixes() throws(ShellSyntaxError) -> Bool {
        var found = false
        while let word = reservedWord() {
            if word.text == "!" {
                at = word.end
            } else if word.text == "time", isBash {
                dependsOnDialect = true
                at = word.end
                skipBlanks()
                while let option = plainToken(), option.text == "-p" || option.text == "--" {
                    at = option.end
                    skipBlanks()
                }
            } else {
                break
            }
            found = isBash
            skipBlanks()
        }
        return found
    }

    private mutating func isAtStatementEnd() -> Bool {
        guard let byte = peek() else { return true }
        return byte == ";" || byte == "\n" || byte == "&" || byte == ")"
    }

    // MARK: Commands

    mutating func command() throws(ShellSyntaxError) -> ShellCommand {
        try enter()
        defer { leave() }
        skipBlanks()
        let start = at
        let compound = try compound()
        guard let kind = compound else { return try simple(at: start) }
        var command = ShellCommand(kind: kind, redirections: [], position: position(of: start))
        if case .function = kind { return command }
        if case .coprocess = kind { return command }
        skipBlanks()
        while let redirection = try redirection() {
            command.redirections.append(redirection)
            skipBlanks()
        }
        return command
    }

    /// A word that could be reserved here, with where it ends: letters, `{`, `}`, `!`, `[[`, without quotes.
    mutating func reservedWord() -> (text: String, end: Int)? {
        guard let token = plainToken() else { return nil }
        return token
    }

    /// A short word without quotes and expansions, not read yet.
    mutating func plainToken() -> (text: String, end: Int)? {
        guard let first = peek(), !first.isMeta else { return nil }
        var bytes: [UInt8] = []
        var index = at
        while true {
            index = behindContinuations(index)
            guard index < end, !text[index].isMeta else { break }
            let byte = text[index]
            let isPlain = byte >= 0x61 && byte <= 0x7A || byte == "{" || byte == "}" || byte == "!"
            guard isPlain || byte == "[" || byte == "]" || byte == "-", bytes.count < 8 else { return nil }
            bytes.append(byte)
            index += 1
        }
        steps += bytes.count
        return (String(decoding: bytes, as: UTF8.self), index)
    }

    /// Passes a reserved word.
    mutating func expect(_ word: String) throws(ShellSyntaxError) {
        skipBlanks()
        guard let token = reservedWord(), token.text == word else {
            if isAtEnd { throw failure(.missing(word)) }
            throw unexpected()
        }
        at = token.end
    }
}
