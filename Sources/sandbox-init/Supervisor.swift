import CInit
import CInitPlan

/// The command's process as pid 1 holds it.
struct StartedCommand {
    let pid: Int
    /// A byte here says that the workspace is mounted.
    let gate: Int32
    /// First the listener's number; then closed by the command's execve(2), or before that a stage and an errno.
    let failures: Int32
}

/// Reaps everything, passes signals on, answers the calls that the filter hands over, and reports how the command ended
/// before it ends itself: with pid 1 the kernel ends every process that is left.
struct Supervisor {
    private let command: StartedCommand
    private let signals: Int32
    private var watch: CallWatch
    /// -1 once the command was executed.
    private var failures: Int32

    static func run(_ command: StartedCommand, _ prepare: Prepare) -> Never {
        let signals = init_signal_descriptor()
        Report.require(init_stage_listener, signals)
        var supervisor = Supervisor(
            command: command, signals: Int32(signals), watch: CallWatch(takeListener(command), prepare),
            failures: command.failures)
        openGate(command)
        supervisor.serve()
    }

    /// The command's process has told that it is confined, and where refused calls are heard of.
    private static func takeListener(_ command: StartedCommand) -> Int32 {
        let message = readFailure(command.failures)
        Report.require(init_stage_listener, message == nil ? -Int(Errno.invalid) : 0)
        let (stage, value) = message ?? (0, 0)
        guard stage == 0 else { fail(stage, value) }
        let listener = init_take_descriptor(Int32(command.pid), value)
        Report.require(init_stage_listener, listener)
        return Int32(listener)
    }

    private static func openGate(_ command: StartedCommand) {
        var byte: UInt8 = 1
        _ = System.call(__NR_write, Int(command.gate), System.address(&byte), 1)
        System.close(command.gate)
    }

    private static func readFailure(_ descriptor: Int32) -> (stage: UInt32, value: Int32)? {
        var failure: (stage: UInt32, value: Int32) = (0, 0)
        let count = withUnsafeMutableBytes(of: &failure) {
            System.call(__NR_read, Int(descriptor), Int(bitPattern: $0.baseAddress!), 8)
        }
        return count == 8 ? failure : nil
    }

    private static func fail(_ stage: UInt32, _ error: Int32) -> Never {
        Report.send(init_report_failed, stage: stage, error: error)
        System.exit(1)
    }

    private mutating func serve() -> Never {
        while true {
            var descriptors = (signals, watch.listener, failures)
            let ready = withUnsafeBytes(of: &descriptors) {
                init_wait_events($0.baseAddress!.assumingMemoryBound(to: Int32.self), 3)
            }
            guard ready > 0 else { continue }
            if ready & 0b010 != 0 { watch.answerNext() }
            // Nobody is left who could make a call that is refused.
            if ready & 0b010 == 0 && ready & (0b010 << 8) != 0 { watch.listener = -1 }
            if ready & (0b100 | 0b100 << 8) != 0 { hearOfExecution() }
            if ready & 0b001 != 0 { takeSignals() }
        }
    }

    /// The pipe's end is the execution, what comes before it a failure.
    private mutating func hearOfExecution() {
        if let (stage, error) = Self.readFailure(failures) {
            watch.reportCounts()
            Self.fail(stage, error)
        }
        System.close(failures)
        failures = -1
        Report.send(init_report_started)
    }

    private func takeSignals() {
        while true {
            let signal = init_next_signal(signals)
            guard signal > 0 else { return }
            if signal == Signal.child {
                reap()
            } else if signal > Int(INIT_SIGNAL_CARRIER) {
                // The launcher's word; to the command's process group.
                _ = System.call(__NR_kill, -command.pid, signal - Int(INIT_SIGNAL_CARRIER))
            }
        }
    }

    private func reap() {
        while true {
            var status: Int32 = 0
            let pid = init_reap(&status)
            guard pid > 0 else { return }
            guard pid == command.pid else { continue }
            // The command has ended; what it left behind ends with pid 1. Wait for nobody.
            if failures >= 0 { Self.reportUnheard(failures) }
            watch.reportCounts()
            Report.send(init_report_ended, status: status)
            System.exit(0)
        }
    }

    /// The command has ended before its execution, or its failure, was heard of.
    private static func reportUnheard(_ failures: Int32) {
        if let (stage, error) = readFailure(failures) { fail(stage, error) }
        Report.send(init_report_started)
    }
}
