import ShellSyntax

/// One line a command: words with their unknown parts as `?` (`?*` where they may be several), globs in `<>`, home as `~`.
func listed(_ text: String, _ dialect: ShellDialect = .bash, positional: [String]? = nil) throws -> [String] {
    try ShellParser.parse(text, dialect: dialect).invocations(positional: positional).map { invocation in
        let assignments = invocation.assignments.map { "\($0.name)=\(shown($0.value))" }
        let redirections = invocation.redirections.map { "\($0.operator.rawValue) \(shown($0.target))" }
        return (assignments + invocation.words.map(shown) + redirections).joined(separator: " ")
    }
}

private func shown(_ value: ShellValue) -> String {
    if value.segments.isEmpty { return "''" }
    return value.segments.map { segment in
        switch segment {
        case .text(let text):
            let isPlain = !text.contains { " \n\t?<>~'".contains($0) }
            return isPlain ? text : "'\(text)'"
        case .glob(let glob): return "<\(glob)>"
        case .home: return "~"
        case .unknown(let unknown): return unknown.splits ? "?*" : "?"
        }
    }.joined()
}

/// What is wrong with a text, or `nil` if nothing is.
func problem(_ text: String, _ dialect: ShellDialect = .bash) -> String? {
    do throws(ShellSyntaxError) {
        _ = try ShellParser.parse(text, dialect: dialect)
        return nil
    } catch {
        return error.description
    }
}
