/// One thing that is wrong in a policy file, where, and what was probably meant.
package struct PolicyDiagnostic: Error, Sendable, Hashable, CustomStringConvertible {
    package let location: SourceLocation
    /// Lower case, names the key or value, no full stop.
    package let message: String
    /// The nearest valid spelling, where one is near.
    package let suggestion: String?
    /// The line of the file, for the caret; cut when it is very long, `nil` when there is no such line.
    package let sourceLine: String?
    /// The file as it was named to whoever reads it; `nil` where that is its base name.
    package let path: String?
    package let severity: Severity

    package enum Severity: String, Sendable, Hashable {
        case error
        /// The policy is usable, and probably not what its writer meant.
        case warning
    }

    /// Texts come from files, and diagnostics go to terminals and logs: what could drive the one or forge a line of the
    /// other is shown and not passed on.
    package init(
        location: SourceLocation, message: String, suggestion: String? = nil, sourceLine: String? = nil,
        path: String? = nil, severity: Severity = .error
    ) {
        self.location = location
        self.message = Self.escaped(message)
        self.suggestion = suggestion.map(Self.escaped)
        // One for one, so that the caret stays where it belongs.
        self.sourceLine = sourceLine.map { line in
            let shown = line.unicodeScalars.map { $0 != "\t" && Self.isHarmful($0) ? "\u{FFFD}" : $0 }
            return String(String.UnicodeScalarView(shown))
        }
        self.path = path.map(Self.escaped)
        self.severity = severity
    }

    private static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isHarmful) else { return text }
        return text.unicodeScalars.map { scalar in
            isHarmful(scalar) ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }.joined()
    }

    /// Control characters, and what ends lines or turns the direction of text.
    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse: true
        default: false
        }
    }

    /// As compilers write it, so that editors jump to it:
    /// `python.yaml:3:5: error: unknown key 'timeuot' in limits; did you mean 'timeout'?`, the line, and a caret.
    package var description: String {
        var text = "\(path ?? location.file):\(location.line):\(location.column): \(severity.rawValue): \(message)"
        if let suggestion { text += "; did you mean '\(suggestion)'?" }
        guard let sourceLine else { return text }
        // A tab before the caret stays a tab, or the caret would stand elsewhere than the reader sees the column.
        let indentation = sourceLine.unicodeScalars.prefix(location.column - 1).map { $0 == "\t" ? "\t" : " " }
        let missing = max(0, location.column - 1 - indentation.count)
        return text + "\n  \(sourceLine)\n  " + indentation.joined() + String(repeating: " ", count: missing) + "^"
    }
}

/// Everything that is wrong in the policies that were read. None of them is usable then: fail closed.
package struct PolicyErrors: Error, Sendable, CustomStringConvertible {
    package let diagnostics: [PolicyDiagnostic]

    package init(diagnostics: [PolicyDiagnostic]) {
        self.diagnostics = diagnostics
    }

    package var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
