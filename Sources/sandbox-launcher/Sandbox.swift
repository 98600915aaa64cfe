import CInitPlan
import Glibc
import LaunchPlan
import LinuxSystem

/// One run's sandbox: what was prepared, what it was asked for, and what its pid 1 has reported.
final class Sandbox {
    let request: LaunchRequest
    let prepared: PreparedSandbox
    private let workspaceSize: WorkspaceSize?
    let stamps: LaunchStamps

    var run: UInt64 { request.run }
    private var group: any ControlGroup { prepared.group }

    private(set) var startedAt: UInt64?
    private(set) var failure: LaunchFailure?
    private(set) var ending: RunReport.Ending?
    /// Every process of it but pid 1 has ended or has its SIGKILL: its programs execute nothing any more.
    private(set) var isEnding = false
    /// And none of them is in a system call: nothing of it changes anything any more, and what it has used is known.
    private(set) var isOver = false
    /// sandboxd has been told of its end.
    var isTold = false
    /// When it was killed.
    private var memoryKillsBefore: UInt64 = 0
    private var lastReport = init_report()
    private var denials: [KernelDenial] = []

    init(request: LaunchRequest, prepared: PreparedSandbox, workspaceSize: WorkspaceSize?, stamps: LaunchStamps) {
        self.request = request
        self.prepared = prepared
        self.workspaceSize = workspaceSize
        self.stamps = stamps
    }

    enum Heard {
        case nothing
        case started(at: UInt64)
        /// From now on `isEnding`.
        case ending
        case report, closed
    }

    /// Takes one report, if there is one.
    func hear() throws(SystemError) -> Heard {
        let message: MessageSocket.Message?
        do {
            message = try MessageSocket.receive(
                from: prepared.socket.number, maximum: MemoryLayout<init_denial>.size, wait: false)
        } catch {
            if error.errno == EAGAIN { return .nothing }
            throw error
        }
        guard let message else { return .closed }
        message.closeAll()
        if let denial = KernelDenial(message.bytes) {
            note(denial)
            return .report
        }
        guard message.bytes.count == MemoryLayout<init_report>.size else { return .closed }
        let report = message.bytes.withUnsafeBytes { $0.loadUnaligned(as: init_report.self) }
        lastReport = report
        switch report.kind {
        case init_report_started.rawValue:
            let started = max(report.started_at, stamps.handedOverAt)
            startedAt = started
            return .started(at: started)
        case init_report_failed.rawValue:
            let stage = LaunchStage(rawValue: UInt16(truncatingIfNeeded: report.stage)) ?? .initReceive
            failure = LaunchFailure(stage, errno: report.error, subject(of: stage), denials: denials)
        case init_report_ended.rawValue:
            ending = Self.ending(status: report.status)
            if report.started_at != 0 { startedAt = max(report.started_at, stamps.handedOverAt) }
            if report.full & UInt32(INIT_LEFT_PROCESSES) != 0 {
                // They die, and pid 1 waits for them: neither is to wait for a share of CPU time.
                hurryInit()
                group.liftQuota()
            } else {
                isOver = true
            }
            isEnding = true
            return .ending
        default: break
        }
        return .report
    }

    /// The first word of a kind of refusal, or its count: pid 1 counts, and Landlock's come one by one.
    func note(_ denial: KernelDenial) {
        if let known = denials.firstIndex(where: { $0.isSame(as: denial) }) {
            denials[known].count = denial.kind == .path ? denials[known].count + 1 : denial.count
        } else if denials.count < KernelDenial.maximumCount {
            denials.append(denial)
        }
    }

    /// What a failed step was about, for the message to the user.
    private func subject(of stage: LaunchStage) -> String {
        switch stage {
        case .commandExecute: request.argv[0]
        case .commandDirectory: request.cwd
        case .mountWorkspace: request.workspace ?? ""
        default: ""
        }
    }

    /// A wait(2) status.
    private static func ending(status: Int32) -> RunReport.Ending {
        status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signaled(status & 0x7f)
    }

    /// The end, once it is over.
    func report() -> RunReport {
        var usage = group.usage(ended: true)
        usage.memoryKills = max(usage.memoryKills, memoryKillsBefore)
        if ending != nil {
            // Each knows what the other does not: the group of who was not waited for, pid 1 of what is written out later.
            usage.readBytes = max(usage.readBytes ?? 0, lastReport.blocks_read * 512)
            usage.writeBytes = max(usage.writeBytes ?? 0, lastReport.blocks_written * 512)
            usage.contextSwitches = lastReport.context_switches
            // Without a group, what pid 1 has reaped: who was not waited for by his parent is not in it.
            usage.userMicroseconds = usage.userMicroseconds ?? lastReport.user_time
            usage.systemMicroseconds = usage.systemMicroseconds ?? lastReport.system_time
        }
        let now = monotonicNanoseconds()
        // The command's own end, where there is one: what it left behind may take long to die.
        let endedAt = ending == nil ? now : min(max(lastReport.at, startedAt ?? now), now)
        return RunReport(
            ending: ending ?? .killed, startedAt: startedAt ?? now, endedAt: endedAt, usage: usage, denials: denials,
            fullSpaces: ending == nil ? [] : fullSpaces, stamps: stamps)
    }

    /// pid 1 tells of what is in memory; of a caller's directory only what its quota says.
    private var fullSpaces: FullSpaces {
        FullSpaces(rawValue: lastReport.full & 0b111_111).union(workspaceSize?.fullSpaces() ?? [])
    }

    /// Looks whether it is over: a system call that no signal interrupts goes on until it is done, also after SIGKILL.
    ///
    /// - Parameter patient: so far. A crowd needs CPU time to die, longer than an answer should take; then who only waits for a
    ///   core is not waited for.
    func settle(patient: Bool, proc: Directory) -> Bool {
        if !isOver, isEnding {
            isOver = !group.isAnyRunning(but: prepared.process.pid, sleepingOnly: !patient, proc: proc)
        }
        return isOver
    }

    /// SIGKILL for every process: by the group where the kernel does that at once (v2), else by the user, whom no other
    /// sandbox has. Where it is the caller himself (without root), and were neither to work, the end of pid 1 is theirs.
    func kill() {
        // An engine removes the group of a container as soon as its pid 1 is dead, and with it why this is done.
        if prepared.container != nil { memoryKillsBefore = group.memoryKills() }
        hurryInit()
        let isSent = group.killAll()
        // Before the others, whose end it would report as their own. ESRCH: it has ended.
        try? prepared.process.signal(SIGKILL)
        let slot = prepared.slot
        if isSent || slot.isExclusive && ForkedChild.killAll(ofUser: slot.command) { isEnding = true }
    }

    /// SIGTERM for every process, by pid 1, who alone can reach them all at once.
    func stop() {
        hurryInit()
        group.renewQuota()
        try? prepared.process.signal(INIT_STOP_SIGNAL)
    }

    /// For pid 1's report of the start.
    func askForStart() { try? prepared.process.signal(INIT_TELL_SIGNAL) }

    /// pid 1 has to run to end the others, and stands in line with all of them: behind 50 that were busy on a tenth of a
    /// core for more than a second, which with this and `killAll` became 50 ms. It is not reaped, so the number is its
    /// own. Where this process may not do that, the end takes as long as it takes.
    private func hurryInit() { Niceness.set(-20, of: prepared.process.pid) }

    /// A signal from 1 to 31 for the command's process group.
    func forward(_ signal: Int32) { try? prepared.process.signal(signal + INIT_SIGNAL_CARRIER) }
}
