extension Parser {
    /// A compound command or a function, without redirections; `nil` where a simple command begins.
    mutating func compound() throws(ShellSyntaxError) -> ShellCommand.Kind? {
        if peek() == "(" {
            if isBash, peek(1) == "(" {
                dependsOnDialect = true
                let start = at
                advance()
                if let expression = try arithmetic() { return .arithmetic(expression) }
                at = start
            }
            advance()
            let body = try commands(until: ")")
            if body.isEmpty { throw failure(.empty("( )"), at: at - 1) }
            return .subshell(body)
        }
        guard let word = reservedWord() else { return nil }
        let behind = word.end
        switch word.text {
        case "{":
            at = behind
            let body = try list(in: "{ }")
            try expect("}")
            return .group(body)
        case "if":
            at = behind
            return try conditional()
        case "while", "until":
            at = behind
            let condition = try list(in: word.text)
            return .loop(condition: condition, body: try doGroup())
        case "for":
            at = behind
            return try iteration()
        case "select" where isBash:
            dependsOnDialect = true
            at = behind
            return try iteration()
        case "case":
            at = behind
            return try selection()
        case "function" where isBash:
            dependsOnDialect = true
            at = behind
            return try namedFunction()
        case "[[" where isBash:
            dependsOnDialect = true
            at = behind
            return .test(try test())
        case "coproc" where isBash:
            dependsOnDialect = true
            at = behind
            return try coprocess()
        case "then", "else", "elif", "fi", "do", "done", "esac", "}", "!":
            throw unexpected()
        default: return nil
        }
    }

    private mutating func conditional() throws(ShellSyntaxError) -> ShellCommand.Kind {
        var branches: [ShellBranch] = []
        while true {
            let condition = try list(in: "if")
            try expect("then")
            branches.append(ShellBranch(condition: condition, body: try list(in: "then")))
            skipBlanks()
            switch reservedWord()?.text {
            case "elif": try expect("elif")
            case "else":
                try expect("else")
                let otherwise = try list(in: "else")
                try expect("fi")
                return .conditional(branches, otherwise: otherwise)
            default:
                try expect("fi")
                return .conditional(branches, otherwise: [])
            }
        }
    }

    private mutating func doGroup() throws(ShellSyntaxError) -> [ShellStatement] {
        try expect("do")
        let body = try list(in: "do")
        try expect("done")
        return body
    }

    /// `do ... done`, and in bash `{ ... }`.
    private mutating func loopBody() throws(ShellSyntaxError) -> [ShellStatement] {
        try skipLines()
        guard isBash, reservedWord()?.text == "{" else { return try doGroup() }
        try expect("{")
        let body = try list(in: "{ }")
        try expect("}")
        return body
    }

    /// Behind `for` and `select`.
    private mutating func iteration() throws(ShellSyntaxError) -> ShellCommand.Kind {
        skipBlanks()
        if isBash, peek() == "(", peek(1) == "(" {
            dependsOnDialect = true
            advance()
            guard let expression = try arithmetic() else { throw failure(.missing("))")) }
            skipBlanks()
            if peek() == ";", peek(1) != ";" { advance() }
            return .counting(expression, body: try loopBody())
        }
        guard let variable = try word()?.plainText, isBash || isName(variable) else { throw unexpected() }
        try skipLines()
        if let token = reservedWord(), token.text == "in" {
            at = token.end
            var words: [ShellWord] = []
            skipBlanks()
            while let word = try word() {
                words.append(word)
                skipBlanks()
            }
            guard peek() == "\n" || peek() == ";" && peek(1) != ";" else { throw unexpected() }
            if peek() == ";" { advance() }
            return .iteration(variable: variable, words: words, body: try loopBody())
        }
        if peek() == ";", peek(1) != ";" { advance() }
        return .iteration(variable: variable, words: nil, body: try loopBody())
    }

    /// Behind `case`.
    private mutating func selection() throws(ShellSyntaxError) -> ShellCommand.Kind {
        skipBlanks()
        guard let subject = try word() else { throw unexpected() }
        try skipLines()
        try expect("in")
        var items: [ShellCaseItem] = []
        while true {
            try skipLines()
            if let token = reservedWord(), token.text == "esac" {
                at = token.end
                return .selection(subject, items)
            }
            let (item, isLast) = try caseItem()
            items.append(item)
            if isLast {
                try expect("esac")
                return .selection(subject, items)
            }
        }
    }

    /// One `pattern) list ;;`; whether no separator followed, so that it is the last.
    private mutating func caseItem() throws(ShellSyntaxError) -> (ShellCaseItem, isLast: Bool) {
        if peek() == "(" {
            advance()
            skipBlanks()
        }
        var patterns: [ShellWord] = []
        while true {
            skipBlanks()
            guard let pattern = try word() else { throw unexpected() }
            patterns.append(pattern)
            skipBlanks()
            if peek() == "|", peek(1) != "|" {
                advance()
            } else if peek() == ")" {
                advance()
                break
            } else {
                throw unexpected()
            }
        }
        let body = try list()
        skipBlanks()
        let item = ShellCaseItem(patterns: patterns, body: body)
        if isBash, take(";;&") || take(";&") {
            dependsOnDialect = true
            return (item, false)
        }
        return (item, !take(";;"))
    }

    // MARK: Functions

    /// Behind `function`.
    private mutating func namedFunction() throws(ShellSyntaxError) -> ShellCommand.Kind {
        skipBlanks()
        guard let name = try word()?.plainText else { throw unexpected() }
        skipBlanks()
        if peek() == "(" {
            // `function f (( x ))` and `function f (list)` have a body in parentheses, `function f ()` an empty pair.
            let start = at
            advance()
            skipBlanks()
            if peek() == ")" { advance() } else { at = start }
        }
        return .function(name: name, body: try functionBody())
    }

    /// Behind `name ()`: a compound command; dash takes any command.
    mutating func functionBody() throws(ShellSyntaxError) -> ShellCommand {
        try skipLines()
        let body = try command()
        switch body.kind {
        case .simple, .function, .coprocess, .nothing:
            if isBash { throw failure(.unexpected("simple command as the body of a function")) }
            return body
        case .subshell, .group, .conditional, .loop, .iteration, .counting, .selection, .test, .arithmetic:
            return body
        }
    }

    /// Behind `coproc`: a name only where a compound command follows it.
    private mutating func coprocess() throws(ShellSyntaxError) -> ShellCommand.Kind {
        skipBlanks()
        let start = at
        if reservedWord() == nil || !isCompoundWord(reservedWord()?.text), peek() != "(",
            let name = try word()?.plainText
        {
            skipBlanks()
            if peek() == "(" || isCompoundWord(reservedWord()?.text) {
                return .coprocess(name: name, try command())
            }
        }
        at = start
        return .coprocess(name: "COPROC", try command())
    }

    /// What POSIX takes for a variable or a function; bash takes any word.
    func isName(_ text: String) -> Bool {
        text.utf8.first?.isNameStart == true && text.utf8.allSatisfy { $0.isName }
    }

    private func isCompoundWord(_ word: String?) -> Bool {
        switch word {
        case "{", "if", "while", "until", "for", "select", "case", "[[": true
        default: false
        }
    }
}
