import ShellSyntax

/// How `env -S` cuts its text into words: not as a shell does.
///
/// env(1) of coreutils 9: `\_` is a blank between words, or one in a word where it is in double quotes; `\c`, or a `#` at
/// the beginning of a word, ends the text; only `${NAME}` is expanded; what is not known is an error.
struct EnvironmentSplit {
    private(set) var words: [ShellValue] = []
    private var segments: [ShellValue.Segment] = []
    private var text = ""
    private var isInWord = false
    private var quote: Character?

    /// - Returns: `nil` where env refuses the text.
    static func words(of text: String) -> [ShellValue]? {
        var split = EnvironmentSplit()
        return split.read(text) ? split.words : nil
    }

    private mutating func read(_ source: String) -> Bool {
        var rest = source.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            let character = Character(scalar)
            switch character {
            case "'", "\"":
                if let quote, quote != character {
                    append(character)
                } else {
                    quote = quote == nil ? character : nil
                    isInWord = true
                }
            case " ", "\t", "\n", "\u{0B}", "\u{0C}", "\r":
                if quote == nil { endWord() } else { append(character) }
            case "#" where !isInWord && quote == nil:
                endWord()
                return true
            case "\\":
                if quote == "'", rest.first != "\\", rest.first != "'" {
                    append(character)
                    continue
                }
                guard let escaped = rest.popFirst() else { return false }
                switch escape(Character(escaped)) {
                case .more: continue
                case .end:
                    endWord()
                    return true
                case .wrong: return false
                }
            case "$" where quote != "'":
                guard let name = Self.variable(&rest) else { return false }
                expand(name)
            default: append(character)
            }
        }
        guard quote == nil else { return false }
        endWord()
        return true
    }

    private enum Escaped { case more, end, wrong }

    private mutating func escape(_ character: Character) -> Escaped {
        switch character {
        case "\"", "#", "$", "'", "\\": append(character)
        case "_":
            if quote == "\"" { append(" ") } else { endWord() }
        case "c": return quote == "\"" ? .wrong : .end
        case "f": append("\u{0C}")
        case "n": append("\n")
        case "r": append("\r")
        case "t": append("\t")
        case "v": append("\u{0B}")
        default: return .wrong
        }
        return .more
    }

    /// The name of `{NAME}`.
    private static func variable(_ rest: inout Substring.UnicodeScalarView) -> String? {
        guard rest.first == "{", let end = rest.firstIndex(of: "}") else { return nil }
        let name = String(rest[rest.index(after: rest.startIndex)..<end])
        guard let first = name.utf8.first, first == UInt8(ascii: "_") || isLetter(first),
            name.utf8.allSatisfy({ $0 == UInt8(ascii: "_") || isLetter($0) || (0x30...0x39).contains($0) })
        else { return nil }
        rest = rest[rest.index(after: end)...]
        return name
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte & 0xDF) }

    /// A variable's value is not cut, but one that is not set begins no word.
    private mutating func expand(_: String) {
        flush()
        segments.append(.unknown(ShellValue.Unknown(splits: !isInWord)))
        isInWord = true
    }

    private mutating func append(_ character: Character) {
        text.append(character)
        isInWord = true
    }

    private mutating func flush() {
        if !text.isEmpty { segments.append(.text(text)) }
        text = ""
    }

    private mutating func endWord() {
        flush()
        if isInWord { words.append(ShellValue(segments: segments)) }
        segments = []
        isInWord = false
    }
}
