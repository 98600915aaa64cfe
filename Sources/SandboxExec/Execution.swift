import Glibc
import SandboxClient
package import SandboxModel

/// One `sandboxctl exec`, from the connection to the exit status.
package struct Execution {
    private let options: ExecOptions
    /// What to say, before the run, about what the service that is about to run the command says of its policy.
    private let explain: ((PolicySummary) throws -> Void)?

    package init(_ options: ExecOptions, explain: ((PolicySummary) throws -> Void)? = nil) {
        self.options = options
        self.explain = explain
    }

    /// Runs the command. Returns the exit status.
    package func perform() throws -> Int32 {
        let report = try options.report.map { path throws(ServiceError) in
            try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC)
        }
        do {
            return try perform(report)
        } catch let error as ServiceError {
            // The run's own error is told first, whatever becomes of the report.
            if options.json { Descriptor.output.write(try JSONLine.bytes(EventLine(event: "error", error: error))) }
            try report.map { try write(JSONLine.bytes(ErrorReport(error: error)), $0) }
            throw error
        }
    }

    private func perform(_ report: Descriptor?) throws -> Int32 {
        let input = try ExecInput(options.stdin)
        // Until then a signal ends us as any program.
        let service = try options.serviceChoice.open()
        let watched = [SIGINT, SIGTERM, SIGHUP] + (options.tty ? [SIGWINCH] : [])
        let signals = try Signals.take(watched)
        var loop = try ExecLoop(
            options, ServiceLink(descriptor: service.descriptor), input, signals: signals, explain: explain)
        let result: RunResult
        do {
            defer { Terminal.restore() }
            result = try loop.perform()
        } catch let error as ServiceError where error.code == .notConnected && loop.run.server == nil {
            close(service.descriptor)
            throw service.daemon?.failure() ?? error
        } catch {
            // Nothing that was started for this call outlives it, whatever came of it.
            Signals.release(watched)
            close(service.descriptor)
            service.daemon?.waitUntilEnded()
            throw error
        }
        // What is left may wait, for a reader of stderr or for the daemon's end, and waits for no signal.
        Signals.release(watched)
        try report.map { try write(JSONLine.bytes(result), $0) }
        close(service.descriptor)
        service.daemon?.waitUntilEnded()
        return finish(result, loop)
    }

    private func finish(_ result: RunResult, _ loop: ExecLoop) -> Int32 {
        if let writeFailure = loop.writeFailure {
            // As quiet as a command that SIGPIPE ends.
            if writeFailure.value == EPIPE { return ExitStatus.signal(SIGPIPE) }
            Diagnostics.write("failed to write the command's output: \(writeFailure)")
            return ExitStatus.serviceFailed
        }
        if options.usage != nil, !options.json, let line = UsageLine.total(result) { Diagnostics.write(line) }
        if !options.quiet, let line = OutcomeLine.of(result) { Diagnostics.write(line) }
        // As the command itself would have.
        if result.outcome.reason == .cancelled, let signal = loop.interruption.signal { Signals.die(of: signal) }
        return ExitStatus.of(result.outcome)
    }

    private func write(_ bytes: [UInt8], _ report: Descriptor) throws(ServiceError) {
        guard let failure = report.write(bytes) else { return }
        throw ServiceError(.invalidRequest, "failed to write \(options.report ?? "the report"): \(failure)")
    }
}
