/// How a policy is called after its file.
package enum PolicyFileName {
    /// Endings of policy files.
    package static let endings = [".yaml", ".yml"]

    /// The file's base name without the ending.
    package static func policy(of path: String) -> String {
        let base = path.split(separator: "/").last.map(String.init) ?? path
        for ending in endings where base.hasSuffix(ending) { return String(base.dropLast(ending.count)) }
        return base
    }
}
