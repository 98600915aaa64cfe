/// Paths as the kernel reads them: bytes between slashes. Swift's characters are not that: a slash with a combining
/// character behind it is one character and no slash, and then `..` before it is no `..`.
package enum PathText {
    private static let slash = UInt8(ascii: "/")

    /// Whether a path is absolute and has neither `.` nor `..` in it.
    /// - Parameter single: whether there may be no empty component either, as in `//` and at the end.
    package static func isPlain(_ path: String, single: Bool = false) -> Bool {
        guard path.utf8.first == slash else { return false }
        return path.utf8.dropFirst().split(separator: slash, omittingEmptySubsequences: false).allSatisfy { part in
            !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8) && !(single && part.isEmpty)
        }
    }

    /// Whether a path is a directory or below it, by name alone.
    package static func isWithin(_ path: String, _ directory: String) -> Bool {
        if directory == "/" { return true }
        guard path.utf8.starts(with: directory.utf8) else { return false }
        let rest = path.utf8.dropFirst(directory.utf8.count)
        return rest.isEmpty || rest.first == slash
    }

    /// A path as /proc/self/mountinfo writes it: spaces, tabs, line ends and backslashes as three octal digits.
    package static func unescaped(_ text: some StringProtocol) -> String {
        let backslash = UInt8(ascii: "\\")
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            guard byte == backslash, digits.count == 3,
                digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) })
            else {
                bytes.append(byte)
                continue
            }
            bytes.append(digits.reduce(0) { $0 << 3 | ($1 - UInt8(ascii: "0")) })
            rest = rest.dropFirst(3)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
