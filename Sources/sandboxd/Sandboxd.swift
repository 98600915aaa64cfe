import ArgumentParser
import LaunchPlan
import SandboxModel
import SandboxPolicy

/// sandboxd's arguments.
struct Sandboxd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandboxd", abstract: "Run commands that nobody trusts, each in a fresh sandbox.",
        version: "sandboxd \(ProductVersion.text)")

    @Option(help: "The Unix socket to listen on.")
    var socket = "/run/sandboxd/sandboxd.sock"

    @Option(help: "Serve this connected socket instead of listening, and end with it.")
    var connectionFd: Int32?

    @Option(help: "A directory of policy files (default: \(PolicyInput.standardDirectory), if it exists).")
    var policyDirectory: String?

    @Option(
        help: """
            A further policy file; may be repeated. Read again by a reload only if it and all directories above it are \
            root's.
            """)
    var policyFile: [String] = []

    @Option(help: "Read and serve this policy alone, if there is one of that name: each takes time at the start.")
    var onlyPolicy: String?

    @Option(help: "The user to become, by name or number (default: sandboxd, or a number without a name).")
    var user: String?

    @Option(help: "The group that may connect (default: sandboxd, if it exists).")
    var group: String?

    @Option(help: "The socket's mode, octal (default: 0660 with a group, 0600 without).")
    var socketMode: String?

    @Option(help: "The launcher's executable (default: sandbox-launcher beside this one).")
    var launcher: String?

    @Option(
        help:
            "The Docker Engine's socket, for policies with backend: docker (default: that of DOCKER_HOST, or \(StartUpOptions.standardEngine))."
    )
    var dockerSocket: String?

    @Flag(help: "Report files that Landlock kept from a command, from the host's audit messages (Linux 6.15).")
    var landlockAudit = false

    @Option(help: "How many sandboxes to make ahead of requests, for policies in use; 0: each when it is asked for.")
    var warm = 8

    @Option(help: "How long runs may go on when the service is stopped, as 10s; new ones are refused meanwhile.")
    var drain = "10s"

    @Flag(help: .hidden) var readPolicies = false

    @OptionGroup var runLimits: RunLimitOptions

    @Option(help: "How much to log: trace, debug, info, notice, warning, error or critical.")
    var logLevel = "info"

    @Option(
        help:
            "Write records to this socket by journald's protocol (default: journald's, where standard error is the journal's)."
    )
    var journalSocket: String?

    func validate() throws {
        guard (0...1024).contains(warm) else { throw ValidationError("--warm takes 0 to 1024") }
    }

    private func drainMilliseconds() throws(StartUpError) -> UInt64 {
        if drain == "0s" { return 0 }
        do throws(QuantityError) { return try TimeSpan.parse(drain, in: 1...3_600_000) } catch {
            throw StartUpError(.usage, "--drain: \(error)")
        }
    }

    func run() throws {
        var options = StartUpOptions()
        options.socket = socket
        options.connection = connectionFd
        options.policyDirectory = policyDirectory
        options.policyFiles = policyFile
        options.onlyPolicy = onlyPolicy
        options.user = user
        options.group = group
        options.socketMode = socketMode
        options.launcher = launcher
        options.dockerSocket = dockerSocket
        options.landlockAudit = landlockAudit
        options.warm = UInt32(warm)
        options.logLevel = logLevel
        options.readsPolicies = readPolicies
        options.journalSocket = journalSocket
        do throws(StartUpError) {
            options.limits = try runLimits.limits
            options.drainMilliseconds = try drainMilliseconds()
        } catch {
            writeLine("sandboxd: \(error.message)")
            throw ExitCode(error.status.rawValue)
        }
        StartUp(options: options).perform()
    }
}
