extension Parser {
    /// Behind `<<`: the delimiter. The body is read where this line ends.
    mutating func document(
        _ found: ShellRedirection.Operator, _ descriptor: Int?, _ variable: String?
    ) throws(ShellSyntaxError) -> ShellRedirection {
        let (delimiter, isLiteral) = try delimiter()
        let index = documents.count
        documents.append(ShellHereDocument(delimiter: delimiter, isLiteral: isLiteral, body: ShellWord()))
        pending.append(PendingDocument(index: index, stripsTabs: found == .documentStripped))
        return ShellRedirection(
            operator: found, descriptor: descriptor, variable: variable, target: ShellWord([.quoted(delimiter)]),
            document: index)
    }

    /// The delimiter without its quotes, and whether there were any. Nothing in it is expanded.
    private mutating func delimiter() throws(ShellSyntaxError) -> ([UInt8], isLiteral: Bool) {
        var bytes: [UInt8] = []
        var isLiteral = false
        let start = at
        while let byte = peek(), !byte.isMeta {
            at += 1
            switch byte {
            case "'":
                bytes += try rawSingleQuoted()
                isLiteral = true
            case "\"":
                isLiteral = true
                while let other = peek(), other != "\"" {
                    at += 1
                    if other == "\\", at < end, text[at] == "\"" || text[at] == "\\" || text[at] == "$" {
                        bytes.append(text[at])
                        at += 1
                    } else {
                        bytes.append(other)
                    }
                }
                guard peek() == "\"" else { throw failure(.missing("\""), at: start) }
                at += 1
            case "\\":
                isLiteral = true
                if at < end { bytes.append(text[at]) }
                at = min(at + 1, end)
            case "$", "`":
                // bash takes `$(x)` literally and must find its end for it; nobody writes that.
                if byte == "$", let next = peek(), next.isMeta == false, next != "{", next != "'", next != "\"",
                    next != "["
                {
                    bytes.append(byte)
                } else {
                    throw failure(.unsupported("an expansion in the delimiter of a here-document"), at: start)
                }
            default: bytes.append(byte)
            }
        }
        guard at > start else { throw unexpected() }
        return (bytes, isLiteral)
    }

    /// Reads the bodies whose operators stood in the line before this place.
    mutating func readDocuments() throws(ShellSyntaxError) {
        let waiting = pending
        pending = []
        for document in waiting { try readBody(of: document) }
    }

    private mutating func readBody(of document: PendingDocument) throws(ShellSyntaxError) {
        let delimiter = documents[document.index].delimiter
        let isLiteral = documents[document.index].isLiteral
        let start = at
        var body: [UInt8] = []
        while at < end {
            var line = line()
            // Without quotes a backslash joins lines before the delimiter is looked for.
            while !isLiteral, endsInBackslash(line), at < end {
                line.removeLast()
                line += self.line()
            }
            if document.stripsTabs { line = Array(line.drop { $0 == "\t" }) }
            if line == delimiter { break }
            body += line
            body.append(0x0A)
        }
        guard !isLiteral else {
            documents[document.index].body = ShellWord([.quoted(body)])
            return
        }
        try enter()
        let word = try nested(body, at: start) { inner throws(ShellSyntaxError) in
            var builder = WordBuilder()
            while !inner.isAtEnd { try inner.quotedPiece(&builder, inDocument: true) }
            return builder.finished()
        }
        leave()
        documents[document.index].body = word
    }

    /// The rest of this line, without its end, which is passed.
    private mutating func line() -> [UInt8] {
        let close = text[at..<end].firstIndex { $0 == "\n" } ?? end
        let line = Array(text[at..<close])
        steps += line.count
        at = min(close + 1, end)
        return line
    }

    /// Whether a line ends in a backslash that no other one quotes.
    private func endsInBackslash(_ line: [UInt8]) -> Bool {
        line.reversed().prefix { $0 == "\\" }.count % 2 == 1
    }
}
