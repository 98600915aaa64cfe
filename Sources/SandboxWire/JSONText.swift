/// The text of JSON strings, in both directions.
enum JSONText {
    /// The value of a hexadecimal digit.
    static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// What a string says whose escapes were found to be right.
    static func unescaped(_ raw: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text: [UInt8] = []
        text.reserveCapacity(raw.count)
        var index = raw.startIndex
        while index < raw.endIndex {
            let byte = raw[index]
            index += 1
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            let escape = raw[index]
            index += 1
            switch escape {
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"): appendScalar(raw, &index, to: &text)
            default: text.append(escape)
            }
        }
        return text[...]
    }

    /// Four digits, and those of the second surrogate behind them where this is a first one.
    private static func appendScalar(_ raw: ArraySlice<UInt8>, _ index: inout Int, to text: inout [UInt8]) {
        var value = codeUnit(raw, index)
        index += 4
        if 0xD800...0xDBFF ~= value {
            value = 0x10000 + (value - 0xD800) << 10 + codeUnit(raw, index + 2) - 0xDC00
            index += 6
        }
        // The parser has let no other surrogate pass.
        text.append(contentsOf: UTF8.encode(Unicode.Scalar(value) ?? "\u{FFFD}") ?? UTF8.encodedReplacementCharacter)
    }

    private static func codeUnit(_ raw: ArraySlice<UInt8>, _ index: Int) -> UInt32 {
        raw[index..<index + 4].reduce(0) { $0 << 4 | UInt32(hexadecimal($1) ?? 0) }
    }

    /// Appends a string in its quotes; only what must be is escaped.
    static func append(_ text: String, to bytes: inout [UInt8]) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { appendEscaped($0, to: &bytes) }
        bytes.append(UInt8(ascii: "\""))
    }

    static func mustBeEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    /// What stands between the quotes.
    static func appendEscaped(_ text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
        var done = 0
        for (index, byte) in text.enumerated() where mustBeEscaped(byte) {
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[done..<index]))
            appendEscaped(byte, to: &bytes)
            done = index + 1
        }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[done...]))
    }

    /// Appends a number, a whole one without a fraction.
    ///
    /// - Returns: whether there is such a number in JSON.
    static func append(_ number: Double, to bytes: inout [UInt8]) -> Bool {
        guard number.isFinite else { return false }
        let text = number.description
        bytes.append(contentsOf: text.hasSuffix(".0") ? text.utf8.dropLast(2) : text.utf8[...])
        return true
    }

    private static func appendEscaped(_ byte: UInt8, to bytes: inout [UInt8]) {
        let letter: UInt8
        switch byte {
        case 0x08: letter = UInt8(ascii: "b")
        case 0x0C: letter = UInt8(ascii: "f")
        case 0x0A: letter = UInt8(ascii: "n")
        case 0x0D: letter = UInt8(ascii: "r")
        case 0x09: letter = UInt8(ascii: "t")
        case 0x20...: letter = byte
        default:
            bytes.append(contentsOf: byte < 0x10 ? Array("\\u000".utf8) : Array("\\u001".utf8))
            return bytes.append(contentsOf: String(byte & 0x0F, radix: 16).utf8)
        }
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(letter)
    }
}
