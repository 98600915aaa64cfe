extension JSONParser {
    // MARK: - Strings

    /// Goes to the quote that ends a string. Returns whether there is an escape before it.
    mutating func skipText() throws(JSONError) -> Bool {
        var hasEscapes = false
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""): return hasEscapes
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try skipEscape()
            case 0..<0x20: throw error("no control character in a string")
            case 0x80...: try skipCharacter()
            default: position += 1
            }
        }
        throw error("the end of a string")
    }

    private mutating func skipEscape() throws(JSONError) {
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"): try skipCodeUnits()
        default: throw error("an escape of JSON")
        }
    }

    /// `\u` and four digits; of a character beyond U+FFFF two of them, each no use without the other.
    private mutating func skipCodeUnits() throws(JSONError) {
        let unit = try codeUnit()
        guard 0xD800...0xDFFF ~= unit else { return }
        guard unit < 0xDC00, byte == UInt8(ascii: "\\") else { throw error("two surrogates") }
        position += 1
        guard byte == UInt8(ascii: "u"), 0xDC00...0xDFFF ~= (try codeUnit()) else { throw error("two surrogates") }
    }

    private mutating func codeUnit() throws(JSONError) -> UInt16 {
        position += 1
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = JSONText.hexadecimal(byte) else { throw error("four hexadecimal digits") }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }

    /// A character of more than one byte, as table 3-7 of the Unicode Standard has them.
    private mutating func skipCharacter() throws(JSONError) {
        let second: ClosedRange<UInt8>
        let length: Int
        switch bytes[position] {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw error("UTF-8")
        }
        guard position + length <= bytes.count, second ~= bytes[position + 1] else { throw error("UTF-8") }
        for offset in 2..<max(2, length) where bytes[position + offset] & 0xC0 != 0x80 { throw error("UTF-8") }
        position += length
    }

    // MARK: - Numbers

    /// Goes behind a number. Returns whether it has neither fraction nor exponent.
    mutating func skipNumber() throws(JSONError) -> Bool {
        if byte == UInt8(ascii: "-") { position += 1 }
        // No digit follows a leading zero.
        if byte == UInt8(ascii: "0") { position += 1 } else { try skipDigits() }
        var isWhole = true
        if byte == UInt8(ascii: ".") {
            position += 1
            try skipDigits()
            isWhole = false
        }
        if byte | 0x20 == UInt8(ascii: "e") {
            position += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { position += 1 }
            try skipDigits()
            isWhole = false
        }
        return isWhole
    }

    private mutating func skipDigits() throws(JSONError) {
        let start = position
        while position < bytes.count, UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[position] { position += 1 }
        guard position > start else { throw error("a digit") }
    }
}
