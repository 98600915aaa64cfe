import ArgumentParser
import SandboxClient
import SandboxModel
import SandboxPolicy

struct ExecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec", abstract: "Run a command in a sandbox.",
        discussion: """
            Exits with the command's status; 128+N for signal N; 124 for a timeout; 125 when sandboxd or sandboxctl \
            failed; 126 when the policy denied the command or it cannot be executed; 127 when there is no such command; \
            137, 141 and 153 for the limits of memory, output and file size.
            """)

    @Option(help: "The policy: its name, or with --standalone a file.") var policy: String?
    @Option(help: "The directory that the command works on (default: an empty one).") var workspace: String?
    @Option(name: .customLong("env"), help: ArgumentHelp("A variable, may be repeated.", valueName: "name=value"))
    var environment: [String] = []
    @Option(help: ArgumentHelp("A file for standard input, - for sandboxctl's own (default).", valueName: "file"))
    var stdin: String?
    @Option(help: "Where the command starts, below the workspace.") var cwd: String?
    @OptionGroup(title: "Limits, within the policy's") var limits: LimitOptions
    @Flag(help: "Give the command a terminal.") var tty = false
    @Flag(help: "Print events and the result as JSON lines.") var json = false
    @Option(help: "Write the result as JSON to a file.") var report: String?
    @Flag(help: "Print the policy and its verdict first, on stderr.") var explain = false
    @Flag(help: "Do not say on stderr which rule or limit ended the command.") var quiet = false
    @OptionGroup var service: SocketOption
    @Flag(help: "Start a private sandboxd for this call.") var standalone = false
    @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.") var command: [String] = []

    func validate() throws {
        guard !command.isEmpty else {
            throw ValidationError("no command: put -- before it, as in sandboxctl exec -- ls -l /")
        }
        if standalone, service.socket != nil { throw ValidationError("--socket and --standalone exclude each other") }
        for variable in environment where !variable.contains("=") || variable.hasPrefix("=") {
            throw ValidationError("--env needs NAME=VALUE, not '\(variable)'")
        }
    }

    @MainActor func run() async throws {
        throw ExitCode(try await Execution(command: self).perform())
    }

    var policySource: PolicySource? { policy.map(PolicySource.init) }

    var serviceChoice: Service.Choice {
        Service.Choice(
            socket: service.socket, standalone: standalone,
            policyFile: policySource.flatMap { $0.isFile ? $0.text : nil })
    }

    func request(stdin: Bool) -> RunRequest {
        var variables: [String: String] = [:]
        for variable in environment {
            let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            variables[String(parts[0])] = String(parts[1])
        }
        return RunRequest(
            argv: command, policy: policySource?.name, workspace: workspace, cwd: cwd, environment: variables,
            limits: limits.limits, stdin: stdin, terminal: tty ? Terminal.size : nil)
    }
}

struct LimitOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Wall-clock time.", valueName: "10s"), transform: TimeSpan.parse) var timeout: UInt64?
    @Option(help: ArgumentHelp("CPU time of all processes.", valueName: "5s"), transform: TimeSpan.parse)
    var cpuTime: UInt64?
    @Option(help: ArgumentHelp("Time without output.", valueName: "5s"), transform: TimeSpan.parse) var idle: UInt64?
    @Option(help: ArgumentHelp("Memory of all processes.", valueName: "256MiB"), transform: ByteCount.parse)
    var memory: UInt64?
    @Option(help: ArgumentHelp("Cores.", valueName: "1.5"), transform: CoreCount.parse) var cpus: Double?
    @Option(help: "Processes and threads.") var processes: UInt64?
    @Option(help: ArgumentHelp("Bytes of output.", valueName: "10MiB"), transform: ByteCount.parse)
    var output: UInt64?
    @Option(help: "Open files of a process.") var openFiles: UInt64?
    @Option(help: ArgumentHelp("Size of a file.", valueName: "100MiB"), transform: ByteCount.parse)
    var fileSize: UInt64?

    var limits: Limits {
        Limits(
            memoryBytes: memory, cpus: cpus, processes: processes, openFiles: openFiles, fileSizeBytes: fileSize,
            outputBytes: output, wallMilliseconds: timeout, cpuMilliseconds: cpuTime, idleMilliseconds: idle)
    }
}
