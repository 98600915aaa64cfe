/// A value of a policy file with its place: what the rest of the module reads, so that only one file knows Yams.
struct SourceNode: Sendable {
    struct Entry: Sendable {
        var key: Located<String>
        var value: SourceNode
    }

    enum Content: Sendable {
        /// The text as written. `plain` when it stood without quotes.
        case scalar(String, plain: Bool)
        case list([SourceNode])
        case map([Entry])
    }

    var content: Content
    var location: SourceLocation

    /// For "expected a list, found ...".
    var kind: String {
        switch content {
        case .scalar(let text, plain: true) where text.isEmpty: "nothing"
        case .scalar: "a single value"
        case .list: "a list"
        case .map: "a mapping"
        }
    }
}
