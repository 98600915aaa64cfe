import ArgumentParser
import SandboxExec
import SandboxModel
import SandboxPolicy

struct TestPolicies: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Run the tests of policies.",
        discussion: """
            A file of tests says which commands, paths, connections and system calls a policy must allow or deny. Nothing is \
            run in a sandbox. Exits with 1 when an answer is not the expected one.
            """)
    @Option(help: "Policy files of this directory, over the built-in policies.") var directory: String?
    @Flag(help: "Print every test, not only those that fail.") var verbose = false
    @Argument(help: "Files of tests, or directories of them.") var files: [String]

    func run() throws {
        let base = try directory.map { try PolicyFiles.load(PolicyFiles.paths([$0])) } ?? PolicySet.builtIn()
        var counts = (tests: 0, failed: 0, unusable: 0)
        for path in try PolicyFiles.paths(files) {
            do throws(PolicyErrors) {
                let file = try PolicyTestFile(path: path, contents: try read(path))
                // As a service on this host would understand the names in `tenants`.
                let policy = try policy(of: file, at: path, base).resolvingTenants(with: HostView.here.accounts)
                for (test, failure) in file.run(on: policy, host: .here) {
                    counts.tests += 1
                    if let failure {
                        counts.failed += 1
                        Descriptor.error.write("\(failure)\n")
                    } else if verbose {
                        Descriptor.output.write("\(path):\(test.location.line): ok: \(test.name)\n")
                    }
                }
            } catch {
                counts.unusable += 1
                Descriptor.error.write("\(error)\n")
            }
        }
        let unusable = counts.unusable > 0 ? ", \(counts.unusable) files could not be used" : ""
        Descriptor.output.write("\(counts.tests) tests, \(counts.failed) failed\(unusable)\n")
        if counts.failed + counts.unusable > 0 { throw ExitCode(1) }
    }

    private func read(_ path: String) throws(PolicyErrors) -> [UInt8] {
        do throws(ServiceError) { return try PolicyFiles.read(path) } catch {
            throw PolicyErrors(diagnostics: [
                PolicyDiagnostic(location: SourceLocation(file: path, line: 1, column: 1), message: error.message)
            ])
        }
    }

    /// The policy that a file is about: a name of the base, or a file beside the tests.
    private func policy(of file: PolicyTestFile, at path: String, _ base: PolicySet) throws(PolicyErrors) -> Policy {
        var source = PolicySource(text: file.policy)
        if source.isFile, !file.policy.hasPrefix("/"), let slash = path.lastIndex(of: "/") {
            source = PolicySource(text: path[...slash] + file.policy)
        }
        do { return try source.load(over: base) } catch let errors as PolicyErrors {
            throw errors
        } catch let error as ServiceError {
            throw PolicyErrors(diagnostics: [file.diagnostic(error.message)])
        } catch {
            throw PolicyErrors(diagnostics: [file.diagnostic("\(error)")])
        }
    }
}
