/// Merges every file with its parents, once each, and checks what only the merged policy can show.
struct PolicyResolver {
    /// Parents above one policy. Deeper chains are not understood by the people who have to.
    static let maximumParents = 8

    private let files: [String: PolicyFile]
    private var resolved: [String: Merged?] = [:]
    private(set) var problems: [PolicyDiagnostic] = []

    /// A policy with everything that it inherits.
    struct Merged {
        var description: String?
        var settings: [PolicyKey: Located<Setting>] = [:]
        var finals: [PolicyKey: SourceLocation] = [:]
    }

    init(files: [String: PolicyFile]) {
        self.files = files
    }

    /// All policies, or the problems of all of them.
    mutating func resolve() throws(PolicyErrors) -> [String: Policy] {
        var policies: [String: Policy] = [:]
        for name in files.keys.sorted() {
            guard let file = files[name], let merged = merge(file, below: []) else { continue }
            policies[name] = Policy(name: name, file: file.source.file, merged: merged)
        }
        guard problems.isEmpty else { throw PolicyErrors(diagnostics: problems) }
        return policies
    }

    /// - Parameter children: the names on the way down to the policy that is asked for; they find cycles.
    private mutating func merge(_ file: PolicyFile, below children: [String]) -> Merged? {
        if let known = resolved[file.name] { return known }
        // Entered first: whoever comes here again by a cycle meets "failed" and adds no second diagnostic.
        resolved[file.name] = .some(nil)
        var merged = Merged()
        if let parent = file.parent {
            guard let inherited = self.parent(parent, of: file, below: children + [file.name]) else { return nil }
            merged = inherited
            checkFinals(of: file, against: inherited)
        }
        merged.description = file.description
        for (key, setting) in file.settings {
            merged.settings[key] = Self.merge(setting, over: merged.settings[key])
        }
        merged.finals.merge(file.finals) { inherited, _ in inherited }
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

    /// A child's value replaces its parent's, lists too; only variables are merged one by one.
    private static func merge(_ child: Located<Setting>, over parent: Located<Setting>?) -> Located<Setting> {
        guard case .variables(let new) = child.value, case .variables(let old)? = parent?.value else { return child }
        let both = old.merging(new) { _, replaced in replaced }
        return Located(value: .variables(both), location: child.location)
    }
}

// MARK: - Checks

extension PolicyResolver {
    private mutating func checkFinals(of file: PolicyFile, against inherited: Merged) {
        for (key, final) in inherited.finals.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard let own = file.settings[key] else { continue }
            let parent = inherited.settings[key]
            guard let problem = Narrowing.problem(key, child: own.value, parent: parent?.value) else { continue }
            let place = parent.map { ", its value is from \($0.location)" } ?? ""
            let message = "'\(key.rawValue)' may only be narrowed: \(problem) (final in \(final)\(place))"
            problems.append(file.source.diagnostic(own.location, message))
        }
    }

    private mutating func check(_ merged: Merged, of file: PolicyFile) {
        let missing = PolicyKey.required.filter { merged.settings[$0] == nil }.map { "'\($0.rawValue)'" }
        if !missing.isEmpty {
            let message = "\(missing.joined(separator: ", ")) missing: a policy sets every limit or inherits it"
            problems.append(file.source.diagnostic(file.limitsLocation, message))
        }
        let read = merged.settings[.read]?.value.strings ?? []
        // A parent's `hide` that the child's shorter `read` leaves without a meaning is no mistake of the child.
        if case .list(let hidden)? = file.settings[.hide]?.value {
            for path in hidden where !read.contains(where: { PolicyPath.isBelow(path.value, $0) }) {
                let message = "'filesystem.hide': '\(path.value)' is not below a path of 'filesystem.read'"
                problems.append(file.source.diagnostic(path.location, message))
            }
        }
        let denied = merged.settings[.syscallsDeny]?.value.strings ?? []
        if case .list(let allowed)? = merged.settings[.syscallsAllow]?.value {
            for name in allowed where denied.contains(name.value) {
                let message =
                    "'\(name.value)' is both in 'syscalls.allow' and in 'syscalls.deny' of policy \(file.name)"
                problems.append(file.source.diagnostic(name.location, message))
            }
        }
    }
}
