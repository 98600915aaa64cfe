import SandboxClient
package import SandboxModel

/// What `sandboxctl exec` was asked for, whoever has read the command line.
package struct ExecOptions: Sendable, Equatable {
    package var policy: String?
    package var workspace: String?
    /// "NAME=VALUE" each; a later one wins.
    package var environment: [String] = []
    package var stdin: String?
    package var cwd: String?
    package var limits = Limits()
    package var keepStdout: OutputKeep.Part?
    package var keepStderr: OutputKeep.Part?
    /// Milliseconds.
    package var usage: UInt64?
    package var tty = false
    package var json = false
    package var report: String?
    package var trace = false
    package var explain = false
    package var quiet = false
    package var socket: String?
    package var standalone = false
    /// Names of `Weakness`.
    package var acceptWeaker: [String] = []
    package var command: [String] = []

    package init() {}

    /// Why this cannot be meant, in words for who wrote it.
    package var contradiction: String? {
        guard !command.isEmpty else { return "no command: put -- before it, as in sandboxctl exec -- ls -l /" }
        if standalone, socket != nil { return "--socket and --standalone exclude each other" }
        guard !trace || report != nil || json else {
            return "--trace says it in the result: add --report FILE or --json"
        }
        if let unknown = acceptWeaker.first(where: { Weakness(rawValue: $0) == nil }) {
            return "--accept-weaker knows \(Weakness.names), not '\(unknown)'"
        }
        let wrong = environment.first { !$0.contains("=") || $0.hasPrefix("=") }
        return wrong.map { "--env needs NAME=VALUE, not '\($0)'" }
    }

    var policySource: PolicySource? { policy.map(PolicySource.init) }

    var serviceChoice: ServiceChoice {
        ServiceChoice(
            socket: socket, standalone: standalone, policySource: policySource, policy: policySource?.name ?? "default")
    }

    /// The request. A relative workspace is this program's: it is made absolute here.
    func request(stdin: Bool) throws(ServiceError) -> RunRequest {
        var variables: [String: String] = [:]
        for variable in environment {
            let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            variables[String(parts[0])] = String(parts[1])
        }
        let hasKeep = keepStdout != nil || keepStderr != nil
        return RunRequest(
            argv: command, policy: policySource?.name, workspace: try absoluteWorkspace(), cwd: cwd,
            environment: variables, limits: limits, stdin: stdin, terminal: tty ? Terminal.size : nil,
            keep: hasKeep ? OutputKeep(stdout: keepStdout, stderr: keepStderr) : nil,
            usageIntervalMilliseconds: usage, trace: trace,
            acceptWeaker: acceptWeaker)
    }

    private func absoluteWorkspace() throws(ServiceError) -> String? {
        guard let workspace else { return nil }
        return try SandboxClient.absolute(workspace)
    }
}
