/// The text of a `JSONWriter`.
///
/// The bytes grow in one array, where a value's own lie behind those of what came before. An object's members come in the
/// order in which its type writes them, and are put in theirs when it ends.
struct JSONOutput {
    private(set) var bytes: [UInt8] = []
    /// Lists and objects that have begun, outermost first.
    private var open: [Open] = []
    /// Where the members of all open objects begin, those of the innermost last.
    private var members: [Int] = []

    private struct Open {
        var isObject: Bool
        /// Of a list: behind its bracket.
        var start: Int
        /// How many members there were when it began; of a list: how many elements it has.
        var count: Int
    }

    init() {
        bytes.reserveCapacity(1024)
        open.reserveCapacity(8)
        members.reserveCapacity(64)
    }

    var depth: Int { open.count }

    // MARK: - Lists and objects

    /// Begins one. A value that asks for its container a second time gets the same.
    mutating func begin(isObject: Bool, at level: Int) {
        guard open.count <= level else { return }
        if !isObject { bytes.append(UInt8(ascii: "[")) }
        open.append(Open(isObject: isObject, start: bytes.count, count: isObject ? members.count : 0))
    }

    /// A member's value follows.
    mutating func key(_ name: String, in level: Int) {
        close(to: level + 1)
        members.append(bytes.count)
        string(name)
        bytes.append(UInt8(ascii: ":"))
    }

    /// An element follows.
    mutating func element(in level: Int) {
        close(to: level + 1)
        if open[level].count > 0 { bytes.append(UInt8(ascii: ",")) }
        open[level].count += 1
    }

    func count(in level: Int) -> Int { open[level].count }

    /// Ends what was begun inside.
    mutating func close(to level: Int) {
        while open.count > level {
            let last = open.removeLast()
            if last.isObject { sort(last) } else { bytes.append(UInt8(ascii: "]")) }
        }
    }

    /// Where a member stands. (Of ranges the runtime would first have to find out that they can be.)
    private struct Part {
        var start: Int
        var end: Int
        var count: Int { end - start }
    }

    private mutating func sort(_ object: Open) {
        var parts: [Part] = []
        parts.reserveCapacity(members.count - object.count)
        for index in object.count..<members.count {
            let end = index + 1 < members.count ? members[index + 1] : bytes.count
            parts.append(Part(start: members[index], end: end))
        }
        members.removeSubrange(object.count...)
        parts.sort { precedes($0, $1) }
        var sorted: [UInt8] = []
        sorted.reserveCapacity(bytes.count - object.start + parts.count + 2)
        sorted.append(UInt8(ascii: "{"))
        for (index, part) in parts.enumerated() {
            if index > 0 { sorted.append(UInt8(ascii: ",")) }
            sorted.append(contentsOf: bytes[part.start..<part.end])
        }
        sorted.append(UInt8(ascii: "}"))
        bytes.replaceSubrange(object.start..., with: sorted)
    }

    /// Keys are compared with their quotes: the one at the end is less than what names consist of.
    private func precedes(_ one: Part, _ other: Part) -> Bool {
        let length = min(one.count, other.count)
        for offset in 0..<length {
            let (left, right) = (bytes[one.start + offset], bytes[other.start + offset])
            if left != right { return left < right }
        }
        return one.count < other.count
    }

    // MARK: - Scalars

    mutating func string(_ text: String) { JSONText.append(text, to: &bytes) }
    mutating func null() { bytes.append(contentsOf: "null".utf8) }
    mutating func bool(_ value: Bool) { bytes.append(contentsOf: value ? "true".utf8 : "false".utf8) }
    mutating func integer(_ value: some FixedWidthInteger) { bytes.append(contentsOf: String(value).utf8) }

    mutating func double(_ value: Double) throws {
        guard JSONText.append(value, to: &bytes) else {
            throw EncodingError.invalidValue(value, .init(codingPath: [], debugDescription: "no number of JSON"))
        }
    }
}
