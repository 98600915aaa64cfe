import ArgumentParser
import SandboxModel
import SandboxPolicy

struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "See, check and ask policies.",
        subcommands: [ListPolicies.self, ShowPolicy.self, CheckPolicies.self, ExplainPolicy.self])
}

struct ListPolicies: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the built-in policies.")

    func run() throws {
        let set = try PolicySet.builtIn()
        PolicySource(text: "default").warnIfNotTheServices()
        Descriptor.output.write(Table.text(set.names.map { [$0, set[$0]?.description ?? ""] }))
    }
}

struct ShowPolicy: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Print a policy.")
    @Flag(help: "Print everything that holds, with what is inherited.") var effective = false
    @Argument(help: "A built-in policy's name, or a policy file.") var policy: String

    func run() throws {
        let source = PolicySource(text: policy)
        if source.isFile, !effective {
            Descriptor.output.write(try PolicyFiles.read(policy))
        } else {
            Descriptor.output.write(PolicyRenderer.effective(try source.load()))
        }
    }
}

struct CheckPolicies: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check policy files.", discussion: "Exits with 1 when a file has an error.")
    @Argument(help: "Policy files; they may extend each other and the built-in policies.") var files: [String]

    func run() throws {
        do {
            _ = try PolicyFiles.load(files)
            Descriptor.output.write(files.map { "\($0): ok\n" }.joined())
        } catch let errors as PolicyErrors {
            Descriptor.error.write("\(errors)\n")
            throw ExitCode(1)
        }
    }
}

struct ExplainPolicy: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say what a policy decides about something, and by which rule.",
        discussion: "Exits with 0 when it is allowed, with 1 when it is denied.")
    @Option(help: "A built-in policy's name, or a policy file.") var policy = "default"
    @Option(help: ArgumentHelp("A path inside the sandbox.", valueName: "path")) var path: String?
    @Flag(help: "Ask for writing to --path.") var write = false
    @Flag(help: "Ask for executing --path.") var execute = false
    @Option(help: ArgumentHelp("A connection from inside the sandbox.", valueName: "host:port")) var connect: String?
    @Argument(parsing: .postTerminator, help: "A command, after --.") var command: [String] = []

    func validate() throws {
        let questions = (command.isEmpty ? 0 : 1) + (path == nil ? 0 : 1) + (connect == nil ? 0 : 1)
        guard questions == 1 else {
            throw ValidationError("ask one thing: a command after --, as in '... -- rm -rf x', or --path, or --connect")
        }
        guard path != nil || !(write || execute) else { throw ValidationError("--write and --execute need --path") }
        guard !(write && execute) else { throw ValidationError("ask for --write or for --execute, not both") }
    }

    func run() throws {
        let source = PolicySource(text: policy)
        source.warnIfNotTheServices()
        let explanation = try answer(source.load())
        Descriptor.output.write(explanation.text + "\n")
        if !explanation.allowed { throw ExitCode(1) }
    }

    private func answer(_ policy: Policy) -> Explanation {
        if let path { return policy.explain(path: path, access: write ? .write : execute ? .execute : .read) }
        if let connect { return policy.explain(connect: connect) }
        return policy.explain(argv: command)
    }
}
