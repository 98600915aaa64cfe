import ArgumentParser
import SandboxExec
import SandboxModel
import SandboxPolicy

struct CheckPolicies: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check policy files.",
        discussion: """
            Reports all errors of all files at once, and warnings about what is hardly meant. Exits with 1 when a file has \
            an error.
            """)
    @Argument(help: "Policy files, or directories of them; they may extend each other and the built-in policies.")
    var files: [String]
    @Flag(help: "Print one JSON object per problem.") var json = false

    func run() throws {
        let paths = try PolicyFiles.paths(files)
        let inputs = try PolicyFiles.inputs(paths)
        switch PolicySet.check(inputs, over: try PolicySet.builtIn()) {
        case .success(let set):
            var warnings = PolicyLint.warnings(in: set, of: inputs.map(\.name), on: .here)
            // A host that cannot be looked at is one that nothing can be said of.
            if let facts = try? HostFacts.current() { warnings += Self.hostWarnings(in: set, of: inputs, facts) }
            try report(warnings)
            guard !json else { return }
            for path in paths {
                let count = warnings.count { $0.path == path }
                let found = count == 0 ? "" : count == 1 ? ", 1 warning" : ", \(count) warnings"
                Descriptor.output.write("\(path): ok\(found)\n")
            }
        case .failure(let errors):
            try report(errors.diagnostics)
            throw ExitCode(1)
        }
    }

    /// Rates that policies ask for and this host's control groups cannot keep.
    static func hostWarnings(in set: PolicySet, of inputs: [PolicyInput], _ facts: HostFacts) -> [PolicyDiagnostic] {
        let lacking = Set(HostChecks.groups(facts).filter { !$0.found }.map(\.name))
        return inputs.flatMap { input in
            ["read-rate", "write-rate"].filter(lacking.contains).compactMap { name in
                guard let policy = set[input.name],
                    (name == "read-rate" ? policy.limits.readBytesPerSecond : policy.limits.writeBytesPerSecond) != nil,
                    let place = policy.origin(of: "limits.\(name)")
                else { return nil }
                let isOwn = PolicyInput.name(ofFile: place.file) == input.name
                return PolicyDiagnostic(
                    location: place,
                    message: "'limits.\(name)': this host cannot enforce it: sandboxd refuses to serve the policy",
                    path: isOwn ? input.path : nil, severity: .warning)
            }
        }
    }

    private func report(_ diagnostics: [PolicyDiagnostic]) throws {
        for diagnostic in diagnostics {
            if json {
                Descriptor.output.write(try JSONLine.bytes(DiagnosticLine(diagnostic)))
            } else {
                Descriptor.error.write("\(diagnostic)\n")
            }
        }
    }
}

/// A line of `policy check --json` and `policy test --json`.
struct DiagnosticLine: Encodable {
    var file: String
    var line: Int
    var column: Int
    var severity: String
    var message: String
    var suggestion: String?

    init(_ diagnostic: PolicyDiagnostic) {
        file = diagnostic.path ?? diagnostic.location.file
        line = diagnostic.location.line
        column = diagnostic.location.column
        severity = diagnostic.severity.rawValue
        message = diagnostic.message
        suggestion = diagnostic.suggestion
    }
}
