import SandboxClient

/// What a language model asks for: one line of input.
struct ToolCall: Decodable, Sendable {
    struct Arguments: Decodable, Sendable {
        var code: String?
        var command: String?
    }

    var id: String
    var tool: String
    var arguments: Arguments
    /// The directory to work on; without it the agent's `--workspace`, and without that an empty one.
    var workspace: String?
    var stdin: String?

    /// The run that does it: each tool is a command line and the policy that confines it.
    func request(workspace standard: String?) throws -> RunRequest {
        let workspace = workspace ?? standard
        switch tool {
        case "python":
            guard let code = arguments.code else { throw ToolError(description: "tool python needs arguments.code") }
            return RunRequest(argv: ["python3", "-c", code], policy: "python", workspace: workspace)
        case "shell":
            guard let command = arguments.command else {
                throw ToolError(description: "tool shell needs arguments.command")
            }
            return RunRequest(argv: ["sh", "-c", command], policy: "shell", workspace: workspace)
        default:
            throw ToolError(description: "unknown tool '\(tool)': there are python and shell")
        }
    }
}

/// What the model gets back: one line of output.
struct ToolAnswer: Encodable, Sendable {
    var id: String?
    var tool: String?
    /// The command ended by itself with status 0.
    var ok: Bool
    /// Why it ended: `exited`, `wall_timeout`, `denied`, ...
    var reason: String?
    var exitCode: Int32?
    var stdout: String?
    var stderr: String?
    /// Bytes that are missing between the head and the tail that `stdout` and `stderr` then consist of.
    var stdoutOmitted: UInt64?
    var stderrOmitted: UInt64?
    /// One sentence about the end, for the model.
    var message: String?
    /// What the policy refused, each with a hint what to do instead.
    var denials: [Denial]?
    var usage: Usage?
    /// The sandbox's own failure, instead of all of the above.
    var error: String?

    init(_ call: ToolCall, _ output: RunOutput) {
        id = call.id
        tool = call.tool
        ok = output.isSuccess
        reason = output.result.outcome.reason.rawValue
        exitCode = output.result.outcome.code
        stdout = output.outputText
        stderr = output.errorText
        stdoutOmitted = output.omittedOutput > 0 ? output.omittedOutput : nil
        stderrOmitted = output.omittedErrors > 0 ? output.omittedErrors : nil
        message = output.result.outcome.message
        denials = output.result.denials
        usage = output.result.usage
    }

    init(id: String?, tool: String? = nil, error: String) {
        self.id = id
        self.tool = tool
        ok = false
        self.error = error
    }

    enum CodingKeys: String, CodingKey {
        case id, tool, ok, reason, stdout, stderr, message, denials, usage, error
        case exitCode = "exit_code"
        case stdoutOmitted = "stdout_omitted"
        case stderrOmitted = "stderr_omitted"
    }

    /// Writes `id` even when it is not known, so that every line has one.
    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(id, forKey: .id)
        try values.encodeIfPresent(tool, forKey: .tool)
        try values.encode(ok, forKey: .ok)
        try values.encodeIfPresent(reason, forKey: .reason)
        try values.encodeIfPresent(exitCode, forKey: .exitCode)
        try values.encodeIfPresent(stdout, forKey: .stdout)
        try values.encodeIfPresent(stderr, forKey: .stderr)
        try values.encodeIfPresent(stdoutOmitted, forKey: .stdoutOmitted)
        try values.encodeIfPresent(stderrOmitted, forKey: .stderrOmitted)
        try values.encodeIfPresent(message, forKey: .message)
        try values.encodeIfPresent(denials, forKey: .denials)
        try values.encodeIfPresent(usage, forKey: .usage)
        try values.encodeIfPresent(error, forKey: .error)
    }
}

/// A mistake in a call or on the command line.
struct ToolError: Error, CustomStringConvertible {
    let description: String
}
