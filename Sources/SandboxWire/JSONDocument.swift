/// A JSON text that was read as a whole and found right: its values in the order of the text, without a copy of them.
///
/// Objects and arrays are flat here: a value's parts lie behind it, and it knows where they end. No tree is built, so that
/// reading costs one allocation whatever the text says.
final class JSONDocument: Sendable {
    let bytes: [UInt8]
    /// The first is the whole. In an object each key, a string, is followed by its value.
    let nodes: [Node]
    /// There is a NaN or an Infinity: this is not JSON, but what it means may be worth an answer.
    let hasWords: Bool

    /// A value or a key.
    struct Node {
        enum Kind: UInt8 {
            case null, falsehood, truth, number, string, array, object
            /// NaN, Infinity or -Infinity.
            case word
        }

        var kind: Kind
        /// Of a string: it has escapes. Of a number: it has a fraction or an exponent. Of an array or object: what is in it
        /// was too much to be stored.
        var mark = false
        /// Where the bytes of a scalar begin; without the quotes of a string.
        var start: Int32 = 0
        /// How many bytes a scalar has, how many elements an array, how many members an object.
        var count: Int32 = 0
        /// Where the next value or key is.
        var next: Int32 = 0
    }

    /// - Parameters:
    ///   - bytes: as they came, at most 2 GiB of them.
    ///   - maximumValues: how many values and keys to store; see `JSONParser`.
    init(parsing bytes: [UInt8], maximumValues: Int = .max) throws(JSONError) {
        var parser = JSONParser(bytes, maximumValues: maximumValues)
        try parser.parse()
        self.bytes = bytes
        nodes = parser.nodes
        hasWords = parser.hasWords
    }

    func range(_ index: Int) -> Range<Int> {
        let start = Int(nodes[index].start)
        return start..<start + Int(nodes[index].count)
    }

    /// The index after a value and all that is in it.
    func next(_ index: Int) -> Int { Int(nodes[index].next) }

    /// The text of a string or a word; `nil` of anything else.
    func text(_ index: Int) -> String? {
        let node = nodes[index]
        guard node.kind == .string || node.kind == .word else { return nil }
        let range = range(index)
        if node.mark { return String(decoding: JSONText.unescaped(bytes[range]), as: UTF8.self) }
        return bytes.withUnsafeBufferPointer {
            String(decoding: UnsafeBufferPointer(rebasing: $0[range]), as: UTF8.self)
        }
    }

    /// Whether a string's text is this.
    func isText(_ index: Int, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
        let node = nodes[index]
        // An escape of one byte has six at most.
        guard Int(node.count) >= name.count, Int(node.count) <= 6 * name.count else { return false }
        if node.mark { return Array(JSONText.unescaped(bytes[range(index)])).elementsEqual(name) }
        guard Int(node.count) == name.count else { return false }
        let start = Int(node.start)
        for offset in 0..<name.count where bytes[start + offset] != name[offset] { return false }
        return true
    }

    /// The value of a key in an object; `nil` where there is none, and of what is no object.
    func member(_ name: String, of object: Int) -> Int? {
        guard nodes[object].kind == .object, !nodes[object].mark else { return nil }
        var name = name
        return name.withUTF8 { name in
            var key = object + 1
            let end = next(object)
            while key < end {
                if isText(key, name) { return key + 1 }
                key = next(key + 1)
            }
            return nil
        }
    }
}

/// Why bytes are not JSON.
enum JSONError: Error, Equatable, CustomStringConvertible {
    /// What was expected, and at which byte.
    case syntax(String, at: Int)
    case tooDeep
    case tooManyValues(Int)
    case duplicateKey(String)

    var description: String {
        switch self {
        case .syntax(let expected, let offset): "not JSON: \(expected) at byte \(offset)"
        case .tooDeep: "nested more than \(JSONParser.maximumDepth) deep"
        case .tooManyValues(let most): "more than \(most) values"
        case .duplicateKey(let key): "key '\(key.prefix(80))' is there twice"
        }
    }
}
