/// A pattern in which `*` stands for any number of characters, none included. There is no escape and no other wildcard.
///
/// Matching compares bytes, never calls itself and takes at most pattern times text steps: both come from others.
struct Glob: Sendable, Hashable {
    let pattern: String

    init(_ pattern: String) {
        self.pattern = pattern
    }

    var isLiteral: Bool { !pattern.utf8.contains(UInt8(ascii: "*")) }

    /// - Parameter crossingSlashes: whether `*` matches `/` too. It must not where the text is a path to be trusted.
    func matches(_ text: String, crossingSlashes: Bool = true) -> Bool {
        let pattern = Array(self.pattern.utf8)
        let text = Array(text.utf8)
        let star = UInt8(ascii: "*")
        var p = 0
        var t = 0
        var retry: (pattern: Int, text: Int)?
        while t < text.count {
            if p < pattern.count, pattern[p] == star {
                retry = (p + 1, t)
                p += 1
            } else if p < pattern.count, pattern[p] == text[t] {
                p += 1
                t += 1
            } else if let back = retry, crossingSlashes || text[back.text] != UInt8(ascii: "/") {
                // The last `*` takes one character more.
                retry = (back.pattern, back.text + 1)
                p = back.pattern
                t = back.text + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == star }
    }
}
