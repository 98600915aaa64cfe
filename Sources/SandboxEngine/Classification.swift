import LaunchPlan
import SandboxModel

// What ended a run, out of what the launcher reports and what sandboxd decided. In this order:
//
// 1. The kernel killed for memory anywhere in the tree: `memory_limit`, whatever the exit status was and whatever sandboxd
//    had decided. The evidence is the group's own count of such kills, which a signal sent inside does not change. A kill
//    of one process ends the whole tree (`memory.oom.group` on cgroup v2, the launcher's kill on v1): what is left of a
//    program that lost a process would go on with half of its work, and end with a status that hides why.
// 2. More output than a limit: `output_limit`, even if the command had ended before it was killed.
// 3. sandboxd's own decision, unless the tree had ended by itself before it was taken. A command that ends in its grace ends
//    because it was asked to: the decision counts, whatever its status.
// 4. The report. SIGXFSZ is the limit on file size, and SIGXCPU that on CPU time where the tree has used so much: without
//    such a limit, or before it, the command has sent the signal itself. Other signals, SIGKILL among them, and exit codes
//    are the command's.
// 5. Killed by neither: `lost`.
extension Outcome {
    init(_ report: RunReport, decision: RunMachine.Decision?, limits: Limits, advice: LimitAdvice = LimitAdvice()) {
        if report.usage.memoryKills > 0 {
            self = .memory(report, limits: limits, advice)
        } else if let decision, decision.reason == .outputLimit || !report.endedByItself(before: decision.at) {
            self.init(decision, advice)
            if decision.hadGrace { addGrace(report, since: decision.at) }
        } else {
            self.init(report, limits: limits, advice)
        }
    }

    /// Where each process has the limit on CPU time for itself (`Weakness.cpuTime`), and none for the tree is watched: the kernel
    /// ends who has met it by SIGKILL. Nobody else sends that signal to who has used so much.
    mutating func takeProcessLimit(_ report: RunReport, limits: Limits, advice: LimitAdvice) {
        guard reason == .signaled, signal == Signal.kill,
            report.usage.hasUsed(cpuMilliseconds: limits.cpuMilliseconds)
        else { return }
        let decision = RunMachine.Decision(
            reason: .cpuTimeout, at: report.endedAt, limit: limits.cpuMilliseconds,
            observed: report.usage.cpuMilliseconds)
        self = Outcome(decision, advice)
        signal = Signal.kill
    }

    /// Whether the grace was enough: a handler that was cut off looks like one that had done its work.
    private mutating func addGrace(_ report: RunReport, since signal: UInt64) {
        let time = Readable.time(milliseconds: signal.milliseconds(until: report.endedAt))
        switch report.ending {
        case .exited(let code):
            self.code = code
            message += "; it ended \(time) after SIGTERM, with status \(code)"
        case .signaled(let number):
            self.signal = number
            message += "; it ended \(time) after SIGTERM, by signal \(number)"
        case .killed: message += "; it had not ended \(time) after SIGTERM and was killed"
        }
    }

    /// An end that sandboxd decided on.
    init(_ decision: RunMachine.Decision, _ advice: LimitAdvice = LimitAdvice()) {
        self.init(
            reason: decision.reason, limit: decision.limit, observed: decision.observed,
            message: decision.message(advice))
    }

    private static func memory(_ report: RunReport, limits: Limits, _ advice: LimitAdvice) -> Outcome {
        let peak = report.usage.memoryPeakBytes
        let observed = peak.map { ", with a peak of \(Readable.bytes($0))" } ?? ""
        let limit = limits.memoryBytes.map { " of \(Readable.bytes($0))" } ?? ""
        return Outcome(
            reason: .memoryLimit, limit: limits.memoryBytes, observed: peak,
            message:
                "the kernel ended a process because the run met its memory limit\(limit)\(observed); all processes "
                + "of the run were ended: \(advice.raise("memory")) or use less (files in /tmp and in a workspace in memory count)"
        )
    }

    private init(_ report: RunReport, limits: Limits, _ advice: LimitAdvice) {
        switch report.ending {
        case .exited(let code):
            self.init(reason: .exited, code: code, message: "the command exited with status \(code)")
        case .signaled(Signal.fileSize) where limits.fileSizeBytes != nil:
            let limit = limits.fileSizeBytes.map(Readable.bytes) ?? ""
            self.init(
                reason: .fileSizeLimit, signal: Signal.fileSize, limit: limits.fileSizeBytes,
                message:
                    "the command was ended by SIGXFSZ, the answer to a write beyond the size limit of \(limit): \(advice.raise("file-size")) or "
                    + "write smaller files")
        case .signaled(Signal.cpuTime) where report.usage.hasUsed(cpuMilliseconds: limits.cpuMilliseconds):
            // One process has met its RLIMIT_CPU before sandboxd looked at the tree.
            let decision = RunMachine.Decision(
                reason: .cpuTimeout, at: report.endedAt, limit: limits.cpuMilliseconds,
                observed: report.usage.cpuMilliseconds)
            self.init(decision, advice)
            signal = Signal.cpuTime
        case .signaled(let number):
            self.init(reason: .signaled, signal: number, message: "the command was ended by signal \(number)")
        case .killed:
            self.init(reason: .lost, message: "the command was killed from outside the sandbox")
        }
    }
}

extension RunMachine.Decision {
    /// One sentence: what was observed, what the limit is, and what to do about it.
    fileprivate func message(_ advice: LimitAdvice) -> String {
        func time(_ milliseconds: UInt64?) -> String { Readable.time(milliseconds: milliseconds ?? 0) }
        return switch reason {
        case .wallTimeout:
            "the command had not ended after \(time(observed)) and its wall-clock limit is \(time(limit)): "
                + "\(advice.raise("timeout")) or do less in one run"
        case .idleTimeout:
            "the command wrote nothing for \(time(observed)) and its idle limit is \(time(limit)): \(advice.raise("idle")) "
                + "or let it tell of its progress"
        case .cpuTimeout:
            "the command used \(observed.map { time($0) } ?? "all") of CPU time, its children's included, and its limit is "
                + "\(time(limit)): \(advice.raise("cpu-time")) or compute less"
        case .outputLimit:
            "the command wrote more \(output.words) than its limit of \(Readable.bytes(limit ?? 0)): "
                + "\(advice.raise(output.key)) or write to a file"
        case .cancelled: "the run was cancelled"
        case .clientGone: "the client's connection ended before the command did"
        case .exited, .signaled, .memoryLimit, .fileSizeLimit, .denied, .lost: "the run was ended"
        }
    }
}

extension RunMachine.OutputLimit {
    fileprivate var words: String {
        switch self {
        case .sum: "output"
        case .stdout: "to standard output"
        case .stderr: "to standard error"
        }
    }

    /// As policies name it, after `limits.`.
    fileprivate var key: String {
        switch self {
        case .sum: "output"
        case .stdout: "stdout"
        case .stderr: "stderr"
        }
    }
}

/// `signal(7)`, the same on x86_64 and arm64.
private enum Signal {
    static let kill: Int32 = 9
    static let cpuTime: Int32 = 24
    static let fileSize: Int32 = 25
}

extension RunReport {
    /// Whether the command's own end came first. A run that was killed did not end by itself, whatever the clocks say.
    fileprivate func endedByItself(before decision: UInt64) -> Bool {
        switch ending {
        case .exited, .signaled: endedAt <= decision
        case .killed: false
        }
    }
}

extension TreeUsage {
    /// User and system time, where the host counts both.
    var cpuMilliseconds: UInt64? {
        guard let userMicroseconds, let systemMicroseconds else { return nil }
        return (userMicroseconds &+ systemMicroseconds) / 1000
    }

    /// Where the host does not count it, the limit alone has to do: RLIMIT_CPU is set because of it.
    fileprivate func hasUsed(cpuMilliseconds limit: UInt64?) -> Bool {
        guard let limit else { return false }
        return cpuMilliseconds.map { $0 >= limit } ?? true
    }
}

extension Usage {
    /// What the launcher counted; the streams' and the queue's figures are the caller's to add.
    init(_ report: RunReport) {
        self.init()
        let tree = report.usage
        wallMilliseconds = report.startedAt.milliseconds(until: report.endedAt)
        userMilliseconds = tree.userMicroseconds.map { $0 / 1000 }
        systemMilliseconds = tree.systemMicroseconds.map { $0 / 1000 }
        memoryPeakBytes = tree.memoryPeakBytes
        processesPeak = tree.processesPeak
        readBytes = tree.readBytes
        writeBytes = tree.writeBytes
        contextSwitches = tree.contextSwitches
        throttledMilliseconds = tree.throttledMicroseconds.map { $0 / 1000 }
    }
}
