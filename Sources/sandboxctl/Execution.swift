import Glibc
import SandboxClient
import SandboxModel
import SandboxPolicy

/// One `sandboxctl exec`, from the connection to the exit status.
///
/// It lives on the main thread, the only one that may block in a write to stdout: then it takes no events, and the
/// command's own pipe fills up.
@MainActor
struct Execution {
    private let command: ExecCommand
    private let interruption = Interruption()

    init(command: ExecCommand) { self.command = command }

    /// Runs the command. Returns the exit status.
    func perform() async throws -> Int32 {
        let report = try command.report.map { path throws(ServiceError) in
            try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC)
        }
        do {
            let input = try ExecInput(command.stdin)
            try interruption.watch(terminal: command.tty)
            let service = try await Service.choose(command.serviceChoice)
            if command.explain { try await explain(service.client) }
            let (result, writeFailure) = try await run(on: service, input)
            try report.map { try write(JSONLine.bytes(result), $0) }
            try await service.end()
            return finish(result, writeFailure)
        } catch let error as ServiceError {
            // The run's own error is told first, whatever becomes of the report.
            if command.json { Descriptor.output.write(try JSONLine.bytes(EventLine(event: "error", error: error))) }
            try report.map { try write(JSONLine.bytes(ErrorReport(error: error)), $0) }
            throw error
        }
    }

    private func run(on service: Service, _ input: ExecInput?) async throws -> (RunResult, ErrorNumber?) {
        let run = try await service.client.start(command.request(stdin: input != nil))
        interruption.attach(run)
        if command.tty { Terminal.makeRaw() }
        defer { Terminal.restore() }
        // Nobody waits for this task: a read that blocks must not hold up the end.
        if let input { Task.detached { await input.forward(to: run) } }
        var sink = ExecOutput(json: command.json)
        var writeFailure: ErrorNumber?
        for try await event in run.events {
            if writeFailure == nil, let failure = try sink.write(event, of: run) {
                writeFailure = failure
                run.cancel()
            }
            if case .result(let result) = event { return (result, writeFailure) }
        }
        throw ServiceError(.notConnected, "run \(run.id) ended without a result")
    }

    private func finish(_ result: RunResult, _ writeFailure: ErrorNumber?) -> Int32 {
        if let writeFailure {
            // As quiet as a command that SIGPIPE ends.
            if writeFailure.value == EPIPE { return ExitStatus.signal(SIGPIPE) }
            Diagnostics.write("failed to write the command's output: \(writeFailure)")
            return ExitStatus.serviceFailed
        }
        if !command.quiet, let line = OutcomeLine.of(result) { Diagnostics.write(line) }
        if result.outcome.reason == .cancelled, let signal = interruption.signal {
            // To die of it, as the command itself would have: a shell's loop ends at Ctrl-C only then.
            Terminal.restore()
            Glibc.signal(signal, SIG_DFL)
            raise(signal)
            return ExitStatus.signal(signal)
        }
        return ExitStatus.of(result.outcome)
    }

    /// What the service that is about to run the command says of its policy.
    private func explain(_ client: SandboxClient) async throws {
        let summary = try await client.policy(command.policySource?.name ?? "default")
        let policy = try EffectivePolicy.read(
            name: summary.name, text: summary.effective ?? "", digest: summary.digest)
        let explanation = policy.explain(argv: command.command, on: .here)
        Descriptor.error.write("\(PolicyRenderer.effective(policy))\n\(explanation.text)\n")
    }

    private func write(_ bytes: [UInt8], _ report: Descriptor) throws(ServiceError) {
        guard let failure = report.write(bytes) else { return }
        throw ServiceError(.invalidRequest, "failed to write \(command.report ?? "the report"): \(failure)")
    }
}

/// Where the command's output goes: byte for byte, or as JSON lines.
struct ExecOutput {
    private let json: Bool
    private var standardOutput = EventText(name: "stdout")
    private var standardError = EventText(name: "stderr")

    init(json: Bool) { self.json = json }

    /// Writes one event. Returns why it could not be written.
    mutating func write(_ event: RunEvent, of run: Run) throws(ServiceError) -> ErrorNumber? {
        guard json else { return writeBytes(event) }
        for line in lines(event, of: run) {
            if let failure = Descriptor.output.write(try JSONLine.bytes(line)) { return failure }
        }
        return nil
    }

    private func writeBytes(_ event: RunEvent) -> ErrorNumber? {
        switch event {
        case .started, .result: nil
        case .standardOutput(let bytes): Descriptor.output.write(bytes)
        case .standardError(let bytes): Descriptor.error.write(bytes)
        }
    }

    private mutating func lines(_ event: RunEvent, of run: Run) -> [EventLine] {
        switch event {
        case .started: [EventLine(event: "started", id: run.id)]
        case .standardOutput(let bytes): [standardOutput.line(for: bytes)].compactMap { $0 }
        case .standardError(let bytes): [standardError.line(for: bytes)].compactMap { $0 }
        case .result(let result):
            [standardOutput.lastLine(), standardError.lastLine(), EventLine(event: "result", result: result)]
                .compactMap { $0 }
        }
    }
}

/// Where the command's input comes from.
struct ExecInput: Sendable {
    private let source: Descriptor

    /// `nil` when there is none: stdin is closed, or another job has the terminal and reading it would stop us.
    init?(_ option: String?) throws(ServiceError) {
        if let option, option != "-" {
            source = try Descriptor.open(option, O_RDONLY)
            return
        }
        guard fcntl(STDIN_FILENO, F_GETFD) >= 0 else { return nil }
        if option == nil, Terminal.belongsToAnotherJob { return nil }
        source = .input
    }

    /// Passes everything on. Reads only while the command takes it, so that what it leaves unread stays readable.
    func forward(to run: Run) async {
        do {
            while true {
                let room = min(try await run.inputRoom(), 64 << 10)
                let chunk = try await onThread { [source] in source.read(atMost: room) }
                switch chunk {
                case .success(let bytes) where bytes.isEmpty: return try await run.closeInput()
                case .success(let bytes): try await run.write(bytes)
                case .failure(let error):
                    Diagnostics.write("failed to read standard input: \(error)")
                    return try await run.closeInput()
                }
            }
        } catch {
            // The run has ended, and says itself how.
        }
    }
}
