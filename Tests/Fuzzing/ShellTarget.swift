import ShellSyntax

/// The parser of shell text and the list of commands that it makes. Time is libFuzzer's to watch (`-timeout`).
enum ShellTarget {
    static func run(_ bytes: [UInt8]) {
        for dialect in [ShellDialect.bash, .posix] {
            do throws(ShellSyntaxError) {
                let program = try ShellParser.parse(bytes, dialect: dialect)
                try check(program)
            } catch {
                check(error, of: bytes)
            }
        }
    }

    private static func check(_ program: ShellProgram) throws(ShellSyntaxError) {
        _ = program.functions
        let invocations = try program.invocations()
        _ = try program.invocations(positional: ["sh", "one", "-rf"])
        require(invocations.count <= ShellProgram.maximumInvocations, "\(invocations.count) invocations")
        for (index, invocation) in invocations.enumerated() {
            let values = invocation.words + invocation.assignments.map(\.value) + invocation.redirections.map(\.target)
            for range in values.flatMap(\.sources) {
                require(
                    range.upperBound <= invocations.count, "a word of command \(index) comes from commands \(range)")
            }
        }
        for invocation in invocations.prefix(20) where program.dialect == .bash { readsBack(invocation) }
    }

    /// A command of which everything is known is the same command when each of its words is quoted.
    private static func readsBack(_ invocation: ShellInvocation) {
        let words = invocation.words.compactMap(\.literal)
        guard !words.isEmpty, words.count == invocation.words.count, !words.contains(where: { $0.utf8.contains(0) })
        else { return }
        // By bytes: a quote with a combining character behind it is one character, and not a quote.
        let text = words.map { word in
            [UInt8(ascii: "'")] + word.utf8.flatMap { $0 == UInt8(ascii: "'") ? Array(#"'\''"#.utf8) : [$0] }
                + Array("' ".utf8)
        }.flatMap(\.self)
        guard text.count < ShellParser.maximumBytes else { return }
        do throws(ShellSyntaxError) {
            let again = try ShellParser.parse(text).invocations()
            let read = again.last?.words.compactMap(\.literal)
            require(
                again.count == 1 && read == words,
                "\(String(decoding: text, as: UTF8.self)) reads as \(again.map { $0.words.map(\.literal) })")
        } catch {
            fatalError("\(String(decoding: text, as: UTF8.self)) cannot be read: \(error)")
        }
    }

    /// An error is at a place in the text and says something.
    private static func check(_ error: ShellSyntaxError, of bytes: [UInt8]) {
        let lines = bytes.count { $0 == 0x0A } + 1
        let (line, column) = (error.position.line, error.position.column)
        require(line >= 1 && line <= lines && column >= 1, "an error at \(line):\(column) of \(lines) lines")
        require(!error.description.isEmpty, "an error without a message")
    }

    static let seeds = [
        "ls -la | grep '^d' > out 2>&1 &", "for f in *.txt; do rm -f \"$f\"; done", "if [ -e a ]; then . ./b; fi",
        "cat <<'E' | sh\necho $x `id` $(pwd)\nE\n", "f() { local a=${1:-x}; eval \"$a\"; }; f sudo",
        "[[ $a =~ ^x ]] && ((a++))",
        "case $1 in a|b) :;; *) exec \"$@\";; esac", ":(){ :|:& };:", "a={b,c}{1..3} x <(y) >(z) $'\\x41\\n'",
        "while read -r l; do echo ${l//a/b} $((1 << 2)); done < <(sort f)",
    ].map { Array($0.utf8) }
}
