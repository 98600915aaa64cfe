import Yams

/// Reads one YAML document into `SourceNode`s and reports what YAML allows and a policy does not.
///
/// No type is guessed: every scalar is the text that was written, so `no` is never a boolean by accident.
struct YAMLReader {
    private static let maximumDepth = 16
    private static let maximumNodes = 20_000
    /// Equal keys reported per file.
    private static let maximumDuplicates = 20
    /// Stands for a key that was reported as a duplicate already; `SourceText` refuses it in files.
    private static let hidden: ClosedRange<UInt32> = 0xE000...0xE0FF

    private var source: SourceText
    private var nodes = 0
    private var problems: Problems

    /// The document's root, or `nil` when it is not YAML or has none; the problems tell why.
    static func read(_ source: SourceText, problems: inout Problems) -> SourceNode? {
        var reader = YAMLReader(source: source, problems: problems)
        defer { problems = reader.problems }
        return reader.read()
    }

    private mutating func read() -> SourceNode? {
        for attempt in 0...Self.maximumDuplicates {
            do {
                // `basic` resolves no types: they would cost seven regular expressions per value, for nothing.
                let parser = try Parser(yaml: source.text, resolver: .basic, encoding: .utf8)
                guard let root = try parser.singleRoot() else {
                    problems.add(source.diagnostic(1, 1, "the file is empty; a policy begins with 'version: 1'"))
                    return nil
                }
                return convert(root, depth: 0)
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                guard hideDuplicate(of: keys.first ?? "", at: context.mark, attempt: attempt) else { return nil }
            } catch let error as YamlError {
                problems.add(describe(error))
                return nil
            } catch {
                problems.add(source.diagnostic(1, 1, "the file is not YAML: \(error)"))
                return nil
            }
        }
        return nil
    }

    /// Whether a key is one that `hideDuplicate` overwrote.
    static func isHidden(_ key: String) -> Bool {
        key.unicodeScalars.first.map { hidden.contains($0.value) } ?? false
    }

    private func location(_ mark: Mark?) -> SourceLocation {
        SourceLocation(file: source.file, line: mark?.line ?? 1, column: mark?.column ?? 1)
    }
}

// MARK: - Nodes

extension YAMLReader {
    private mutating func convert(_ node: Node, depth: Int) -> SourceNode? {
        let place = location(node.mark)
        nodes += 1
        guard nodes <= Self.maximumNodes else {
            if nodes == Self.maximumNodes + 1 { problems.add(source.diagnostic(place, "too many values")) }
            return nil
        }
        guard depth <= Self.maximumDepth else {
            problems.add(source.diagnostic(place, "nested too deeply"))
            return nil
        }
        // A node's mark is where its properties begin, so its first character tells them exactly; Yams itself cannot
        // tell `!!str "x"` from "x".
        switch source.scalar(at: place) {
        case "&": problems.add(source.diagnostic(place, "anchors and aliases are not allowed"))
        case "!": problems.add(source.diagnostic(place, "tags are not allowed; write the value alone"))
        default: break
        }
        switch node {
        case .scalar(let scalar):
            return SourceNode(content: .scalar(scalar.string, plain: scalar.style == .plain), location: place)
        case .sequence(let sequence):
            var list: [SourceNode] = []
            for element in sequence {
                if let element = convert(element, depth: depth + 1) { list.append(element) }
            }
            return SourceNode(content: .list(list), location: place)
        case .mapping(let mapping):
            return SourceNode(content: .map(convert(mapping, depth: depth)), location: place)
        case .alias:
            problems.add(source.diagnostic(place, "anchors and aliases are not allowed"))
            return nil
        }
    }

    private mutating func convert(_ mapping: Node.Mapping, depth: Int) -> [SourceNode.Entry] {
        var entries: [SourceNode.Entry] = []
        for (key, value) in mapping {
            let converted = convert(value, depth: depth + 1)
            let readKey = convert(key, depth: depth + 1)
            guard case .scalar(let text, let plain) = readKey?.content else {
                problems.add(source.diagnostic(location(key.mark), "a key must be plain text"))
                continue
            }
            if plain, text == "<<" {
                problems.add(source.diagnostic(location(key.mark), "merge keys are not allowed; use 'extends'"))
                continue
            }
            guard let converted, !Self.isHidden(text) else { continue }
            entries.append(.init(key: Located(value: text, location: location(key.mark)), value: converted))
        }
        return entries
    }
}

// MARK: - Errors of Yams

extension YAMLReader {
    private func describe(_ error: YamlError) -> PolicyDiagnostic {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            let context = context.map { $0.text + ": " } ?? ""
            if context.contains("alias") || context.contains("anchor") {
                return source.diagnostic(location(mark), "text that begins with '*' or '&' must stand in quotes")
            }
            return source.diagnostic(location(mark), "not YAML: \(context)\(problem)")
        case .composer(_, let problem, let mark, _) where problem.contains("alias"):
            let message = "aliases are not allowed; text that begins with '*' must stand in quotes"
            return source.diagnostic(location(mark), message)
        case .composer(_, let problem, let mark, _) where problem.contains("another document"):
            return source.diagnostic(location(mark), "a policy file holds one document; this begins a second one")
        case .composer(_, let problem, let mark, _):
            return source.diagnostic(location(mark), "not YAML: \(problem)")
        default:
            return source.diagnostic(1, 1, "not YAML")
        }
    }

    /// Reports the second of two equal keys and overwrites it, so that the rest of the file can still be checked.
    ///
    /// Yams stops at the first pair and names the first of the two, so the second is looked for in the text.
    private mutating func hideDuplicate(of key: String, at mark: Mark, attempt: Int) -> Bool {
        let first = location(mark)
        let message = "the key '\(key.prefix(40))' is given twice"
        guard attempt < Self.maximumDuplicates, let second = secondOccurrence(of: key, after: first),
            let marker = Unicode.Scalar(Self.hidden.lowerBound + UInt32(attempt))
        else {
            problems.add(source.diagnostic(first, message))
            return false
        }
        problems.add(source.diagnostic(second, "\(message); the first is in line \(first.line)"))
        let quoted = source.scalar(at: second) == "\"" || source.scalar(at: second) == "'"
        let start = second.column + (quoted ? 1 : 0)
        source.replace(line: second.line, columns: start..<(start + key.unicodeScalars.count), with: marker)
        return true
    }

    /// The next place at which the same mapping has the same key: in the same column, or in the same brackets.
    private func secondOccurrence(of key: String, after first: SourceLocation) -> SourceLocation? {
        guard !key.isEmpty else { return nil }
        for line in (first.line + 1)...max(first.line + 1, source.lines.count) {
            guard source.lines.indices.contains(line - 1) else { break }
            guard let indentation = source.lines[line - 1].firstIndex(where: { $0 != " " }) else { continue }
            if indentation + 1 < first.column, source.lines[line - 1][indentation] != "#" { break }
            if isKey(key, line: line, column: first.column) {
                return SourceLocation(file: source.file, line: line, column: first.column)
            }
        }
        var depth = 0
        for line in first.line...source.lines.count {
            let scalars = source.lines[line - 1]
            for column in (line == first.line ? first.column + 1 : 1)...max(scalars.count, first.column + 1) {
                guard scalars.indices.contains(column - 1) else { break }
                let scalar = scalars[column - 1]
                if scalar == "{" || scalar == "[" { depth += 1 }
                if scalar == "}" || scalar == "]" { depth -= 1 }
                if depth < 0 { return nil }
                if depth == 0, isKey(key, line: line, column: column) {
                    return SourceLocation(file: source.file, line: line, column: column)
                }
            }
        }
        return nil
    }

    /// Whether `key` stands here, quoted or not, with nothing of a word before it and a colon behind it.
    private func isKey(_ key: String, line: Int, column: Int) -> Bool {
        let scalars = source.lines[line - 1]
        guard scalars.indices.contains(column - 1) else { return false }
        if column > 1, ![" ", "{", ","].contains(scalars[column - 2]) { return false }
        for spelling in [key, "\"\(key)\"", "'\(key)'"] {
            let expected = Array(spelling.unicodeScalars)
            guard scalars[(column - 1)...].starts(with: expected) else { continue }
            let behind = scalars[(column - 1 + expected.count)...].first { $0 != " " }
            if behind == ":" { return true }
        }
        return false
    }
}
