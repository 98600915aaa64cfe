/// The text of one policy file, checked before any YAML parser sees it.
///
/// The checks bound what the parser may cost (size, line length, nesting, aliases) and refuse characters that make a
/// file read differently to a person than to the parser.
struct SourceText: Sendable {
    static let maximumBytes = 256 * 1024
    static let maximumLineScalars = 8192
    /// Open brackets at once. A policy needs four; the parser's recursion is what this protects.
    static let maximumBrackets = 64
    /// Columns of indentation, `-` and `?` before a line's first word; the same for nesting without brackets.
    static let maximumIndentation = 128

    /// The file's base name.
    let file: String
    /// The file as it was named to whoever reads diagnostics.
    let path: String?
    /// Scalars per line, without line ends.
    private(set) var lines: [[Unicode.Scalar]]

    var text: String {
        var bytes: [UInt8] = []
        for line in lines {
            for scalar in line {
                if scalar.isASCII { bytes.append(UInt8(scalar.value)) } else { bytes += String(scalar).utf8 }
            }
            bytes.append(UInt8(ascii: "\n"))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    init(file: String, path: String? = nil, contents: [UInt8]) throws(PolicyDiagnostic) {
        self.file = file
        self.path = path
        lines = []
        guard contents.count <= Self.maximumBytes else {
            throw diagnostic(1, 1, "the file has \(contents.count) bytes; at most \(Self.maximumBytes) are read")
        }
        guard let decoded = String(validating: contents, as: UTF8.self) else {
            throw invalidUTF8(in: contents)
        }
        lines = decoded.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.last == "\r" ? Array(line.dropLast()) : Array(line)
        }
        try checkCharacters()
        try checkNesting()
        try checkAliases()
    }

    func diagnostic(_ line: Int, _ column: Int, _ message: String, suggestion: String? = nil) -> PolicyDiagnostic {
        diagnostic(SourceLocation(file: file, line: line, column: column), message, suggestion: suggestion)
    }

    /// A diagnostic with the line that it speaks of.
    func diagnostic(
        _ location: SourceLocation, _ message: String, suggestion: String? = nil,
        severity: PolicyDiagnostic.Severity = .error
    ) -> PolicyDiagnostic {
        var shown: String?
        if location.file == file, lines.indices.contains(location.line - 1) {
            shown = String(String.UnicodeScalarView(lines[location.line - 1].prefix(200)))
        }
        return PolicyDiagnostic(
            location: location, message: message, suggestion: suggestion, sourceLine: shown,
            path: location.file == file ? path : nil, severity: severity)
    }

    /// The character at a place, `nil` behind a line's end.
    func scalar(at location: SourceLocation) -> Unicode.Scalar? {
        guard lines.indices.contains(location.line - 1) else { return nil }
        let line = lines[location.line - 1]
        return line.indices.contains(location.column - 1) ? line[location.column - 1] : nil
    }

    /// Overwrites characters; the reader hides the second of two equal keys with it, to find further problems.
    mutating func replace(line: Int, columns: Range<Int>, with scalar: Unicode.Scalar) {
        for column in columns { lines[line - 1][column - 1] = scalar }
    }

    private func invalidUTF8(in contents: [UInt8]) -> PolicyDiagnostic {
        // The longest valid prefix ends in the line of the first bad byte; lines are short, or that is the problem.
        var line = 1
        for part in contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            guard String(validating: part, as: UTF8.self) != nil else { break }
            line += 1
        }
        return diagnostic(line, 1, "the line is not valid UTF-8")
    }
}

// MARK: - Checks

extension SourceText {
    /// Control characters, byte order marks, foreign line ends and characters that reorder text.
    private static func isRefused(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09: false
        case 0x00..<0x20, 0x7F..<0xA0: true
        case 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069, 0xFEFF: true
        // Private use: the reader marks what it has reported with these.
        case 0xE000...0xF8FF, 0xFFFE...0xFFFF: true
        default: false
        }
    }

    private func checkCharacters() throws(PolicyDiagnostic) {
        for (index, line) in lines.enumerated() {
            if let column = line.firstIndex(where: Self.isRefused) {
                let hex = String(line[column].value, radix: 16, uppercase: true)
                throw diagnostic(index + 1, column + 1, "the character U+\(hex) is not allowed in a policy")
            }
            guard line.count <= Self.maximumLineScalars else {
                throw diagnostic(index + 1, 1, "the line is longer than \(Self.maximumLineScalars) characters")
            }
        }
    }

    /// Bounds nesting by text alone, quotes and comments not understood: early and cheap, not exact. What brackets in
    /// quotes hide from it meets libyaml's own bound of 1,000 levels.
    private func checkNesting() throws(PolicyDiagnostic) {
        var open = 0
        for (index, line) in lines.enumerated() {
            let indentation = line.prefix { $0 == " " || $0 == "\t" || $0 == "-" || $0 == "?" || $0 == ":" }.count
            guard indentation <= Self.maximumIndentation else {
                throw diagnostic(index + 1, indentation + 1, "nested too deeply")
            }
            for (column, scalar) in line.enumerated() {
                if scalar == "[" || scalar == "{" { open += 1 }
                if scalar == "]" || scalar == "}" { open = max(0, open - 1) }
                guard open <= Self.maximumBrackets else { throw diagnostic(index + 1, column + 1, "nested too deeply") }
            }
        }
    }

    /// Refuses a text that could expand an alias: one in which `&name` and `*name` both occur, wherever.
    ///
    /// Yams expands aliases while it composes, before a node could be looked at, and nine short lines of them become
    /// gigabytes. An anchor or an alias alone cannot expand; those are reported from the nodes, with quotes understood.
    private func checkAliases() throws(PolicyDiagnostic) {
        var anchors: Set<String> = []
        for line in lines { for (_, name) in Self.names(after: "&", in: line) { anchors.insert(name) } }
        guard !anchors.isEmpty else { return }
        for (index, line) in lines.enumerated() {
            for (column, name) in Self.names(after: "*", in: line) where anchors.contains(name) {
                let message = "anchors and aliases are not allowed ('&\(name.prefix(40))' and '*\(name.prefix(40))')"
                throw diagnostic(index + 1, column + 1, message)
            }
        }
    }

    /// The names that follow an indicator, with the indicator's index.
    private static func names(after indicator: Unicode.Scalar, in line: [Unicode.Scalar]) -> [(Int, String)] {
        var found: [(Int, String)] = []
        for (index, scalar) in line.enumerated() where scalar == indicator {
            let name = line[(index + 1)...].prefix { scalar in
                scalar == "_" || scalar == "-" || (scalar.isASCII && scalar.properties.isAlphabetic)
                    || ("0"..."9").contains(scalar)
            }
            if !name.isEmpty { found.append((index, String(String.UnicodeScalarView(name)))) }
        }
        return found
    }
}
