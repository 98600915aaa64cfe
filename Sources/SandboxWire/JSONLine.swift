/// JSON whose form is known beforehand: the members come in the order of their keys, so that none has to be put in its
/// place, and nothing is asked of a type at run time.
struct JSONLine {
    private(set) var bytes: [UInt8] = []
    /// Nothing of the innermost object is there yet.
    private var isFirst = true
    /// There was a number that JSON has no word for.
    private(set) var isWrong = false

    init() { bytes.reserveCapacity(1024) }

    /// An object, the whole or a member.
    mutating func object(_ key: StaticString? = nil, _ members: (inout JSONLine) -> Void) {
        if let key { self.key(key) }
        bytes.append(UInt8(ascii: "{"))
        isFirst = true
        members(&self)
        bytes.append(UInt8(ascii: "}"))
        isFirst = false
    }

    mutating func emptyList(_ key: StaticString) {
        self.key(key)
        bytes.append(UInt8(ascii: "["))
        bytes.append(UInt8(ascii: "]"))
    }

    mutating func member(_ key: StaticString, _ text: String) {
        self.key(key)
        JSONText.append(text, to: &bytes)
    }

    mutating func member(_ key: StaticString, _ number: (some FixedWidthInteger)?) {
        guard let number else { return }
        self.key(key)
        append(number)
    }

    mutating func member(_ key: StaticString, _ number: Double?) {
        guard let number else { return }
        self.key(key)
        if !JSONText.append(number, to: &bytes) { isWrong = true }
    }

    mutating func member(_ key: StaticString, _ flag: Bool?) {
        guard let flag else { return }
        self.key(key)
        bytes.append(contentsOf: flag ? "true".utf8 : "false".utf8)
    }

    private mutating func key(_ key: StaticString) {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        var rest = number.magnitude
        repeat {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit))
            rest = quotient
        } while rest != 0
        bytes[start...].reverse()
    }
}
