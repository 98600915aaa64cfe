import CInitPlan
import Glibc
import LaunchPlan
import LinuxSystem

/// One sandbox that lives: its pid 1, its group, its identities, and what its pid 1 has reported.
final class Sandbox {
    let run: UInt64
    let request: LaunchRequest
    let slot: IdentitySlot
    let group: any ControlGroup
    let process: ForkedChild
    /// pid 1's socket; its reports come here.
    let socket: OwnedDescriptor

    private(set) var startedAt: UInt64?
    private(set) var failure: LaunchFailure?
    private(set) var ending: RunReport.Ending?
    private var lastReport = init_report()
    private var denials: [KernelDenial] = []

    init(
        run: UInt64, request: LaunchRequest, slot: IdentitySlot, group: any ControlGroup,
        process: consuming ForkedChild, socket: consuming OwnedDescriptor
    ) {
        self.run = run
        self.request = request
        self.slot = slot
        self.group = group
        self.process = process
        self.socket = socket
    }

    enum Heard {
        case nothing
        case started(at: UInt64)
        case report, closed
    }

    /// Takes one report, if there is one.
    func hear() throws(SystemError) -> Heard {
        let message: MessageSocket.Message?
        do {
            message = try MessageSocket.receive(
                from: socket.number, maximum: MemoryLayout<init_denial>.size, wait: false)
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
            startedAt = report.at
            return .started(at: report.at)
        case init_report_failed.rawValue:
            let stage = LaunchStage(rawValue: UInt16(truncatingIfNeeded: report.stage)) ?? .initReceive
            failure = LaunchFailure(stage, errno: report.error, subject(of: stage), denials: denials)
        case init_report_ended.rawValue:
            ending = Self.ending(status: report.status)
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

    /// The end, once pid 1 is reaped and with it everybody.
    func report() -> RunReport {
        var usage = group.usage()
        if ending != nil {
            usage.readBytes = lastReport.blocks_read * 512
            usage.writeBytes = lastReport.blocks_written * 512
            usage.contextSwitches = lastReport.context_switches
        }
        let now = monotonicNanoseconds()
        return RunReport(
            ending: ending ?? .killed, startedAt: startedAt ?? now, endedAt: now, usage: usage, denials: denials)
    }

    func kill() {
        group.killAll()
        // ESRCH: it has ended.
        try? process.signal(SIGKILL)
    }

    /// A signal from 1 to 31 for the command's process group.
    func forward(_ signal: Int32) { try? process.signal(signal + INIT_SIGNAL_CARRIER) }
}
