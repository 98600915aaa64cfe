import CInit
import CInitPlan

/// What pid 1 tells the launcher. A failure is told and then is the end of the sandbox.
enum Report {
    static func send(
        _ kind: init_report_kind, stage: UInt32 = 0, error: Int32 = 0, status: Int32 = 0, full: UInt32 = 0,
        startedAt: UInt64 = 0
    ) {
        var report = init_report()
        report.kind = kind.rawValue
        report.stage = stage
        report.error = error
        report.status = status
        report.full = full
        report.started_at = startedAt
        report.at = init_monotonic()
        init_children_usage(
            &report.blocks_read, &report.blocks_written, &report.context_switches, &report.user_time,
            &report.system_time)
        _ = init_send(INIT_SOCKET, &report, UInt(MemoryLayout<init_report>.size))
    }

    /// For pid 1: goes on when `result` is not an error.
    static func require(_ stage: init_stage, _ result: Int) {
        #if SANDBOX_FAULTS
            let result = Fault.pass(stage, result)
        #endif
        guard result < 0 else { return }
        send(init_report_failed, stage: stage.rawValue, error: Int32(-result))
        System.exit(1)
    }
}
