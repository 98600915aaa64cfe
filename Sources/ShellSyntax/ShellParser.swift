/// Reads shell programs: POSIX shell, and what bash adds to it.
///
/// Nothing is executed and nothing is looked up. The grammar is followed as the shells follow it, one pass over the
/// bytes; whatever the bytes are, the answer is a tree or an error, in time that grows with their number.
package enum ShellParser {
    package static let maximumBytes = 256 * 1024
    /// Constructs inside one another, of which a command in a substitution is three. The parser calls itself for each.
    package static let maximumDepth = 200

    package static func parse(_ text: [UInt8]) throws(ShellSyntaxError) -> ShellProgram {
        try parse(text, dialect: .bash)
    }

    package static func parse(_ text: [UInt8], dialect: ShellDialect) throws(ShellSyntaxError) -> ShellProgram {
        let start = ShellPosition(line: 1, column: 1)
        guard text.count <= maximumBytes else { throw ShellSyntaxError(.tooLarge(maximumBytes), at: start) }
        var parser = Parser(text: text, dialect: dialect)
        if let index = text.firstIndex(of: 0) { throw ShellSyntaxError(.nulByte, at: parser.position(of: index)) }
        let statements = try parser.wholeProgram()
        return ShellProgram(
            statements: statements, documents: parser.documents, dialect: dialect,
            dependsOnDialect: parser.dependsOnDialect)
    }

    package static func parse(
        _ text: String, dialect: ShellDialect = .bash
    ) throws(ShellSyntaxError) -> ShellProgram {
        try parse(Array(text.utf8), dialect: dialect)
    }
}

/// The state of one pass over a text, or over the unescaped text of backquotes and here-documents inside it.
struct Parser {
    struct PendingDocument {
        var index: Int
        var stripsTabs: Bool
    }

    let text: [UInt8]
    let dialect: ShellDialect
    /// Where what is read now must end; less than the whole inside quotes that bash matches before it expands them.
    var end: Int
    var at = 0
    var depth = 0
    var documents: [ShellHereDocument] = []
    /// Here-documents whose operator was read and whose body begins at the next line.
    var pending: [PendingDocument] = []
    var dependsOnDialect = false
    /// After `shopt -s extglob`.
    var extendedGlobs = false
    /// Bytes looked at, all nested texts together, and how many may be.
    var steps = 0
    var maximumSteps: Int
    /// Where `((` was tried as arithmetic in vain, so that it is not tried again in every pass over it.
    var notArithmetic: Set<Int> = []
    /// Positions of a nested text are those of its beginning.
    var outer: ShellPosition?
    private var lineStarts: [Int] = []

    init(text: [UInt8], dialect: ShellDialect) {
        self.text = text
        self.dialect = dialect
        end = text.count
        maximumSteps = 300 * text.count + 100_000
        lineStarts = [0] + text.indices.lazy.filter { text[$0] == 0x0A }.map { $0 + 1 }
    }

    var isBash: Bool { dialect == .bash }
    var isAtEnd: Bool { at >= end }

    func position(of index: Int) -> ShellPosition {
        if let outer { return outer }
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= index { low = middle } else { high = middle }
        }
        return ShellPosition(line: low + 1, column: index - lineStarts[low] + 1)
    }

    func failure(_ reason: ShellSyntaxError.Reason, at index: Int? = nil) -> ShellSyntaxError {
        ShellSyntaxError(reason, at: position(of: index ?? at))
    }

    /// What stands here, for an error.
    mutating func unexpected() -> ShellSyntaxError {
        skipBlanks()
        guard let byte = peek() else { return failure(.unexpected("end of the text")) }
        if byte == "\n" { return failure(.unexpected("end of the line")) }
        var shown: [UInt8] = []
        for other in text[at..<end].prefix(20) {
            if other == " " || other == "\n" || other == "\t" { break }
            if !shown.isEmpty, other.isMeta != byte.isMeta { break }
            shown.append(other)
        }
        return failure(.unexpected("'\(String(decoding: shown, as: UTF8.self))'"))
    }

    /// One construct deeper, until `leave`.
    mutating func enter() throws(ShellSyntaxError) {
        depth += 1
        try checkSteps()
        guard depth <= ShellParser.maximumDepth else { throw failure(.tooComplex) }
    }

    mutating func leave() { depth -= 1 }

    func checkSteps() throws(ShellSyntaxError) {
        guard steps <= maximumSteps else { throw failure(.tooComplex) }
    }
}

// MARK: - Bytes

extension Parser {
    /// The byte here, behind backslashes that continue a line; `nil` at the end.
    mutating func peek() -> UInt8? {
        steps += 1
        at = behindContinuations(at)
        return at < end ? text[at] : nil
    }

    /// The byte `count` further.
    mutating func peek(_ count: Int) -> UInt8? {
        var index = behindContinuations(at)
        for _ in 0..<count where index < end { index = behindContinuations(index + 1) }
        steps += 1
        return index < end ? text[index] : nil
    }

    func behindContinuations(_ index: Int) -> Int {
        var index = index
        while index + 1 < end, text[index] == "\\", text[index + 1] == "\n" { index += 2 }
        return index
    }

    /// Passes `count` bytes, which were peeked at.
    mutating func advance(_ count: Int = 1) {
        for _ in 0..<count { at = min(behindContinuations(at) + 1, end) }
    }

    /// Passes these bytes if they are next.
    mutating func take(_ expected: StaticString) -> Bool {
        var index = at
        for offset in 0..<expected.utf8CodeUnitCount {
            index = behindContinuations(index)
            guard index < end, text[index] == expected.utf8Start[offset] else { return false }
            index += 1
        }
        at = index
        return true
    }

    mutating func skipBlanks() {
        while let byte = peek(), byte == " " || byte == "\t" { at += 1 }
        guard at < end, text[at] == "#", at == 0 || text[at - 1].isMeta || isAfterContinuation else { return }
        // A comment has no continuation.
        while at < end, text[at] != "\n" {
            at += 1
            steps += 1
        }
    }

    /// Whether the byte before this, continuations left out, ended a word.
    private var isAfterContinuation: Bool {
        var index = at
        while index >= 2, text[index - 1] == "\n", text[index - 2] == "\\" { index -= 2 }
        return index == 0 || text[index - 1].isMeta
    }

    /// Blanks, comments and line ends; here-documents are read where their line ends.
    mutating func skipLines() throws(ShellSyntaxError) {
        skipBlanks()
        while peek() == "\n" {
            try endLine()
            skipBlanks()
        }
    }

    mutating func endLine() throws(ShellSyntaxError) {
        at += 1
        if !pending.isEmpty { try readDocuments() }
    }
}

func == (byte: UInt8, scalar: Unicode.Scalar) -> Bool { UInt32(byte) == scalar.value }
func != (byte: UInt8, scalar: Unicode.Scalar) -> Bool { UInt32(byte) != scalar.value }
func == (byte: UInt8?, scalar: Unicode.Scalar) -> Bool { byte.map { UInt32($0) == scalar.value } ?? false }
func != (byte: UInt8?, scalar: Unicode.Scalar) -> Bool { !(byte == scalar) }
func ~= (scalar: Unicode.Scalar, byte: UInt8) -> Bool { UInt32(byte) == scalar.value }

extension UInt8 {
    /// What ends a word without quotes.
    var isMeta: Bool {
        switch self {
        case " ", "\t", "\n", ";", "&", "|", "<", ">", "(", ")": true
        default: false
        }
    }

    var isDigit: Bool { self >= 0x30 && self <= 0x39 }
    var isNameStart: Bool { self >= 0x61 && self <= 0x7A || self >= 0x41 && self <= 0x5A || self == 0x5F }
    var isName: Bool { isNameStart || isDigit }
}
