/// JSON whose form is known beforehand: the members come in the order of their keys, so that none has to be put in its
/// place, and nothing is asked of a type at run time.
///
/// Written byte by byte into memory of its own: with each of a result's two hundred pieces an array asks whether it is shared and
/// has room, which was a sixth of what sandboxd does for a run.
struct JSONLine: ~Copyable {
    private var memory: UnsafeMutableBufferPointer<UInt8>
    private(set) var count = 0
    /// Nothing of the innermost object is there yet.
    private var isFirst = true
    /// There was a number that JSON has no word for.
    private(set) var isWrong = false

    /// A run's whole answer fits. Of more than a kilobyte the allocator keeps nothing at hand.
    private static let usualBytes = 1008

    init() { memory = .allocate(capacity: Self.usualBytes) }

    deinit { memory.deallocate() }

    func withBytes<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[..<count]))
    }

    // MARK: - JSON

    /// An object, the whole or a member.
    mutating func object(_ key: StaticString? = nil, _ members: (inout JSONLine) -> Void) {
        if let key { self.key(key) }
        append(UInt8(ascii: "{"))
        isFirst = true
        members(&self)
        append(UInt8(ascii: "}"))
        isFirst = false
    }

    mutating func emptyList(_ key: StaticString) {
        self.key(key)
        append("[]")
    }

    mutating func member(_ key: StaticString, _ text: String) {
        self.key(key)
        append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { appendEscaped($0) }
        append(UInt8(ascii: "\""))
    }

    mutating func member(_ key: StaticString, _ number: Int32?) {
        guard let number else { return }
        self.key(key)
        if number < 0 { append(UInt8(ascii: "-")) }
        append(UInt64(number.magnitude))
    }

    mutating func member(_ key: StaticString, _ number: UInt32) { member(key, UInt64(number)) }

    mutating func member(_ key: StaticString, _ number: UInt64?) {
        guard let number else { return }
        self.key(key)
        append(number)
    }

    mutating func member(_ key: StaticString, _ number: Double?) {
        guard let number else { return }
        self.key(key)
        if appendThousandths(number) { return }
        var text: [UInt8] = []
        if JSONText.append(number, to: &text) { text.withUnsafeBufferPointer { append($0) } } else { isWrong = true }
    }

    mutating func member(_ key: StaticString, _ flag: Bool?) {
        guard let flag else { return }
        self.key(key)
        append(flag ? "true" : "false")
    }

    private mutating func key(_ key: StaticString) {
        let bytes = UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
        reserve(bytes.count + 4)
        if !isFirst { appendReserved(UInt8(ascii: ",")) }
        isFirst = false
        appendReserved(UInt8(ascii: "\""))
        appendReserved(bytes)
        appendReserved(UInt8(ascii: "\""))
        appendReserved(UInt8(ascii: ":"))
    }

    // MARK: - Bytes

    /// What is not JSON but stands between it: a frame's header.
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        reserve(bytes.count)
        appendReserved(bytes)
    }

    /// Leaves room for what is not known yet, `replace`.
    mutating func appendZeros(_ count: Int) {
        reserve(count)
        for _ in 0..<count { appendReserved(0) }
    }

    /// Writes over what is there.
    mutating func replace(at offset: Int, with bytes: UnsafeRawBufferPointer) {
        precondition(offset >= 0 && bytes.count <= count - offset, "what is replaced is there")
        for (index, byte) in bytes.enumerated() { memory[offset + index] = byte }
    }

    /// Takes back all behind a place, and what was wrong of it.
    mutating func cut(to count: Int) {
        precondition(count <= self.count, "what is taken back was there")
        self.count = count
        isWrong = false
    }

    private mutating func append(_ byte: UInt8) {
        reserve(1)
        appendReserved(byte)
    }

    private mutating func append(_ word: StaticString) {
        append(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }

    /// Of a text in its quotes: only what must be is escaped.
    private mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>) {
        guard text.contains(where: JSONText.mustBeEscaped) else { return append(text) }
        var escaped: [UInt8] = []
        JSONText.appendEscaped(text, to: &escaped)
        escaped.withUnsafeBufferPointer { append($0) }
    }

    private mutating func append(_ number: UInt64) {
        // Of 20 digits at most, the last one first; then to where they belong.
        reserve(20)
        let end = count + 20
        var start = end
        var rest = number
        repeat {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            start -= 1
            memory[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
            rest = quotient
        } while rest != 0
        appendReserved(UnsafeBufferPointer(rebasing: memory[start..<end]))
    }

    /// A number of at most three decimals, as times and processors are. What has fifteen digits at most is written as it reads back,
    /// and nothing shorter does. Returns whether it was one.
    private mutating func appendThousandths(_ number: Double) -> Bool {
        guard number >= 0, number < 1e9, number.sign == .plus else { return false }
        let thousandths = UInt64((number * 1000).rounded())
        guard Double(thousandths) / 1000 == number else { return false }
        let (whole, part) = thousandths.quotientAndRemainder(dividingBy: 1000)
        append(whole)
        guard part > 0 else { return true }
        append(UInt8(ascii: "."))
        var rest = part
        var place: UInt64 = 100
        while rest > 0 {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / place))
            (rest, place) = (rest % place, place / 10)
        }
        return true
    }

    /// Checked here, also in release builds: `memory` checks no index there.
    private mutating func appendReserved(_ byte: UInt8) {
        precondition(count < memory.count, "no room was made")
        memory[count] = byte
        count += 1
    }

    private mutating func appendReserved(_ bytes: UnsafeBufferPointer<UInt8>) {
        precondition(bytes.count <= memory.count - count, "no room was made")
        guard let source = bytes.baseAddress, let target = memory.baseAddress else { return }
        (target + count).update(from: source, count: bytes.count)
        count += bytes.count
    }

    private mutating func reserve(_ more: Int) {
        if memory.count - count < more { grow(more) }
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let larger = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(2 * memory.count, count + more))
        if let source = memory.baseAddress { larger.baseAddress?.update(from: source, count: count) }
        memory.deallocate()
        memory = larger
    }
}
