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
            Those of a running service that you may use; without one those that 'exec' would have, the files in \
            /etc/sandboxd/policies over the built-in ones. With --directory the files in it over the built-in ones.
            """)
    @OptionGroup var place: PolicyPlace
    @Flag(help: "Print a JSON array.") var json = false

    func run() async throws {
        let policies = try await list()
        if json {
            Descriptor.output.write(try JSONLine.bytes(policies))
            return
        }
        let rows = policies.map { [$0.name, $0.backend ?? "native", $0.origin, $0.digest, $0.description] }
        Descriptor.output.write(Table.text([["NAME", "BACKEND", "ORIGIN", "DIGEST", "DESCRIPTION"]] + rows))
    }

    private func list() async throws -> [PolicySummary] {
        switch try await place.find() {
        case .service(let client): return try await client.policies()
        case .local(let local):
            let set = try local.all()
            return set.names.compactMap { set[$0]?.summary }
        }
    }
}

struct ShowPolicy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print a policy.",
        discussion: """
            As it was written, with its comments: a start for one of your own. With --effective, everything that holds with \
            what is inherited, each value with the file and line that it comes from; this is itself a policy file. A \
            service's policies can only be shown in that form. Without a service, those in /etc/sandboxd/policies are \
            shown before the built-in ones.
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
        } else {
            Descriptor.output.write(try await text(source))
        }
    }

    private func text(_ source: PolicySource) async throws -> String {
        switch try await place.find() {
        case .service(let client):
            Diagnostics.write("note: the running service's policy, merged; --built-in shows one as it was written")
            return try await client.policy(policy).effective ?? ""
        case .local(let local):
            let set = try local.set(with: source)
            guard let text = set.text(of: policy) else { throw source.unknown(in: set) }
            return text
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
