/// Joins the bytes of a word to pieces.
struct WordBuilder {
    private(set) var parts: [ShellPart] = []
    private var bytes: [UInt8] = []
    private var isQuoted = false

    mutating func add(_ byte: UInt8, quoted: Bool) {
        if quoted != isQuoted { flush() }
        isQuoted = quoted
        bytes.append(byte)
    }

    mutating func add(_ more: some Collection<UInt8>, quoted: Bool) {
        for byte in more { add(byte, quoted: quoted) }
    }

    mutating func add(_ part: ShellPart) {
        flush()
        parts.append(part)
    }

    /// `''` is a word too.
    mutating func addEmptyQuotes() { add(.quoted([])) }

    private mutating func flush() {
        if bytes.isEmpty { return }
        parts.append(isQuoted ? .quoted(bytes) : .literal(bytes))
        bytes = []
    }

    mutating func finished() -> ShellWord {
        flush()
        return ShellWord(parts)
    }
}

/// Where a word stands, as far as that changes what belongs to it.
enum WordPlace {
    case ordinary
    /// The first words of a simple command, where `a[1 + 2]=3` is one word.
    case assignable
    /// Right of `==` and `!=` in `[[ ]]`.
    case pattern
    /// Right of `=~`.
    case regularExpression
}

extension Parser {
    /// The word here, or `nil` where none begins.
    mutating func word(_ place: WordPlace = .ordinary) throws(ShellSyntaxError) -> ShellWord? {
        var builder = WordBuilder()
        let start = at
        if place == .assignable, isBash { try subscription(&builder) }
        while let byte = peek() {
            if byte == "<" || byte == ">", isBash, peek(1) == "(" {
                try processSubstitution(&builder)
            } else if try group(byte, place, &builder) {
                continue
            } else if byte.isMeta {
                break
            } else {
                try piece(&builder, inDouble: false)
            }
        }
        try checkSteps()
        let word = builder.finished()
        return at > start && !word.parts.isEmpty ? word : nil
    }

    /// `name[...]` at the beginning of a word, taken as a whole.
    private mutating func subscription(_ builder: inout WordBuilder) throws(ShellSyntaxError) {
        var length = 0
        while let byte = peek(length), length == 0 ? byte.isNameStart : byte.isName { length += 1 }
        guard length > 0, peek(length) == "[" else { return }
        dependsOnDialect = true
        for _ in 0..<length {
            if let byte = peek() { builder.add(byte, quoted: false) }
            advance()
        }
        advance()
        builder.add(0x5B, quoted: false)
        let start = at
        let inner = try balanced(open: "[", close: "]")
        // Quotes are looked through here, so a text with some is left undecided should it turn out to be a glob.
        if text[start..<at].contains(where: { $0 == "'" }) {
            builder.add(.group(inner))
        } else {
            for part in inner.parts { builder.add(part) }
        }
        builder.add(0x5D, quoted: false)
    }

    /// Parentheses that belong to a word: `@(a|b)` where extended globs are on, `(a|b)` in a regular expression.
    private mutating func group(
        _ byte: UInt8, _ place: WordPlace, _ builder: inout WordBuilder
    ) throws(ShellSyntaxError) -> Bool {
        if place == .regularExpression, byte == "|" {
            builder.add(byte, quoted: false)
            advance()
            return true
        }
        if place == .regularExpression, byte == "(" {
            advance()
            builder.add(.group(try balanced(open: "(", close: ")")))
            return true
        }
        guard isBash, place == .pattern || extendedGlobs, peek(1) == "(" else { return false }
        guard byte == "?" || byte == "*" || byte == "+" || byte == "@" || byte == "!" else { return false }
        builder.add(byte, quoted: false)
        advance(2)
        builder.add(.group(try balanced(open: "(", close: ")")))
        return true
    }

    private mutating func processSubstitution(_ builder: inout WordBuilder) throws(ShellSyntaxError) {
        dependsOnDialect = true
        advance(2)
        builder.add(.process(try commands(until: ")")))
    }

    /// One piece of a word: a quote, an expansion or a byte.
    ///
    /// - Parameter inDouble: whether double quotes are around it, so that single quotes mean nothing.
    mutating func piece(_ builder: inout WordBuilder, inDouble: Bool) throws(ShellSyntaxError) {
        guard let byte = peek() else { return }
        switch byte {
        case "\\": backslash(&builder, inDouble: inDouble)
        case "'" where !inDouble:
            at += 1
            let content = try rawSingleQuoted()
            if content.isEmpty { builder.addEmptyQuotes() } else { builder.add(content, quoted: true) }
        case "\"":
            at += 1
            try doubleQuoted(&builder)
        case "$": try dollar(&builder, inDouble: inDouble)
        case "`": try backquoted(&builder, inDouble: inDouble)
        default:
            builder.add(byte, quoted: inDouble)
            at += 1
        }
    }

    private mutating func backslash(_ builder: inout WordBuilder, inDouble: Bool) {
        at += 1
        guard at < end else {
            builder.add(0x5C, quoted: true)
            return
        }
        let next = text[at]
        // Within double quotes a backslash quotes these alone. `}` is for `"${x:-\}}"`.
        let isEscape = next == "$" || next == "`" || next == "\"" || next == "\\" || next == "}"
        if inDouble, !isEscape { builder.add(0x5C, quoted: true) }
        builder.add(next, quoted: true)
        at += 1
    }

    /// The rest of a text in single quotes.
    mutating func rawSingleQuoted() throws(ShellSyntaxError) -> ArraySlice<UInt8> {
        let start = at
        guard let close = text[at..<end].firstIndex(where: { $0 == "'" }) else {
            throw failure(.missing("'"), at: start - 1)
        }
        steps += close - start
        at = close + 1
        return text[start..<close]
    }

    /// The rest of a text in double quotes.
    mutating func doubleQuoted(_ builder: inout WordBuilder) throws(ShellSyntaxError) {
        try enter()
        let start = at - 1
        builder.addEmptyQuotes()
        while let byte = peek() {
            if byte == "\"" {
                at += 1
                leave()
                return
            }
            try quotedPiece(&builder, inDocument: false)
        }
        throw failure(.missing("\""), at: start)
    }

    /// One piece between double quotes, or of a here-document, where `"` means nothing.
    mutating func quotedPiece(_ builder: inout WordBuilder, inDocument: Bool) throws(ShellSyntaxError) {
        guard let byte = peek() else { return }
        switch byte {
        case "\\":
            at += 1
            guard at < end else {
                builder.add(byte, quoted: true)
                return
            }
            let next = text[at]
            let isEscape = next == "$" || next == "`" || next == "\\" || next == "\"" && !inDocument
            if !isEscape { builder.add(byte, quoted: true) }
            builder.add(next, quoted: true)
            at += 1
        case "$": try dollar(&builder, inDouble: true)
        case "`": try backquoted(&builder, inDouble: !inDocument)
        default:
            builder.add(byte, quoted: true)
            at += 1
        }
    }
}

// MARK: - Text between brackets

extension Parser {
    /// The text up to `close`, with what is expanded in it; nested pairs are counted where `open` is given.
    ///
    /// For subscripts, patterns, arithmetic and the operands of `${ }`. Quotes are matched as bash matches them, and text
    /// in single quotes is looked through as well where the shell expands it in the end.
    mutating func balanced(
        open: Unicode.Scalar?, close: Unicode.Scalar, inDouble: Bool = false, expandsSingle: Bool = true,
        from opening: Int? = nil
    ) throws(ShellSyntaxError) -> ShellWord {
        try enter()
        let start = at
        var builder = WordBuilder()
        var level = 0
        while let byte = peek() {
            if byte == close, level == 0 {
                at += 1
                leave()
                return builder.finished()
            }
            if let open, byte == open { level += 1 }
            if byte == close { level -= 1 }
            try balancedPiece(&builder, inDouble: inDouble, expandsSingle: expandsSingle)
        }
        throw failure(.missing("\(close)"), at: opening ?? max(start - 1, 0))
    }

    mutating func balancedPiece(
        _ builder: inout WordBuilder, inDouble: Bool, expandsSingle: Bool
    ) throws(ShellSyntaxError) {
        guard let byte = peek() else { return }
        if byte == "'", inDouble || expandsSingle {
            try lookedThrough(&builder)
        } else if byte == "<" || byte == ">", isBash, !inDouble, peek(1) == "(" {
            try processSubstitution(&builder)
        } else {
            try piece(&builder, inDouble: inDouble)
        }
    }

    /// Text in single quotes that match and do not quote: `"${x:-'$(id)'}"` runs id.
    private mutating func lookedThrough(_ builder: inout WordBuilder) throws(ShellSyntaxError) {
        guard isBash else {
            builder.add(0x27, quoted: true)
            at += 1
            return
        }
        let start = at + 1
        at = start
        let content = try rawSingleQuoted()
        let behind = at
        let outerEnd = end
        at = start
        end = content.endIndex
        builder.add(0x27, quoted: true)
        while !isAtEnd { try quotedPiece(&builder, inDocument: true) }
        builder.add(0x27, quoted: true)
        at = behind
        end = outerEnd
    }
}
