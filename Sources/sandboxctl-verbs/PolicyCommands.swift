import ArgumentParser
import SandboxClient
import SandboxExec
import SandboxModel
import SandboxPolicy

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "See, check, test and ask policies.",
        subcommands: [
            ListPolicies.self, ShowPolicy.self, CheckPolicies.self, ExplainPolicy.self, TestPolicies.self,
            PolicySchemaCommand.self,
        ])
}

struct ListPolicies: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List policies.",
        discussion: """
            Those of a running service that you may use; without one the built-in ones, and with --directory those of the \
            files in it over the built-in ones.
            """)
    @OptionGroup var place: PolicyPlace
    @Flag(help: "Print a JSON array.") var json = false

    func run() async throws {
        let policies = try await list()
        if json {
            Descriptor.output.write(try JSONLine.bytes(policies))
            return
        }
        let rows = policies.map { [$0.name, $0.origin, $0.digest, $0.description] }
        Descriptor.output.write(Table.text([["NAME", "ORIGIN", "DIGEST", "DESCRIPTION"]] + rows))
    }

    private func list() async throws -> [PolicySummary] {
        if let client = try await place.service() { return try await client.policies() }
        let set = try place.localSet()
        return set.names.compactMap { set[$0]?.summary }
    }
}

struct ShowPolicy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print a policy.",
        discussion: """
            As it was written, with its comments: a start for one of your own. With --effective, everything that holds with \
            what is inherited, each value with the file and line that it comes from; this is itself a policy file. A \
            service's policies can only be shown in that form.
            """)
    @OptionGroup var place: PolicyPlace
    @Flag(help: "Print everything that holds, with what is inherited.") var effective = false
    @Argument(help: "A policy's name, or a policy file.") var policy: String

    func run() async throws {
        let source = PolicySource(text: policy)
        if effective {
            Descriptor.output.write(PolicyRenderer.effective(try await place.load(source).policy))
        } else if source.isFile {
            Descriptor.output.write(try PolicyFiles.read(policy))
        } else if let client = try await place.service() {
            Diagnostics.write("note: the running service's policy, merged; --built-in shows one as it was written")
            Descriptor.output.write(try await client.policy(policy).effective ?? "")
        } else {
            let set = try place.localSet()
            guard let text = set.text(of: policy) else { throw source.unknown(in: set) }
            Descriptor.output.write(text)
        }
    }
}

struct PolicySchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the policy format as JSON Schema, for editors.",
        discussion: """
            For the YAML language server: '# yaml-language-server: $schema=policy.schema.json' as a policy's first line.
            """)

    func run() { Descriptor.output.write(PolicySchema.text) }
}
