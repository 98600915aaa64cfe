import ArgumentParser
import SandboxClient
import SandboxExec
import SandboxModel
import SandboxPolicy

struct ExecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec", abstract: "Run a command in a sandbox.",
        discussion: """
            Exits with the command's status; 128+N for signal N; 124 for a timeout; 125 when sandboxd or sandboxctl \
            failed; 126 when the policy denied the command or it cannot be executed; 127 when there is no such command; \
            130 when the run was cancelled; 137, 141 and 153 for the limits of memory, output and file size. A word in <> is \
            an example; without an option the policy's amount holds, see policy show --effective. The first Ctrl-C ends the command with the grace \
            of its policy, the second at once, the third does not wait for that.
            """)

    @Option(help: "The policy: its name, or with --standalone a file.") var policy: String?
    @Option(help: "The directory that the command works on (default: an empty one).") var workspace: String?
    @Option(name: .customLong("env"), help: ArgumentHelp("A variable, may be repeated.", valueName: "name=value"))
    var environment: [String] = []
    @Option(help: ArgumentHelp("A file for standard input, - for sandboxctl's own (default).", valueName: "file"))
    var stdin: String?
    @Option(help: "Where the command starts, below the workspace.") var cwd: String?
    @OptionGroup(title: "Limits, within the policy's") var limits: LimitOptions
    @Option(
        help: ArgumentHelp(
            "Carry a part of stdout only: its head, its tail, or both.", valueName: "head:64KiB,tail:64KiB"),
        transform: KeepOption.parse) var keepStdout: OutputKeep.Part?
    @Option(
        help: ArgumentHelp("The same of stderr.", valueName: "head:64KiB,tail:64KiB"), transform: KeepOption.parse)
    var keepStderr: OutputKeep.Part?
    @Option(
        help: ArgumentHelp("Say on stderr every so often, and at the end, what the command uses.", valueName: "1s"),
        transform: Interval.parse) var usage: UInt64?
    @Flag(help: "Give the command a terminal.") var tty = false
    @Flag(help: "Print events and the result as JSON lines.") var json = false
    @Option(help: "Write the result as JSON to a file.") var report: String?
    @Flag(help: "With --report or --json: say in the result where the time of the start went, in microseconds.")
    var trace = false
    @Flag(help: "Print the policy and its verdict first, on stderr.") var explain = false
    @Flag(help: "Do not say on stderr which rule or limit ended the command, and what was left out.") var quiet = false
    @OptionGroup var service: SocketOption
    @Flag(help: "Start a private sandboxd for this call.") var standalone = false
    @Option(
        help: ArgumentHelp(
            "Run without root although this is not enforced then (\(Weakness.names)); may be repeated.",
            valueName: "name"))
    var acceptWeaker: [String] = []
    @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.") var command: [String] = []

    func validate() throws {
        if let contradiction = options.contradiction { throw ValidationError(contradiction) }
    }

    @MainActor func run() async throws {
        let execution = explain ? Execution(options) { try explanation($0) } : Execution(options)
        throw ExitCode(try execution.perform())
    }

    var options: ExecOptions {
        var options = ExecOptions()
        options.policy = policy
        options.workspace = workspace
        options.environment = environment
        options.stdin = stdin
        options.cwd = cwd
        options.limits = limits.limits
        options.keepStdout = keepStdout
        options.keepStderr = keepStderr
        options.usage = usage
        options.tty = tty
        options.json = json
        options.report = report
        options.trace = trace
        options.explain = explain
        options.quiet = quiet
        options.socket = service.socket
        options.standalone = standalone
        options.acceptWeaker = acceptWeaker
        options.command = command
        return options
    }

    private func explanation(_ summary: PolicySummary) throws {
        let policy = try EffectivePolicy.read(
            name: summary.name, text: summary.effective ?? "", digest: summary.digest)
        let explanation = policy.explain(argv: command, on: .here)
        let weaker = WeaknessLines.text(summary.weaker ?? [], accepted: acceptWeaker)
        Descriptor.error.write("\(PolicyRenderer.effective(policy))\n\(explanation.text)\n\(weaker)")
    }
}
