/// All policies of a service: the built-in ones and the operator's.
package struct PolicySet: Sendable {
    let files: [String: PolicyFile]
    private let policies: [String: Policy]

    /// The policies that are compiled in, so that a first run needs no installation.
    package static func builtIn() throws(PolicyErrors) -> PolicySet {
        let none = PolicySet(files: [:], policies: [:])
        return try check(builtInFiles.map { PolicyInput(builtIn: $0.name, contents: $0.contents) }, over: none).get()
    }

    private static var builtInFiles: [(name: String, contents: [UInt8])] {
        [
            ("build", PackageResources.build_yaml), ("default", PackageResources.default_yaml),
            ("deny-all", PackageResources.deny_all_yaml), ("python", PackageResources.python_yaml),
            ("python-only", PackageResources.python_only_yaml), ("readonly", PackageResources.readonly_yaml),
            ("shell", PackageResources.shell_yaml),
        ]
    }

    /// Adds files to `base`; one with a known name takes its place, also as the parent of others.
    ///
    /// All or nothing: with one bad file there is no set at all, because a policy that is silently absent lets a request
    /// fall back on another one.
    package static func load(_ inputs: [PolicyInput], over base: PolicySet) throws(PolicyErrors) -> PolicySet {
        try check(inputs, over: base).get()
    }

    /// The same, for files that have no path.
    /// - Parameter files: base names without `.yaml`, and what is in them.
    package static func load(
        files: [(name: String, contents: [UInt8])], over base: PolicySet
    ) throws(PolicyErrors) -> PolicySet {
        try load(files.map { PolicyInput(name: $0.name, contents: $0.contents) }, over: base)
    }

    /// What `load` gives, with every problem of every file: those of single values and those that only merging shows,
    /// as far as the readable parts of broken files let them be seen.
    package static func check(_ inputs: [PolicyInput], over base: PolicySet) -> Result<PolicySet, PolicyErrors> {
        assemble(inputs.map(Reading.init), over: base)
    }

    /// One policy with those that it builds on, read from `inputs` and the built-in ones without a look at any other. `nil`
    /// where it is not there, or something is wrong in what was read.
    package static func alone(_ name: String, of inputs: [PolicyInput]) -> PolicySet? {
        var readings: [Reading] = []
        var wanted: String? = name
        while let next = wanted, !readings.contains(where: { $0.input.name == next }) {
            var found = inputs.filter { $0.name == next }
            if found.isEmpty {
                found = builtInFiles.filter { $0.name == next }.map {
                    PolicyInput(builtIn: $0.name, contents: $0.contents)
                }
            }
            readings += found.map(Reading.init)
            wanted = readings.last?.file?.parent?.value
            if found.isEmpty { return nil }
        }
        let none = PolicySet(files: [:], policies: [:])
        guard case .success(let all) = assemble(readings, over: none), all[name] != nil else { return nil }
        return all.narrowed(to: name)
    }

    private struct Reading {
        let input: PolicyInput
        let file: PolicyFile?
        let problems: [PolicyDiagnostic]

        init(_ input: PolicyInput) {
            self.input = input
            (file, problems) = PolicyFile.read(input)
        }
    }

    private static func assemble(_ readings: [Reading], over base: PolicySet) -> Result<PolicySet, PolicyErrors> {
        var all = base.files
        var own: Set<String> = []
        var problems: [PolicyDiagnostic] = []
        for reading in readings {
            let input = reading.input
            let file = reading.file
            problems += reading.problems
            guard let file else {
                all[input.name] = nil
                own.insert(input.name)
                continue
            }
            if !own.insert(input.name).inserted {
                problems.append(file.source.diagnostic(1, 1, "there are two files for the policy '\(input.name)'"))
            }
            all[input.name] = file
        }
        var resolver = PolicyResolver(files: all, illegible: own.filter { all[$0] == nil })
        let resolved = resolver.resolve()
        problems += resolver.problems
        guard problems.isEmpty else {
            return .failure(PolicyErrors(diagnostics: sorted(problems, as: readings.map(\.input))))
        }
        return .success(PolicySet(files: all, policies: resolved))
    }

    /// File by file, and in a file as it is read.
    private static func sorted(_ problems: [PolicyDiagnostic], as inputs: [PolicyInput]) -> [PolicyDiagnostic] {
        let places = inputs.map { $0.path ?? "\($0.name.prefix(100)).yaml" }
        func key(_ problem: PolicyDiagnostic) -> (Int, Int, Int) {
            let file = places.firstIndex(of: problem.path ?? problem.location.file) ?? .max
            return (file, problem.location.line, problem.location.column)
        }
        return problems.sorted { key($0) < key($1) }
    }

    /// The set without all policies but one, if that is in it.
    package func narrowed(to name: String) -> PolicySet {
        guard let policy = policies[name] else { return self }
        return PolicySet(files: files, policies: [name: policy])
    }

    package subscript(name: String) -> Policy? { policies[name] }

    /// Sorted.
    package var names: [String] { policies.keys.sorted() }

    /// A policy's file as it was written.
    package func text(of name: String) -> String? { files[name]?.source.text }

    private init(files: [String: PolicyFile], policies: [String: Policy]) {
        self.files = files
        self.policies = policies
    }

    /// Whether any policy is for some users only, so that names may have to be resolved.
    package var hasTenants: Bool { policies.values.contains { $0.tenants != nil } }

    /// The same policies with the names in their `tenants` replaced by numbers.
    ///
    /// - Throws: every name that the host does not know, at its place: a policy for nobody would be a slip, and a name
    ///   that appears later must not open it.
    package func resolvingTenants(with accounts: Accounts) throws(PolicyErrors) -> PolicySet {
        var problems: [PolicyDiagnostic] = []
        var resolved = policies
        for name in names {
            guard let policy = policies[name] else { continue }
            for unknown in policy.unknownTenants(accounts) {
                let diagnostic = self.diagnostic(unknown.value, at: unknown.location)
                if !problems.contains(diagnostic) { problems.append(diagnostic) }
            }
            resolved[name] = policy.resolvingTenants(with: accounts)
        }
        guard problems.isEmpty else { throw PolicyErrors(diagnostics: problems) }
        return PolicySet(files: files, policies: resolved)
    }

    /// A diagnostic with the line of the file that it speaks of.
    func diagnostic(
        _ message: String, at location: SourceLocation, severity: PolicyDiagnostic.Severity = .error
    ) -> PolicyDiagnostic {
        if let source = files.values.first(where: { $0.source.file == location.file })?.source {
            return source.diagnostic(location, message, severity: severity)
        }
        return PolicyDiagnostic(location: location, message: message, severity: severity)
    }
}
