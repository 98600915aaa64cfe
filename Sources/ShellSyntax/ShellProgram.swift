/// Which shell's grammar a text is read with. They differ in more than what they accept: `a &>f b` is one command for
/// bash and two for a POSIX shell.
package enum ShellDialect: Sendable, Hashable {
    case bash
    /// dash, and what POSIX says.
    case posix
}

/// A whole program text as a tree. `invocations` lists the commands in it.
package struct ShellProgram: Sendable {
    package var statements: [ShellStatement]
    /// The bodies that `ShellRedirection.document` names by index, also those of nested substitutions.
    package var documents: [ShellHereDocument]
    package var dialect: ShellDialect
    /// Whether something was met that shells read differently: the text should be read in the other dialect too.
    package var dependsOnDialect: Bool
}

/// Pipelines joined by `&&` and `||`, up to `;`, `&` or a line's end.
package struct ShellStatement: Sendable {
    package var pipelines: [ShellPipeline]
    package var background = false
}

/// Commands joined by `|`; a single command is a pipeline of one stage.
package struct ShellPipeline: Sendable {
    package var stages: [ShellCommand]
}

/// One command, simple or compound, with its redirections.
package struct ShellCommand: Sendable {
    package indirect enum Kind: Sendable {
        case simple([ShellAssignment], [ShellWord])
        case subshell([ShellStatement])
        case group([ShellStatement])
        /// Conditions with what follows each, then `else`.
        case conditional([ShellBranch], otherwise: [ShellStatement])
        /// `while` and `until`.
        case loop(condition: [ShellStatement], body: [ShellStatement])
        /// `for` and `select`; without `in`, the words are `nil` and the positional parameters are meant.
        case iteration(variable: String, words: [ShellWord]?, body: [ShellStatement])
        /// `for ((a; b; c))`.
        case counting(ShellWord, body: [ShellStatement])
        case selection(ShellWord, [ShellCaseItem])
        case function(name: String, body: ShellCommand)
        /// The words of `[[ ]]` without its operators.
        case test([ShellWord])
        /// `(( ))`.
        case arithmetic(ShellWord)
        case coprocess(name: String, ShellCommand)
        /// `time` or `!` with nothing behind it.
        case nothing
    }

    package var kind: Kind
    package var redirections: [ShellRedirection]
    package var position: ShellPosition
}

package struct ShellBranch: Sendable {
    package var condition: [ShellStatement]
    package var body: [ShellStatement]
}

package struct ShellCaseItem: Sendable {
    package var patterns: [ShellWord]
    package var body: [ShellStatement]
}

package struct ShellAssignment: Sendable {
    package var name: String
    /// What stands in the brackets of `a[i]=x`.
    package var subscription: ShellWord?
    package var appends: Bool
    package var value: ShellWord
}

package struct ShellRedirection: Sendable {
    package enum Operator: String, Sendable, CaseIterable {
        case read = "<"
        case write = ">"
        case append = ">>"
        case clobber = ">|"
        case readWrite = "<>"
        case duplicateInput = "<&"
        case duplicateOutput = ">&"
        case both = "&>"
        case appendBoth = "&>>"
        case document = "<<"
        case documentStripped = "<<-"
        case string = "<<<"
    }

    package var `operator`: Operator
    /// The number in front, if any.
    package var descriptor: Int?
    /// The name in `{name}>file`.
    package var variable: String?
    /// What stands behind; for a here-document its delimiter.
    package var target: ShellWord
    package var document: Int?
}

package struct ShellHereDocument: Sendable {
    package var delimiter: [UInt8]
    /// Whether the delimiter was quoted, so that nothing in the body is expanded.
    package var isLiteral: Bool
    package var body: ShellWord
}

/// A word as written: pieces that stand together without a blank.
package struct ShellWord: Sendable {
    package var parts: [ShellPart]

    package init(_ parts: [ShellPart] = []) { self.parts = parts }

    /// The text of a word without quotes and expansions, as names of functions and variables are.
    package var plainText: String? {
        var bytes: [UInt8] = []
        for part in parts {
            guard case .literal(let text) = part else { return nil }
            bytes += text
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}

package indirect enum ShellPart: Sendable {
    /// Without quotes: globs, braces and a tilde in it have their meaning.
    case literal([UInt8])
    /// Quoted, by whatever way; no bytes for `''`.
    case quoted([UInt8])
    case parameter(ShellParameter, quoted: Bool)
    /// `$( )` and backquotes.
    case command([ShellStatement], quoted: Bool)
    /// `$(( ))` and `$[ ]`.
    case arithmetic(ShellWord, quoted: Bool)
    /// `<( )` and `>( )`.
    case process([ShellStatement])
    /// The value of `a=( )`.
    case array([ShellWord])
    /// `@( )` and the like in patterns, `( )` in regular expressions.
    case group(ShellWord)
}

/// `$x` and `${x...}`.
package struct ShellParameter: Sendable {
    /// Empty where the shell would call it a bad substitution.
    package var name: String
    /// Whether it is `$x` or `${x}` and nothing more.
    package var isPlain: Bool
    /// Everything behind the name: subscript, operator and operand, with the substitutions in them.
    package var rest: ShellWord
    /// `:=` and `=`: the expansion assigns.
    package var assigns = false
}
