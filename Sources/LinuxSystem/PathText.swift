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
}
