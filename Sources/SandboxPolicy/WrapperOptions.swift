/// The options of a program, in the notation of getopt_long(3), so that a line can be held against the program's own table.
struct WrapperOptions: Sendable {
    enum Argument: Equatable {
        case none
        /// So many of the next words, or for one: what stands behind the letter or the `=`.
        case required(Int)
        /// Only what is attached; never the next word.
        case optional
        /// What is attached, or the next word where it is no option (`-h` of sudo).
        case loose
    }

    struct Option: Equatable {
        /// What it is known by: its letter, or its name where it has none.
        let key: String
        let argument: Argument
    }

    /// How words are recognised as options.
    enum Style {
        /// Letters may stand together, long names be shortened as long as they mean one thing.
        case getopt
        /// Likewise, and one `-` is enough for a long name: getopt_long_only(3).
        case oneDash
        /// Compared as they are, letter by letter.
        case exact
        /// Whatever begins with `-` is an option that takes no other word.
        case any
    }

    enum Lookup {
        case found(Option)
        case unknown
        case ambiguous
    }

    let style: Style
    /// Whether options are read behind operands too, as far as `--`: without `+`.
    let permutes: Bool
    /// Whether a word like `-5` is an option of its own (nice).
    let takesNumbers: Bool
    /// Whether `NAME=VALUE` may stand between options (sudo).
    let takesAssignments: Bool
    /// Whether `--` ends the options. Where the program knows no `--` it is an operand, or an error.
    let endsWithDashes: Bool
    private let short: [UInt8: Option]
    private let long: [(name: String, option: Option)]

    /// - Parameters:
    ///   - short: letters, each followed by `:` where it takes an argument, `::` where it may be attached, `?` where it is
    ///     the next word unless that is an option. A `+` in front: the first operand ends the options.
    ///   - long: names with blanks between them, each followed by `:` or `::` likewise, `:2` for two words, and by `=KEY`
    ///     where it is another spelling of that letter or name.
    init(
        _ short: String = "+", _ long: String = "", style: Style = .getopt, takesNumbers: Bool = false,
        takesAssignments: Bool = false, endsWithDashes: Bool = true
    ) {
        self.style = style
        self.takesNumbers = takesNumbers
        self.takesAssignments = takesAssignments
        self.endsWithDashes = endsWithDashes
        permutes = short.utf8.first != UInt8(ascii: "+")
        // By bytes: the first request waits for all the tables, and by characters that were five milliseconds.
        self.short = Self.letters(short.utf8)
        self.long = long.utf8.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.map { Self.name($0) }
    }

    /// None at all, not even `--`.
    static let none = WrapperOptions(endsWithDashes: false)

    private static func letters(_ text: String.UTF8View) -> [UInt8: Option] {
        var options: [UInt8: Option] = [:]
        var rest = text.drop { $0 == UInt8(ascii: "+") }
        func skip(_ mark: UInt8) -> Bool {
            guard rest.first == mark else { return false }
            rest.removeFirst()
            return true
        }
        while let letter = rest.popFirst() {
            var argument = Argument.none
            if skip(UInt8(ascii: ":")) {
                argument = skip(UInt8(ascii: ":")) ? .optional : .required(1)
            } else if skip(UInt8(ascii: "?")) {
                argument = .loose
            }
            options[letter] = Option(key: String(UnicodeScalar(letter)), argument: argument)
        }
        return options
    }

    private static func name(_ text: Substring.UTF8View) -> (name: String, option: Option) {
        let parts = text.split(separator: UInt8(ascii: "="), maxSplits: 1)
        let name = parts[0].prefix { $0 != UInt8(ascii: ":") }
        let argument: Argument
        switch Substring(parts[0].dropFirst(name.count)) {
        case "": argument = .none
        case "::": argument = .optional
        case let mark: argument = .required(mark.dropFirst().wholeNumberValue ?? 1)
        }
        return (
            String(Substring(name)),
            Option(key: String(Substring(parts.count > 1 ? parts[1] : name)), argument: argument)
        )
    }

    func letter(_ letter: Character) -> Option? { letter.asciiValue.flatMap { short[$0] } }

    /// A name without its dashes and without its value. Shortened it must mean one thing, whichever option it stands for.
    func name(_ given: String) -> Lookup {
        if let exact = long.first(where: { $0.name == given }) { return .found(exact.option) }
        guard style != .exact, !given.isEmpty else { return .unknown }
        let options = long.filter { $0.name.hasPrefix(given) }.map(\.option)
        guard let first = options.first else { return .unknown }
        return options.allSatisfy { $0 == first } ? .found(first) : .ambiguous
    }
}

extension Substring {
    fileprivate var wholeNumberValue: Int? { Int(self) }
}
