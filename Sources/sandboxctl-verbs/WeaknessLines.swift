import SandboxModel

/// What `exec --explain` says of a daemon that is not root.
enum WeaknessLines {
    /// A line for each name that the daemon has told; nothing where it keeps all that the policy promises.
    static func text(_ names: [String], accepted: [String]) -> String {
        names.map { name in
            let meaning = Weakness(rawValue: name)?.meaning ?? "not known to this sandboxctl"
            let isAccepted = accepted.contains(name)
            return
                "weaker: \(name): \(meaning); \(isAccepted ? "accepted" : "not accepted, --accept-weaker \(name) would")\n"
        }.joined()
    }
}
