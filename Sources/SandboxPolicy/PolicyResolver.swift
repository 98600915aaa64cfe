/// Merges every file with its parents, once each, and checks what only the merged policy can show.
struct PolicyResolver {
    /// Parents above one policy. Deeper chains are not understood by the people who have to.
    static let maximumParents = 8

    private let files: [String: PolicyFile]
    /// Policies whose files could not be read at all: their children's problems are not to be known.
    private let illegible: Set<String>
    private var resolved: [String: Merged?] = [:]
    private(set) var problems: [PolicyDiagnostic] = []

    mutating func report(_ problem: PolicyDiagnostic) { problems.append(problem) }

    /// A policy with everything that it inherits.
    struct Merged {
        var description: String?
        var settings: [PolicyKey: Located<Setting>] = [:]
        var finals: [PolicyKey: SourceLocation] = [:]
        /// Keys of which a file above says something that could not be read.
        var unread: Set<PolicyKey> = []
    }

    init(files: [String: PolicyFile], illegible: Set<String> = []) {
        self.files = files
        self.illegible = illegible
    }

    /// All policies that could be merged; they are complete where there are no problems.
    mutating func resolve() -> [String: Policy] {
        var policies: [String: Policy] = [:]
        for name in files.keys.sorted() {
            guard let file = files[name], let merged = merge(file, below: []) else { continue }
            policies[name] = Policy(file, merged: merged)
        }
        return policies
    }

    /// - Parameter children: the names on the way down to the policy that is asked for; they find cycles.
    private mutating func merge(_ file: PolicyFile, below children: [String]) -> Merged? {
        if let known = resolved[file.name] { return known }
        // Entered first: whoever comes here again by a cycle meets "failed" and adds no second diagnostic.
        resolved[file.name] = .some(nil)
        guard file.isLegible else { return nil }
        var merged = Merged()
        var above = Merged()
        if let parent = file.parent {
            guard let inherited = self.parent(parent, of: file, below: children + [file.name]) else { return nil }
            merged = inherited
            above = inherited
            checkFinals(of: file, against: inherited)
        }
        merged.description = file.description
        for (key, setting) in file.settings {
            merged.settings[key] = Self.merge(setting, over: merged.settings[key], for: key)
            merged.unread.remove(key)
        }
        merged.unread.formUnion(file.unread)
        merged.finals.merge(file.finals) { inherited, _ in inherited }
        settleContainer(&merged, of: file, below: above)
        check(merged, of: file)
        resolved[file.name] = merged
        return merged
    }

    private mutating func parent(_ parent: Located<String>, of file: PolicyFile, below children: [String]) -> Merged? {
        let name = parent.value
        if let start = children.firstIndex(of: name) {
            let way = children[start...].joined(separator: ", ")
            let message =
                name == file.name
                ? "'extends': a policy cannot extend itself"
                : "'extends': '\(name)' extends '\(file.name)' itself, by way of \(way)"
            problems.append(file.source.diagnostic(parent.location, message))
            return nil
        }
        if illegible.contains(name) { return nil }
        guard let parentFile = files[name] else {
            let near = Spelling.nearest(to: name, among: files.keys.sorted())
            let message = "'extends': there is no policy '\(name.prefix(64))'"
            problems.append(file.source.diagnostic(parent.location, message, suggestion: near))
            return nil
        }
        guard depth(of: file) <= Self.maximumParents else {
            let message = "'extends': more than \(Self.maximumParents) parents above one another"
            problems.append(file.source.diagnostic(parent.location, message))
            return nil
        }
        return merge(parentFile, below: children)
    }

    /// How many parents are above a file; 0 in a cycle, which is reported as one.
    private func depth(of file: PolicyFile) -> Int {
        var seen: Set<String> = [file.name]
        var current = file
        while let parent = current.parent, let next = files[parent.value] {
            guard seen.insert(next.name).inserted else { return 0 }
            current = next
        }
        return seen.count - 1
    }

    /// A child's value replaces its parent's, lists too; but variables are merged one by one, and the rules of
    /// `commands.deny` add to the parent's: a child cannot take one away, only say another reason for it.
    private static func merge(
        _ child: Located<Setting>, over parent: Located<Setting>?, for key: PolicyKey
    ) -> Located<Setting> {
        switch (child.value, parent?.value) {
        case (.variables(let new), .variables(let old)?):
            let both = old.merging(new) { _, replaced in replaced }
            return Located(value: .variables(both), location: child.location)
        case (.rules(let new), .rules(let old)?) where key == .deny:
            let kept = old.filter { rule in !new.contains { $0.matchesSame(as: rule) } }
            return Located(value: .rules(new + kept), location: child.location)
        default:
            return child
        }
    }
}
