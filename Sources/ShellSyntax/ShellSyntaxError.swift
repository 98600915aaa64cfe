/// A place in a shell program, both counted from 1, columns in bytes.
package struct ShellPosition: Sendable, Hashable, CustomStringConvertible {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package var description: String { "\(line):\(column)" }
}

/// Why a text is no shell program, or none that is read here.
package struct ShellSyntaxError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Reason: Sendable, Hashable {
        /// A quote, parenthesis, word or here-document that never ends; what would have ended it.
        case missing(String)
        /// Something that cannot stand where it stands, as written.
        case unexpected(String)
        /// A command where none is, as in `if ; then`: the construct that needs it.
        case empty(String)
        case nulByte
        /// More bytes than are read.
        case tooLarge(Int)
        /// Nested deeper, or tangled more, than any program that a person writes.
        case tooComplex
        /// Shell that is understood and not followed, such as an expansion in the delimiter of a here-document.
        case unsupported(String)
    }

    package var reason: Reason
    /// For text in backquotes and here-documents, where these begin.
    package var position: ShellPosition

    package init(_ reason: Reason, at position: ShellPosition) {
        self.reason = reason
        self.position = position
    }

    package var description: String {
        switch reason {
        case .missing(let end): "\(position): '\(end)' is missing"
        case .unexpected(let text): "\(position): unexpected \(text)"
        case .empty(let construct): "\(position): no command in \(construct)"
        case .nulByte: "\(position): a NUL byte"
        case .tooLarge(let most): "\(position): more than \(most) bytes"
        case .tooComplex: "\(position): nested too deeply, or too many commands"
        case .unsupported(let what): "\(position): \(what) is not read"
        }
    }
}
