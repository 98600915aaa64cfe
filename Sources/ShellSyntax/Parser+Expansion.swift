extension Parser {
    /// What begins with `$`.
    mutating func dollar(_ builder: inout WordBuilder, inDouble: Bool) throws(ShellSyntaxError) {
        guard let next = peek(1) else { return literalDollar(&builder, inDouble: inDouble) }
        switch next {
        case "(":
            advance(2)
            try enter()
            try parenthesised(&builder, inDouble: inDouble)
            leave()
        case "{":
            advance(2)
            try enter()
            try braced(&builder, inDouble: inDouble)
            leave()
        case "[" where isBash:
            dependsOnDialect = true
            advance(2)
            builder.add(.arithmetic(try balanced(open: "[", close: "]", inDouble: true), quoted: inDouble))
        case "'" where !inDouble:
            dependsOnDialect = true
            guard isBash else { return literalDollar(&builder, inDouble: false) }
            advance(2)
            try escaped(&builder)
        case "\"" where !inDouble:
            dependsOnDialect = true
            guard isBash else { return literalDollar(&builder, inDouble: false) }
            advance(2)
            try doubleQuoted(&builder)
        default: try plainParameter(next, &builder, inDouble: inDouble)
        }
    }

    private mutating func literalDollar(_ builder: inout WordBuilder, inDouble: Bool) {
        advance()
        // Quoted, or `$` and a variable's name that stand together by accident could be taken for one.
        builder.add(0x24, quoted: true)
    }

    private mutating func plainParameter(
        _ first: UInt8, _ builder: inout WordBuilder, inDouble: Bool
    ) throws(ShellSyntaxError) {
        var name: [UInt8] = []
        switch first {
        case _ where first.isDigit || isSpecial(first):
            advance(2)
            name = [first]
        case _ where first.isNameStart:
            advance()
            while let byte = peek(), byte.isName {
                name.append(byte)
                at += 1
            }
        default: return literalDollar(&builder, inDouble: inDouble)
        }
        let parameter = ShellParameter(name: String(decoding: name, as: UTF8.self), isPlain: true, rest: ShellWord())
        builder.add(.parameter(parameter, quoted: inDouble))
    }

    /// Behind `$(`: arithmetic if it ends in `))`, else commands.
    private mutating func parenthesised(
        _ builder: inout WordBuilder, inDouble: Bool
    ) throws(ShellSyntaxError) {
        if peek() == "(", let expression = try arithmetic() {
            builder.add(.arithmetic(expression, quoted: inDouble))
        } else {
            // dash takes `$((` for arithmetic and nothing else.
            if !isBash, peek() == "(" { throw failure(.missing("))")) }
            builder.add(.command(try commands(until: ")"), quoted: inDouble))
        }
    }

    /// The expression behind `((`, if it is one: closed by `))`. Otherwise nothing is read: it is `( (a); b)`.
    ///
    /// Stands on the second parenthesis.
    mutating func arithmetic() throws(ShellSyntaxError) -> ShellWord? {
        let start = at
        let open = documents.count
        let waiting = pending
        let depthBefore = depth
        let endBefore = end
        guard !notArithmetic.contains(start) else { return nil }
        advance()
        do throws(ShellSyntaxError) {
            let expression = try balanced(open: "(", close: ")", inDouble: true)
            if at < end, peek() == ")" {
                at += 1
                return expression
            }
        } catch {
            // Unbalanced as arithmetic; as commands the same text may be right, or wrong with a better message.
            if case .tooComplex = error.reason { throw error }
        }
        depth = depthBefore
        end = endBefore
        notArithmetic.insert(start)
        at = start
        documents.removeSubrange(open...)
        pending = waiting
        return nil
    }

    /// The statements up to a parenthesis that closes a substitution.
    mutating func commands(until close: Unicode.Scalar) throws(ShellSyntaxError) -> [ShellStatement] {
        try enter()
        let start = at
        let waiting = pending
        pending = []
        let statements = try list()
        guard peek() == close else {
            if isAtEnd { throw failure(.missing("\(close)"), at: max(start - 1, 0)) }
            throw unexpected()
        }
        // Shells do not agree on where such a body would be.
        guard pending.isEmpty else { throw failure(.missing("body of the here-document")) }
        pending = waiting
        at += 1
        leave()
        return statements
    }

    /// Behind `${`.
    private mutating func braced(_ builder: inout WordBuilder, inDouble: Bool) throws(ShellSyntaxError) {
        let opening = at - 2
        // bash 5.3 and the Korn shell run `${ command; }`.
        if let byte = peek(), isBash, byte == " " || byte == "\t" || byte == "\n" || byte == "|" {
            dependsOnDialect = true
            if byte == "|" { at += 1 }
            let statements = try list()
            guard peek() == "}" else { throw failure(.missing("}")) }
            at += 1
            builder.add(.command(statements, quoted: inDouble))
            return
        }
        var name: [UInt8] = []
        var prefix: [UInt8] = []
        if let byte = peek(), byte == "!" || byte == "#", let next = peek(1), next != "}", isNameLike(next) {
            prefix = [byte]
            at += 1
        }
        if let byte = peek(), byte.isNameStart {
            while let byte = peek(), byte.isName {
                name.append(byte)
                at += 1
            }
        } else if let byte = peek(), byte.isDigit {
            while let byte = peek(), byte.isDigit {
                name.append(byte)
                at += 1
            }
        } else if let byte = peek(), isSpecial(byte) {
            name = [byte]
            at += 1
        }
        let isPlain = prefix.isEmpty && !name.isEmpty && peek() == "}"
        var assigns = peek() == "=" || peek() == ":" && peek(1) == "="
        // Patterns in `"${x#'a'}"` are quoted by single quotes, operands such as that of `:-` are not.
        let takesPattern = [0x23, 0x25, 0x2F, 0x5E, 0x2C].contains(peek() ?? 0)
        if let byte = peek(), byte == "[" || byte == "/" || byte == "^" || byte == "," || byte == "@" {
            dependsOnDialect = true
        }
        if !prefix.isEmpty || name.isEmpty { assigns = true }
        // Nested braces are not counted, as in the shells.
        let rest = try balanced(
            open: nil, close: "}", inDouble: inDouble && !takesPattern, expandsSingle: false, from: opening)
        var parameter = ShellParameter(
            name: String(decoding: prefix + name, as: UTF8.self), isPlain: isPlain, rest: rest)
        parameter.assigns = assigns && !isPlain
        builder.add(.parameter(parameter, quoted: inDouble))
    }

    private func isSpecial(_ byte: UInt8) -> Bool {
        byte == "@" || byte == "*" || byte == "#" || byte == "?" || byte == "-" || byte == "$" || byte == "!"
    }

    private func isNameLike(_ byte: UInt8) -> Bool { byte.isName || isSpecial(byte) }

    /// Commands in backquotes: the text up to the next one without a backslash, with one level of these removed.
    mutating func backquoted(_ builder: inout WordBuilder, inDouble: Bool) throws(ShellSyntaxError) {
        let start = at
        at += 1
        var content: [UInt8] = []
        while at < end, text[at] != "`" {
            if text[at] == "\\", at + 1 < end {
                let next = text[at + 1]
                let isEscape = next == "`" || next == "\\" || next == "$" || inDouble && next == "\""
                if !isEscape { content.append(text[at]) }
                content.append(next)
                at += 2
            } else {
                content.append(text[at])
                at += 1
            }
        }
        guard at < end else { throw failure(.missing("`"), at: start) }
        at += 1
        try enter()
        let statements = try nested(content, at: start) { inner throws(ShellSyntaxError) in try inner.wholeProgram() }
        leave()
        builder.add(.command(statements, quoted: inDouble))
    }

    /// Reads a text of its own that stands at `start` in this one.
    mutating func nested<Result>(
        _ content: [UInt8], at start: Int, _ read: (inout Parser) throws(ShellSyntaxError) -> Result
    ) throws(ShellSyntaxError) -> Result {
        var inner = Parser(text: content, dialect: dialect)
        inner.outer = position(of: start)
        inner.depth = depth
        inner.documents = documents
        inner.extendedGlobs = extendedGlobs
        inner.steps = steps + content.count
        inner.maximumSteps = maximumSteps
        let result = try read(&inner)
        documents = inner.documents
        steps = inner.steps
        if inner.dependsOnDialect { dependsOnDialect = true }
        return result
    }
}

// MARK: - $'...'

extension Parser {
    /// The rest of a text in `$' '`.
    private mutating func escaped(_ builder: inout WordBuilder) throws(ShellSyntaxError) {
        let start = at - 2
        var content: [UInt8] = []
        var isCut = false
        while at < end, text[at] != "'" {
            steps += 1
            let byte = text[at]
            at += 1
            var decoded = [byte]
            if byte == "\\", at < end { decoded = escape() }
            // A NUL byte ends the value, not the quotes.
            if decoded == [0] { isCut = true }
            if !isCut { content += decoded }
        }
        guard at < end else { throw failure(.missing("'"), at: start) }
        at += 1
        if content.isEmpty { builder.addEmptyQuotes() } else { builder.add(content, quoted: true) }
    }

    /// What stands behind a backslash in `$' '`.
    private mutating func escape() -> [UInt8] {
        let byte = text[at]
        at += 1
        switch byte {
        case "a": return [7]
        case "b": return [8]
        case "e", "E": return [27]
        case "f": return [12]
        case "n": return [10]
        case "r": return [13]
        case "t": return [9]
        case "v": return [11]
        case "\\", "'", "\"", "?": return [byte]
        case "x":
            if at < end, text[at] == "{" { return bracedHexadecimal() }
            guard let value = number(radix: 16, most: 2) else { return [0x5C, byte] }
            return [UInt8(truncatingIfNeeded: value)]
        case "u", "U":
            guard let value = number(radix: 16, most: byte == "u" ? 4 : 8) else { return [0x5C, byte] }
            return Array(String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8)
        case "c":
            guard at < end else { return [0x5C, byte] }
            let control = text[at]
            at += 1
            // `\c\\` is one control character, written with two backslashes.
            if control == "\\", at < end, text[at] == "\\" { at += 1 }
            return [control == "?" ? 0x7F : control & 0x1F]
        case _ where byte >= 0x30 && byte <= 0x37:
            at -= 1
            return [UInt8(truncatingIfNeeded: number(radix: 8, most: 3) ?? 0)]
        default: return [0x5C, byte]
        }
    }

    /// `\x{41}`, which bash knows and does not describe.
    private mutating func bracedHexadecimal() -> [UInt8] {
        at += 1
        let value = number(radix: 16, most: 64) ?? 0
        if at < end, text[at] == "}" { at += 1 }
        return [UInt8(truncatingIfNeeded: value)]
    }

    private mutating func number(radix: UInt32, most: Int) -> UInt32? {
        var value: UInt32 = 0
        var count = 0
        while count < most, at < end, let digit = text[at].digit(radix: radix) {
            value = value &* radix &+ digit
            count += 1
            at += 1
        }
        return count > 0 ? value : nil
    }
}

extension UInt8 {
    func digit(radix: UInt32) -> UInt32? {
        let value: UInt32
        switch self {
        case 0x30...0x39: value = UInt32(self) - 0x30
        case 0x41...0x46: value = UInt32(self) - 0x41 + 10
        case 0x61...0x66: value = UInt32(self) - 0x61 + 10
        default: return nil
        }
        return value < radix ? value : nil
    }
}
