/// Reads what `PolicyRenderer.effective` wrote, as a service sends it: the same policy, with the same origins.
package enum EffectivePolicy {
    /// - Parameter digest: what the service says of its content; when it does not fit, the two sides read policies
    ///   differently and nothing that is said about it can be relied on.
    package static func read(name: String, text: String, digest: String) throws(PolicyErrors) -> Policy {
        let input = PolicyInput(name: name, contents: Array(text.utf8))
        let (file, problems) = PolicyFile.read(input)
        guard var file, problems.isEmpty else { throw PolicyErrors(diagnostics: problems) }
        file.settings = file.settings.mapValues { $0.relocated { origin(of: $0, in: file.source) } }
        var resolver = PolicyResolver(files: [name: file])
        guard let policy = resolver.resolve()[name], resolver.problems.isEmpty else {
            throw PolicyErrors(diagnostics: resolver.problems)
        }
        guard policy.digest == digest else {
            let message =
                "policy \(name) reads differently here (digest \(policy.digest)) than in the service (\(digest))"
            throw PolicyErrors(diagnostics: [file.source.diagnostic(1, 1, message)])
        }
        return policy
    }

    /// The `file:line` behind a line's last `#`; the place itself where there is none.
    private static func origin(of place: SourceLocation, in source: SourceText) -> SourceLocation {
        guard source.lines.indices.contains(place.line - 1) else { return place }
        let line = String(String.UnicodeScalarView(source.lines[place.line - 1]))
        let mark = PolicyRenderer.originMark
        guard let comment = line.ranges(of: mark).last.map({ line[$0.upperBound...] }),
            let colon = comment.lastIndex(of: ":"), let number = Int(comment[comment.index(after: colon)...])
        else { return place }
        return SourceLocation(file: String(comment[..<colon]), line: number, column: 1)
    }
}

extension Located where Value == Setting {
    fileprivate func relocated(_ move: (SourceLocation) -> SourceLocation) -> Located<Setting> {
        let moved: Setting
        switch value {
        case .amount, .word, .flag: moved = value
        case .list(let items):
            moved = .list(items.map { Located<String>(value: $0.value, location: move($0.location)) })
        case .variables(let variables):
            moved = .variables(
                variables.mapValues { Located<String>(value: $0.value, location: move($0.location)) })
        case .rules(let rules):
            moved = .rules(
                rules.map { rule in
                    var rule = rule
                    rule.location = move(rule.location)
                    return rule
                })
        }
        return Located(value: moved, location: move(location))
    }
}
