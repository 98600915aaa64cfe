/// Reads a JSON text by RFC 8259, and nothing more generous: UTF-8 only, every escape and number as the grammar has it, no
/// surrogate alone, no key twice in an object.
///
/// What it costs is bounded whoever wrote the text: it looks at each byte once, remembers `maximumValues` values at most,
/// and nests `maximumDepth` deep without recursion. What has too many values is read on without being stored: a `run` has
/// its type behind its arguments, and its channel has to be known to be answered. The list or object two levels down
/// (`request.argv`) that has grown too large is then empty but for its count, and marked; its parent where that itself has
/// too many keys.
struct JSONParser {
    /// No message of the protocol needs more than six.
    static let maximumDepth = 32
    /// The deepest list or object that is given up as a whole when there are too many values.
    private static let deepestCut = 2
    /// Objects of more members than this have their keys compared by hash.
    private static let fewMembers = 24
    /// So do those with a key of more bytes.
    private static let shortKey: Int32 = 64

    /// A list or object that has begun and not ended.
    private struct Open {
        var isObject: Bool
        /// -1: it is not stored.
        var node: Int
        var count: Int32 = 0
    }

    let bytes: [UInt8]
    var position = 0
    private(set) var nodes: [JSONDocument.Node] = []
    private(set) var hasWords = false
    private let maximumValues: Int
    private var open: [Open] = []
    /// How many are open around the one that is given up; nothing in it is stored.
    private var cut: Int?

    init(_ bytes: [UInt8], maximumValues: Int) {
        self.bytes = bytes
        self.maximumValues = maximumValues
        // Enough for a usual message, and less than a kilobyte: the allocator keeps no larger piece at hand, and tidies up its whole
        // heap to find one, which was a tenth of what comes before a run's launch.
        nodes.reserveCapacity(min(48, maximumValues))
        open.reserveCapacity(8)
    }

    mutating func parse() throws(JSONError) {
        skipSpace()
        try value()
        while let container = open.last {
            if container.isObject { try nextMember(container.count) } else { try nextElement(container.count) }
        }
        skipSpace()
        guard position == bytes.count else { throw error("nothing more") }
    }

    func error(_ expected: String) -> JSONError { .syntax(expected, at: position) }

    /// The byte here; 0, which is nowhere allowed, at the end.
    var byte: UInt8 { position < bytes.count ? bytes[position] : 0 }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position += 1
            default: return
            }
        }
    }

    // MARK: - Lists and objects

    private mutating func nextElement(_ count: Int32) throws(JSONError) {
        skipSpace()
        if byte == UInt8(ascii: "]") { return try close() }
        if count > 0 { try comma("',' or ']'") }
        open[open.count - 1].count += 1
        try value()
    }

    private mutating func nextMember(_ count: Int32) throws(JSONError) {
        skipSpace()
        if byte == UInt8(ascii: "}") { return try close() }
        if count > 0 { try comma("',' or '}'") }
        guard byte == UInt8(ascii: "\"") else { throw error("a key in quotes") }
        open[open.count - 1].count += 1
        try string()
        skipSpace()
        guard byte == UInt8(ascii: ":") else { throw error("':'") }
        position += 1
        skipSpace()
        try value()
    }

    private mutating func comma(_ expected: String) throws(JSONError) {
        guard byte == UInt8(ascii: ",") else { throw error(expected) }
        position += 1
        skipSpace()
    }

    private mutating func begin(isObject: Bool) throws(JSONError) {
        guard open.count < Self.maximumDepth else { throw .tooDeep }
        let isStored = try append(.init(kind: isObject ? .object : .array))
        open.append(Open(isObject: isObject, node: isStored ? nodes.count - 1 : -1))
        position += 1
    }

    private mutating func close() throws(JSONError) {
        let container = open.removeLast()
        position += 1
        if cut == open.count { cut = nil }
        guard container.node >= 0 else { return }
        nodes[container.node].count = container.count
        nodes[container.node].next = Int32(nodes.count)
        if container.isObject, !nodes[container.node].mark { try refuseDuplicates(container.node) }
    }

    // MARK: - Values

    private mutating func value() throws(JSONError) {
        switch byte {
        case UInt8(ascii: "\""): try string()
        case UInt8(ascii: "{"): try begin(isObject: true)
        case UInt8(ascii: "["): try begin(isObject: false)
        case UInt8(ascii: "t"): try word("true", .truth)
        case UInt8(ascii: "f"): try word("false", .falsehood)
        case UInt8(ascii: "n"): try word("null", .null)
        case UInt8(ascii: "N"): try word("NaN", .word)
        case UInt8(ascii: "I"): try word("Infinity", .word)
        case UInt8(ascii: "-") where position + 1 < bytes.count && bytes[position + 1] == UInt8(ascii: "I"):
            try word("-Infinity", .word)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        default: throw error("a value")
        }
    }

    private mutating func word(_ word: StaticString, _ kind: JSONDocument.Node.Kind) throws(JSONError) {
        let start = position
        let length = word.utf8CodeUnitCount
        guard start + length <= bytes.count else { throw error("a value") }
        for offset in 0..<length where bytes[start + offset] != word.utf8Start[offset] { throw error("a value") }
        position += length
        if kind == .word { hasWords = true }
        try append(.init(kind: kind, start: Int32(start), count: Int32(length)))
    }

    private mutating func string() throws(JSONError) {
        position += 1
        let start = position
        let hasEscapes = try skipText()
        try append(.init(kind: .string, mark: hasEscapes, start: Int32(start), count: Int32(position - start)))
        position += 1
    }

    private mutating func number() throws(JSONError) {
        let start = position
        let isWhole = try skipNumber()
        try append(.init(kind: .number, mark: !isWhole, start: Int32(start), count: Int32(position - start)))
    }

    // MARK: - What is stored

    /// Returns whether it was stored.
    @discardableResult
    private mutating func append(_ node: JSONDocument.Node) throws(JSONError) -> Bool {
        guard cut == nil else { return false }
        guard nodes.count < maximumValues else {
            try giveUp()
            return false
        }
        var node = node
        node.next = Int32(nodes.count + 1)
        nodes.append(node)
        return true
    }

    /// Forgets what is in the innermost list or object that is not too deep to be named in an error.
    private mutating func giveUp() throws(JSONError) {
        let depth = min(Self.deepestCut, open.count - 1)
        guard depth > 0 else { throw .tooManyValues(maximumValues) }
        let node = open[depth].node
        nodes.removeSubrange((node + 1)...)
        nodes[node].mark = true
        for inner in open.indices.dropFirst(depth + 1) { open[inner].node = -1 }
        cut = depth
    }

    /// Which of two would be meant cannot be known, and another reader of the same bytes may take the other.
    private func refuseDuplicates(_ object: Int) throws(JSONError) {
        let end = Int(nodes[object].next)
        var names: Set<String> = []
        var key = object + 1
        var isLarge = nodes[object].count > Self.fewMembers
        // Comparing each with each is for short ones: a long key, or one with escapes, is read once.
        while key < end, !isLarge {
            isLarge = nodes[key].mark || nodes[key].count > Self.shortKey
            key = Int(nodes[key + 1].next)
        }
        key = object + 1
        while key < end {
            let isDouble = isLarge ? !names.insert(name(key)).inserted : isThere(key, from: object + 1)
            if isDouble { throw .duplicateKey(name(key)) }
            key = Int(nodes[key + 1].next)
        }
    }

    private func isThere(_ key: Int, from first: Int) -> Bool {
        var other = first
        while other < key {
            if isSame(nodes[other], nodes[key]) { return true }
            other = Int(nodes[other + 1].next)
        }
        return false
    }

    private func isSame(_ one: JSONDocument.Node, _ other: JSONDocument.Node) -> Bool {
        if one.mark || other.mark { return text(one).elementsEqual(text(other)) }
        guard one.count == other.count else { return false }
        let (left, right) = (Int(one.start), Int(other.start))
        for offset in 0..<Int(one.count) where bytes[left + offset] != bytes[right + offset] { return false }
        return true
    }

    private func text(_ node: JSONDocument.Node) -> ArraySlice<UInt8> {
        let raw = bytes[Int(node.start)..<Int(node.start + node.count)]
        return node.mark ? JSONText.unescaped(raw) : raw
    }

    private func name(_ key: Int) -> String { String(decoding: text(nodes[key]), as: UTF8.self) }
}
