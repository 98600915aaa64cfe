import ArgumentParser
import SandboxExec
import SandboxModel
import SandboxPolicy

struct ExplainPolicy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say what a policy decides about something, and by which rule.",
        discussion: """
            Nothing is run. Exits with 0 when it is allowed, with 1 when it is not. Where a service runs, its policy is \
            explained; else the one that 'exec' would take, of /etc/sandboxd/policies or built in.
            """)
    @OptionGroup var place: PolicyPlace
    @Option(help: "A policy's name, or a policy file.") var policy = "default"
    @Option(help: ArgumentHelp("A path inside the sandbox.", valueName: "path")) var path: String?
    @Flag(help: "Ask for writing to --path.") var write = false
    @Flag(help: "Ask for executing --path.") var execute = false
    @Option(help: ArgumentHelp("A connection from inside the sandbox.", valueName: "host:port")) var connect: String?
    @Option(help: ArgumentHelp("A system call, or a named group of them.", valueName: "name")) var syscall: String?
    @Flag(help: "Print a JSON object.") var json = false
    @Argument(parsing: .postTerminator, help: "A command, after --.") var command: [String] = []

    func validate() throws {
        let questions = [!command.isEmpty, path != nil, connect != nil, syscall != nil]
        guard questions.count(where: { $0 }) == 1 else {
            throw ValidationError(
                "ask one thing: a command after --, as in '... -- rm -rf x', or --path, --connect or --syscall")
        }
        guard path != nil || !(write || execute) else { throw ValidationError("--write and --execute need --path") }
        guard !(write && execute) else { throw ValidationError("ask for --write or for --execute, not both") }
    }

    private struct Report: Encodable {
        var policy: String
        var digest: String
        var origin: String
        var decision: String
        var allowed: Bool
        var rule: String?
        var group: String?
        var text: String
    }

    func run() async throws {
        let (loaded, fromService) = try await place.load(PolicySource(text: policy))
        let explanation = answer(loaded)
        let source = fromService ? "service" : loaded.origin.description
        if json {
            let report = Report(
                policy: loaded.name, digest: loaded.digest, origin: source, decision: explanation.decision.rawValue,
                allowed: explanation.allowed, rule: explanation.rule?.description, group: explanation.group,
                text: explanation.text)
            Descriptor.output.write(try JSONLine.bytes(report))
        } else {
            Descriptor.output.write(explanation.text + "\n")
            if fromService {
                Diagnostics.write("note: the running service's policy \(loaded.name), digest \(loaded.digest)")
            }
        }
        if !explanation.allowed { throw ExitCode(1) }
    }

    private func answer(_ policy: Policy) -> Explanation {
        if let path {
            return policy.explain(path: path, access: write ? .write : execute ? .execute : .read, on: .here)
        }
        if let connect { return policy.explain(connect: connect) }
        if let syscall { return policy.explain(systemCall: syscall) }
        return policy.explain(argv: command, on: .here)
    }
}
