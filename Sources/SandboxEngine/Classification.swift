import LaunchPlan
import SandboxModel

// What ended a run, out of what the launcher reports and what sandboxd decided. In this order:
//
// 1. The kernel killed for memory anywhere in the tree: `memory_limit`, whatever the exit status was.
// 2. More output than the limit: `output_limit`, even if the command had ended before it was killed.
// 3. sandboxd's own decision, unless the tree had ended by itself before it was taken.
// 4. The report: SIGXFSZ and SIGXCPU are limits, other signals and exit codes are the command's.
// 5. Killed by neither: `lost`.
extension Outcome {
    init(_ report: RunReport, decision: RunMachine.Decision?, limits: Limits) {
        if report.usage.memoryKills > 0 {
            self = .memory(report, limits: limits)
        } else if let decision, decision.reason == .outputLimit || !report.endedByItself(before: decision.at) {
            self.init(decision)
        } else {
            self.init(report, limits: limits)
        }
    }

    /// An end that sandboxd decided on.
    init(_ decision: RunMachine.Decision) {
        let limit = decision.limit ?? 0
        let observed = decision.observed ?? 0
        let message =
            switch decision.reason {
            case .wallTimeout: "the command ran for \(observed) ms and its wall-clock limit is \(limit) ms"
            case .idleTimeout: "the command wrote nothing for \(observed) ms and its idle limit is \(limit) ms"
            case .cpuTimeout: "the command used \(observed) ms of CPU time and its limit is \(limit) ms"
            case .outputLimit: "the command wrote at least \(observed) bytes and its output limit is \(limit) bytes"
            case .cancelled: "the run was cancelled"
            case .clientGone: "the client's connection ended before the command did"
            case .exited, .signaled, .memoryLimit, .fileSizeLimit, .denied, .lost: "the run was ended"
            }
        self.init(
            reason: decision.reason, limit: decision.limit, observed: decision.observed, message: message)
    }

    private static func memory(_ report: RunReport, limits: Limits) -> Outcome {
        let peak = report.usage.memoryPeakBytes
        let observed = peak.map { ", with a peak of \($0) bytes" } ?? ""
        let limit = limits.memoryBytes.map { " of \($0) bytes" } ?? ""
        return Outcome(
            reason: .memoryLimit, limit: limits.memoryBytes, observed: peak,
            message: "the kernel ended a process because the memory limit\(limit) was met\(observed)")
    }

    private init(_ report: RunReport, limits: Limits) {
        switch report.ending {
        case .exited(let code):
            self.init(reason: .exited, code: code, message: "the command exited with status \(code)")
        case .signaled(Signal.fileSize):
            let limit = limits.fileSizeBytes.map { " of \($0) bytes" } ?? ""
            self.init(
                reason: .fileSizeLimit, signal: Signal.fileSize, limit: limits.fileSizeBytes,
                message: "the command wrote a file up to its size limit\(limit)")
        case .signaled(Signal.cpuTime):
            let used = report.usage.cpuMilliseconds
            let limit = limits.cpuMilliseconds.map { " and its limit is \($0) ms" } ?? ""
            self.init(
                reason: .cpuTimeout, signal: Signal.cpuTime, limit: limits.cpuMilliseconds, observed: used,
                message: "the command used \(used.map(String.init) ?? "all") ms of CPU time\(limit)")
        case .signaled(let number):
            self.init(reason: .signaled, signal: number, message: "the command was ended by signal \(number)")
        case .killed:
            self.init(reason: .lost, message: "the command was killed from outside the sandbox")
        }
    }
}

/// `signal(7)`, the same on x86_64 and arm64.
private enum Signal {
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
    }
}

extension LimitHit {
    /// Limits that were met without ending the run.
    static func list(_ usage: TreeUsage, limits: Limits) -> [LimitHit] {
        guard usage.forksRefused > 0 else { return [] }
        return [LimitHit(limit: "processes", value: limits.processes ?? 0, count: usage.forksRefused)]
    }
}
