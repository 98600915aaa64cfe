extension Policy {
    /// The entry of `commands.execute` that lets a path be executed, `nil` where none does. Both are compared as spelt
    /// and, on a known host, by the file that they lead to: the kernel enforces files, not names.
    func listing(_ path: String, on host: HostView) -> Located<String>? {
        let entries = items(.programs)
        if let entry = entries.first(where: { PolicyPath.isListed(path, by: $0.value) }) { return entry }
        guard let file = host.resolve(path) else { return nil }
        return entries.first { entry in
            let isDirectory = entry.value.hasSuffix("/")
            guard let target = host.resolve(isDirectory ? String(entry.value.dropLast()) : entry.value) else {
                return false
            }
            return PolicyPath.isListed(file, by: isDirectory ? target + "/" : target)
        }
    }

    /// What `commands.execute` says about executing a path; `nil` where there is no such list.
    func explainListing(_ path: String, on host: HostView) -> Explanation? {
        guard let list = settings[.programs] else { return nil }
        let shown = Subject.describe([path])
        if let entry = listing(path, on: host) {
            let text = "\(shown) can be executed (\(entry.location)): commands.execute lists \(entry.value)"
            return Explanation(allowed: true, rule: entry.location, text: text)
        }
        let text = "\(shown) cannot be executed (\(list.location)): \(executableAdvice)"
        return Explanation(allowed: false, rule: list.location, text: text)
    }

    private var executableAdvice: String {
        let entries = strings(.programs)
        if entries.isEmpty { return "commands.execute lists no program; ask for another policy" }
        let shown = entries.prefix(12).joined(separator: ", ")
        return "commands.execute lists only \(shown)\(entries.count > 12 ? " and others" : ""); use one of these"
    }

    /// Why the kernel will not execute a command that the rules let through: its program is not in `commands.execute`.
    /// `nil` where it is, where there is no list, and where it is not known which file is meant.
    func explainProgram(of argv: [String], on host: HostView) -> Explanation? {
        guard settings[.programs] != nil, let program = argv.first, !program.isEmpty else { return nil }
        var candidates: [String]
        if program.hasPrefix("/") {
            candidates = [program]
        } else if program.contains("/") {
            return explain(path: program, access: .execute, on: host)
        } else {
            let path = variables["PATH"]?.value ?? "/usr/local/bin:/usr/bin:/bin"
            candidates = path.split(separator: ":").map { "\($0)/\(program)" }.filter(host.exists)
            // As the search in the sandbox does: the first that is there.
            if let first = candidates.first { candidates = [first] }
        }
        guard let file = candidates.first else { return nil }
        return explainListing(PolicyPath.normalised(file), on: host)
    }
}
