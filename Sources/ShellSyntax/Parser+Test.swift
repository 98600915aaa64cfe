/// Operators of `[[ ]]` with one operand.
private let unaryOperators: Set<String> = [
    "-a", "-b", "-c", "-d", "-e", "-f", "-g", "-h", "-k", "-p", "-r", "-s", "-t", "-u", "-w", "-x", "-G", "-L", "-N",
    "-O", "-S", "-z", "-n", "-o", "-v", "-R",
]

/// Operators with two operands that are words; `<` and `>` are not.
private let binaryOperators: Set<String> = [
    "=", "==", "!=", "=~", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef",
]

extension Parser {
    /// Behind `[[`, up to and with `]]`: the operands.
    mutating func test() throws(ShellSyntaxError) -> [ShellWord] {
        var words: [ShellWord] = []
        try skipLines()
        try testOr(&words)
        try skipLines()
        try expect("]]")
        return words
    }

    private mutating func testOr(_ words: inout [ShellWord]) throws(ShellSyntaxError) {
        try enter()
        try testAnd(&words)
        try skipLines()
        while take("||") {
            try skipLines()
            try testAnd(&words)
            try skipLines()
        }
        leave()
    }

    private mutating func testAnd(_ words: inout [ShellWord]) throws(ShellSyntaxError) {
        try testTerm(&words)
        try skipLines()
        while take("&&") {
            try skipLines()
            try testTerm(&words)
            try skipLines()
        }
    }

    private mutating func testTerm(_ words: inout [ShellWord]) throws(ShellSyntaxError) {
        try skipLines()
        while reservedWord()?.text == "!" {
            try expect("!")
            try skipLines()
        }
        if peek() == "(" {
            advance()
            try skipLines()
            try testOr(&words)
            try skipLines()
            guard peek() == ")" else { throw unexpected() }
            advance()
            return
        }
        guard let first = try word(), !isEndOfTest(first) else { throw unexpected() }
        skipBlanks()
        if let text = first.plainText, unaryOperators.contains(text) {
            guard let operand = try word(), !isEndOfTest(operand) else { throw unexpected() }
            words.append(operand)
            return
        }
        words.append(first)
        skipBlanks()
        if isAtTestEnd() { return }
        words.append(try rightOperand())
    }

    private func isEndOfTest(_ word: ShellWord) -> Bool { word.plainText == "]]" }

    private mutating func isAtTestEnd() -> Bool {
        guard let byte = peek() else { return true }
        if byte == ")" || byte == "\n" || byte == "&" || byte == "|" { return true }
        return reservedWord()?.text == "]]"
    }

    private mutating func rightOperand() throws(ShellSyntaxError) -> ShellWord {
        var place = WordPlace.ordinary
        if let byte = peek(), byte == "<" || byte == ">", peek(1) != "(" {
            advance()
        } else {
            let start = at
            guard let token = try word()?.plainText, binaryOperators.contains(token) else {
                at = start
                throw unexpected()
            }
            if token == "=~" { place = .regularExpression }
            if token == "=" || token == "==" || token == "!=" { place = .pattern }
        }
        skipBlanks()
        guard let operand = try word(place), !isEndOfTest(operand) else { throw unexpected() }
        return operand
    }
}
