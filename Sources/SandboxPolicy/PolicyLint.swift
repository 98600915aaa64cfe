import SeccompFilter

/// What a policy says that is allowed and hardly meant: warnings, for people at a desk.
package struct PolicyLint {
    private let set: PolicySet
    let policy: Policy
    let file: PolicyFile
    private let host: HostView
    private var warnings: [PolicyDiagnostic] = []

    /// Warnings about what the files of these policies say themselves, in the order of each file.
    package static func warnings(in set: PolicySet, of names: [String], on host: HostView) -> [PolicyDiagnostic] {
        names.flatMap { name in
            guard let policy = set[name], let file = set.files[name] else { return [PolicyDiagnostic]() }
            var lint = PolicyLint(set: set, policy: policy, file: file, host: host)
            lint.checkPaths()
            lint.checkShown()
            lint.checkRules()
            lint.checkPrograms()
            lint.checkLimits()
            lint.checkWorkspace()
            lint.checkSystemCalls()
            lint.checkTenants()
            lint.checkContainer()
            return lint.warnings.sorted {
                ($0.location.line, $0.location.column) < ($1.location.line, $1.location.column)
            }
        }
    }

    private init(set: PolicySet, policy: Policy, file: PolicyFile, host: HostView) {
        self.set = set
        self.policy = policy
        self.file = file
        self.host = host
    }

    mutating func warn(_ place: SourceLocation, _ message: String) {
        warnings.append(file.source.diagnostic(place, message, severity: .warning))
    }

    /// Entries of a list that stands in this file.
    private func own(_ key: PolicyKey) -> [Located<String>] {
        if case .list(let items)? = file.settings[key]?.value { items } else { [] }
    }

    private func ownRules(_ key: PolicyKey) -> [CommandRule] {
        if case .rules(let rules)? = file.settings[key]?.value { rules } else { [] }
    }
}

// MARK: - Files and programs

extension PolicyLint {
    private mutating func checkPaths() {
        for path in own(.read) where !host.exists(path.value) {
            warn(path.location, "'filesystem.read': this host has no '\(path.value)'; it is skipped")
        }
        for path in own(.hide) where !host.exists(path.value) {
            warn(path.location, "'filesystem.hide': this host has no '\(path.value)'; there is nothing to hide")
        }
        for path in own(.programs) { checkProgram(path) }
        for path in own(.libraries) where !host.exists(path.value) {
            warn(path.location, "'commands.libraries': this host has no '\(path.value)'")
        }
        for path in own(.roots) where path.value != "~" && !host.exists(path.value) {
            warn(path.location, "'workspace.roots': this host has no '\(path.value)'")
        }
        for key in [PolicyKey.read, .roots, .programs, .libraries] { checkCovered(own(key), key) }
    }

    /// `commands.allow` takes what is shown of the host for the host's own programs (`Policy.isOfHost`).
    private mutating func checkShown() {
        guard policy.word(.mode) == "write", policy.settings[.allow] != nil else { return }
        for path in own(.read) {
            let shown = policy.strings(.roots).first {
                let root = $0 == "~" ? "/home" : $0
                // Either may hold the other; `/` stands for what is no system directory.
                return PolicyPath.isAtOrBelow(root, path.value) || root != "/" && PolicyPath.isBelow(path.value, root)
            }
            guard let shown else { continue }
            warn(
                path.location,
                "'filesystem.read': '\(path.value)' holds workspaces of '\(shown)' or lies in one, and 'commands.allow' takes programs "
                    + "that are written there for the host's")
        }
    }

    /// What keeps sandboxd from serving the policy on this host, or the program from being executed.
    private mutating func checkProgram(_ path: Located<String>) {
        let isDirectory = path.value.hasSuffix("/")
        let plain = isDirectory ? String(path.value.dropLast()) : path.value
        guard host.exists(plain) else {
            return warn(path.location, "'commands.execute': this host has no '\(path.value)'")
        }
        if host.isDirectory(plain) != isDirectory {
            let kind = isDirectory ? "no directory" : "a directory; write '\(path.value)/'"
            warn(path.location, "'commands.execute': on this host '\(plain)' is \(kind)")
        }
        if let file = host.resolve(plain),
            !policy.strings(.read).contains(where: { PolicyPath.isAtOrBelow(file, host.resolve($0) ?? $0) })
        {
            warn(
                path.location,
                "'commands.execute': on this host '\(plain)' leads to '\(file)', which is not below a path of "
                    + "'filesystem.read'")
        }
    }

    private mutating func checkCovered(_ paths: [Located<String>], _ key: PolicyKey) {
        for path in paths {
            let cover = paths.first { other in
                guard other.location != path.location else { return false }
                if key == .programs { return PolicyPath.isListed(path.value, by: other.value) }
                return PolicyPath.isBelow(path.value, other.value)
            }
            if let cover { warn(path.location, "'\(key.rawValue)': '\(path.value)' is in '\(cover.value)' already") }
        }
    }

    /// What runs any other program by its text or its arguments.
    private static let interpreters: Set<String> = [
        "awk", "bash", "dash", "gawk", "ksh", "lua", "node", "perl", "php", "python", "python3", "ruby", "sh", "tclsh",
        "zsh",
    ]

    private static func startsAny(_ name: String) -> Bool {
        interpreters.contains(name) || WrapperTable.named(name) != nil
    }

    private mutating func checkPrograms() {
        let listed = ownRules(.allow).filter { rule in
            Self.startsAny(PolicyPath.lastComponent(rule.program.pattern))
        }
        guard policy.settings[.programs] == nil else { return }
        for rule in listed {
            let advice =
                policy.usesImage
                ? "what the image has is what it can start" : "to hold it to a list, say which with 'commands.execute'"
            warn(
                rule.location, "'commands.allow': '\(rule.program.pattern)' can start any other program; \(advice)")
        }
    }

    private mutating func checkTenants() {
        for unknown in policy.unknownTenants(host.accounts) where unknown.location.file == file.source.file {
            warn(unknown.location, unknown.value)
        }
    }
}

// MARK: - Rules

extension PolicyLint {
    private mutating func checkRules() {
        let deny = policy.rules(.deny) ?? []
        for rule in ownRules(.deny) {
            guard let index = deny.firstIndex(of: rule) else { continue }
            if let cover = deny[..<index].first(where: { $0.covers(rule) }) {
                warn(rule.location, "this rule never decides: \(cover.location) matches all that it matches")
            }
        }
        let allow = ownRules(.allow)
        for (index, rule) in allow.enumerated() {
            if let cover = deny.first(where: { $0.covers(rule) }) {
                warn(
                    rule.location,
                    "this rule allows nothing: commands.deny (\(cover.location)) matches all that it matches")
            } else if let cover = allow[..<index].first(where: { $0.covers(rule) && allows($0, pathOf: rule) }) {
                warn(rule.location, "this rule adds nothing: \(cover.location) matches all that it matches")
            }
        }
    }
}

extension PolicyLint {
    /// A name in `allow` is that of a program of the host's, and a path may be any.
    private func allows(_ cover: CommandRule, pathOf rule: CommandRule) -> Bool {
        !rule.isPath || cover.isPath || cover.program.pattern == "*" || policy.isOfHost(rule.program.pattern)
    }
}

extension Glob {
    /// Whether this matches everything that `other` matches. May say no where it does.
    func covers(_ other: Glob, crossingSlashes: Bool = true) -> Bool {
        // The other's `*` can only be matched by one of this pattern's.
        self == other || matches(other.pattern, crossingSlashes: crossingSlashes)
    }
}

extension CommandRule {
    /// Whether this matches every command that `other` matches. May say no where it does.
    func covers(_ other: CommandRule) -> Bool {
        if check != nil || other.check != nil { return check == other.check }
        guard coversProgram(of: other) else { return false }
        return arguments.allSatisfy { mine in other.arguments.contains { mine.covers($0) } }
    }

    private func coversProgram(of other: CommandRule) -> Bool {
        let isPath = program.pattern.hasPrefix("/")
        guard other.program.pattern.hasPrefix("/") else { return !isPath && program.covers(other.program) }
        if isPath { return program.covers(other.program, crossingSlashes: false) }
        let name = PolicyPath.lastComponent(other.program.pattern)
        return program.covers(Glob(name))
    }
}

// MARK: - The rest

extension PolicyLint {
    private mutating func checkWorkspace() {
        let mode = policy.word(.mode)
        if mode == "write", let root = own(.roots).first(where: { $0.value == "/" }) {
            warn(root.location, "'workspace.roots': with '/' a run may change any directory that its caller may write")
        }
        let hasRoots = !policy.strings(.roots).isEmpty
        if mode != "none", !hasRoots, let place = (file.settings[.mode] ?? file.settings[.roots])?.location {
            warn(place, "'workspace.mode' is \(mode), and no workspace can be asked for: 'workspace.roots' is empty")
        }
        if mode == "none", hasRoots, let place = (file.settings[.roots] ?? file.settings[.mode])?.location {
            warn(place, "'workspace.roots' means nothing: 'workspace.mode' is none")
        }
        // With mode none too there is a workspace: an empty one in memory.
        for key in [PolicyKey.workspaceSize, .workspaceInodes] where mode == "read" {
            guard let own = file.settings[key] else { continue }
            warn(own.location, "'\(key.rawValue)' means nothing: 'workspace.mode' is read")
        }
        let sized = [PolicyKey.workspaceSize, .workspaceInodes].filter { file.settings[$0] != nil }
        if sizesDirectories, let first = sized.first, let place = file.settings[first]?.location {
            let names = sized.map { "'\($0.rawValue)'" }.joined(separator: " and ")
            warn(place, "\(names): a directory of the host needs a project quota of at most this, or the run fails")
        }
    }

    /// Whether the workspace's size is also that of directories of the host, which runs may bring and write to.
    var sizesDirectories: Bool { policy.word(.mode) == "write" && !policy.strings(.roots).isEmpty }

    /// What the loader of any program, or sandboxd's probe of the policy, makes.
    private static let neededByAll = ["read", "write", "openat", "mmap", "exit_group"]

    private mutating func checkSystemCalls() {
        let parent = SystemCallRules([:])
        for entry in own(.syscallsAllow) where parent.isOpen(entry.value) && policy.strings(.syscallsDeny).isEmpty {
            warn(entry.location, "'syscalls.allow': '\(entry.value)' is allowed without it")
        }
        for entry in own(.syscallsDeny) where parent.isClosed(entry.value) {
            warn(entry.location, "'syscalls.deny': '\(entry.value)' is refused without it")
        }
        for entry in own(.syscallsDeny) {
            let calls = SystemCallCatalog.group(named: entry.value)?.calls ?? [entry.value]
            guard let needed = Self.neededByAll.first(where: calls.contains) else { continue }
            warn(entry.location, "'syscalls.deny': without '\(needed)' no program starts (\(entry.value))")
        }
    }
}
