/// Users and groups as `tenants` names them: by name, or by number.
enum AccountName {
    /// Why a text is neither, or `nil` when it is one. What `useradd` accepts, and a bound.
    static func problem(of text: String) -> String? {
        let shown = "'\(text.prefix(80))'"
        if let first = text.utf8.first, isDigit(first) {
            if number(text) != nil { return nil }
            return "\(shown) is neither a name nor a number below 4294967295"
        }
        let valid = text.utf8.allSatisfy { byte in
            isDigit(byte) || VariableName.isLowerCase(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || [UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "$"), UInt8(ascii: "@")].contains(byte)
        }
        guard valid, !text.isEmpty, !text.hasPrefix("-"), text.utf8.count <= 64 else {
            return "\(shown) is not the name of a user or a group"
        }
        return nil
    }

    /// The number that a text is; `-1` stands for "none" in the kernel and is nobody's.
    static func number(_ text: String) -> UInt32? {
        guard text.utf8.allSatisfy(isDigit), let number = UInt32(text), number != .max else { return nil }
        return number
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
