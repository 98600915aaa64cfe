/// All policies of a service: the built-in ones and the operator's.
package struct PolicySet: Sendable {
    private let files: [String: PolicyFile]
    private let policies: [String: Policy]

    /// The policies that are compiled in, so that a first run needs no installation.
    package static func builtIn() throws(PolicyErrors) -> PolicySet {
        let none = PolicySet(files: [:], policies: [:])
        return try load(
            files: [
                ("deny-all", PackageResources.deny_all_yaml), ("default", PackageResources.default_yaml),
                ("python", PackageResources.python_yaml), ("shell", PackageResources.shell_yaml),
            ],
            over: none)
    }

    /// Adds files to `base`; one with a known name takes its place, also as the parent of others.
    ///
    /// All or nothing: with one bad file there is no set at all, because a policy that is silently absent lets a request
    /// fall back on another one.
    /// - Parameter files: base names without `.yaml`, and what is in them.
    package static func load(
        files: [(name: String, contents: [UInt8])], over base: PolicySet
    ) throws(PolicyErrors) -> PolicySet {
        var all = base.files
        var own: Set<String> = []
        var problems: [PolicyDiagnostic] = []
        for (name, contents) in files {
            do throws(PolicyErrors) {
                let file = try PolicyFile(name: name, contents: contents)
                if !own.insert(name).inserted {
                    problems.append(file.source.diagnostic(1, 1, "there are two files for the policy '\(name)'"))
                }
                all[name] = file
            } catch {
                problems += error.diagnostics
            }
        }
        // Merging would only repeat what the broken files miss.
        guard problems.isEmpty else { throw PolicyErrors(diagnostics: problems) }
        var resolver = PolicyResolver(files: all)
        return PolicySet(files: all, policies: try resolver.resolve())
    }

    package subscript(name: String) -> Policy? { policies[name] }

    /// Sorted.
    package var names: [String] { policies.keys.sorted() }
}
