/// A word cut into what brace expansion looks at: bytes, and expansions that it does not look into.
enum Atom {
    case byte(UInt8, quoted: Bool)
    /// What an expansion becomes; `splits` where it stood without quotes.
    case expanded([ShellValue.Segment], splits: Bool)
    /// Each a word of its own: `"$@"`.
    case fields([String])
    /// `''`.
    case emptyQuotes

    func isUnquoted(_ scalar: Unicode.Scalar) -> Bool {
        if case .byte(let byte, quoted: false) = self { byte == scalar } else { false }
    }
}

/// Brace expansion as bash does it: `a{b,c}` and `{1..3}`, before anything else is expanded.
struct BraceExpansion {
    /// Words and atoms that come of one word. With more, the word is undecided.
    static let maximumWords = 512
    static let maximumAtoms = 65_536

    private var budget = maximumAtoms

    /// The words that come of one, or `nil` where they are too many.
    static func expand(_ atoms: [Atom]) -> [[Atom]]? {
        guard atoms.contains(where: { $0.isUnquoted("{") }) else { return [atoms] }
        var expansion = BraceExpansion()
        return expansion.words(atoms[...], depth: 0)
    }

    private mutating func words(_ atoms: ArraySlice<Atom>, depth: Int) -> [[Atom]]? {
        budget -= atoms.count
        guard budget > 0, depth < 64 else { return nil }
        var search = atoms.startIndex
        while let open = atoms[search...].firstIndex(where: { $0.isUnquoted("{") }) {
            search = open + 1
            let match = matching(atoms, open)
            guard budget > 0 else { return nil }
            guard let (close, commas) = match else { continue }
            let inner = atoms[(open + 1)..<close]
            var alternatives: [[Atom]] = []
            if commas.isEmpty {
                guard let sequence = Self.sequence(inner) else { continue }
                guard !sequence.isEmpty else { return nil }
                alternatives = sequence
            } else {
                var start = open + 1
                for end in commas + [close] {
                    guard let expanded = words(atoms[start..<end], depth: depth + 1) else { return nil }
                    alternatives += expanded
                    start = end + 1
                }
            }
            guard let rests = words(atoms[(close + 1)...], depth: depth + 1) else { return nil }
            guard alternatives.count * rests.count <= Self.maximumWords else { return nil }
            var result: [[Atom]] = []
            for alternative in alternatives {
                for rest in rests {
                    let word = atoms[..<open] + alternative + rest
                    budget -= word.count
                    guard budget > 0 else { return nil }
                    result.append(Array(word))
                }
            }
            return result
        }
        return [Array(atoms)]
    }

    /// The brace that closes the one at `open`, and the commas between them that belong to it.
    private mutating func matching(_ atoms: ArraySlice<Atom>, _ open: Int) -> (close: Int, commas: [Int])? {
        var level = 0
        var commas: [Int] = []
        for index in (open + 1)..<atoms.endIndex {
            budget -= 1
            guard budget > 0 else { return nil }
            if atoms[index].isUnquoted("{") { level += 1 }
            if atoms[index].isUnquoted(",") && level == 0 { commas.append(index) }
            guard atoms[index].isUnquoted("}") else { continue }
            if level == 0 { return (index, commas) }
            level -= 1
        }
        return nil
    }

    /// `1..9`, `a..e`, `1..9..2`; `nil` for what is none of these, nothing where it would be too long.
    private static func sequence(_ atoms: ArraySlice<Atom>) -> [[Atom]]? {
        var bytes: [UInt8] = []
        for atom in atoms {
            guard case .byte(let byte, quoted: false) = atom else { return nil }
            bytes.append(byte)
        }
        guard bytes.count <= 64 else { return nil }
        // `1..3` cut at the dots is 1, nothing, 3.
        let pieces = String(decoding: bytes, as: UTF8.self).split(separator: ".", omittingEmptySubsequences: false)
        guard pieces.count == 3 || pieces.count == 5, pieces[1].isEmpty, pieces.count == 3 || pieces[3].isEmpty else {
            return nil
        }
        let parts = stride(from: 0, to: pieces.count, by: 2).map { pieces[$0] }
        var step = 1
        if parts.count == 3 {
            guard let given = Int(parts[2]), given.magnitude < 1 << 32 else { return nil }
            step = given == 0 ? 1 : Int(given.magnitude)
        }
        if let first = Int(parts[0]), let last = Int(parts[1]), first.magnitude < 1 << 32, last.magnitude < 1 << 32 {
            let width = max(padding(parts[0]), padding(parts[1]))
            return values(first, last, step).map { number($0, width: width) }
        }
        guard parts[0].utf8.count == 1, parts[1].utf8.count == 1, let first = parts[0].utf8.first,
            let last = parts[1].utf8.first, first.isNameStart, last.isNameStart, first != "_", last != "_"
        else { return nil }
        return values(Int(first), Int(last), step).map { [.byte(UInt8($0), quoted: true)] }
    }

    private static func values(_ first: Int, _ last: Int, _ step: Int) -> [Int] {
        guard abs(last - first) / step < maximumWords else { return [] }
        return Array(stride(from: first, through: last, by: first <= last ? step : -step))
    }

    /// The width that leading zeros ask for.
    private static func padding(_ text: Substring) -> Int {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text
        return digits.count > 1 && digits.hasPrefix("0") ? text.count : 0
    }

    private static func number(_ value: Int, width: Int) -> [Atom] {
        var digits = String(value.magnitude)
        while digits.count + (value < 0 ? 1 : 0) < width { digits = "0" + digits }
        return ((value < 0 ? "-" : "") + digits).utf8.map { .byte($0, quoted: true) }
    }
}
