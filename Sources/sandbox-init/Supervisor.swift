import CInit
import CInitPlan

/// The command's process as pid 1 holds it.
struct StartedCommand {
    let pid: Int
    /// A byte here says that the workspace is mounted.
    let gate: Int32
    /// Closed by the command's execve(2); before that a stage and an errno.
    let failures: Int32
}

/// Reaps everything, passes signals on, and reports how the command ended before it ends itself: with pid 1 the kernel
/// ends every process that is left.
enum Supervisor {
    static func run(_ command: StartedCommand) -> Never {
        openGate(command)
        awaitExecution(command)
        while true {
            let signal = init_wait_signal()
            if signal == Signal.child {
                reap(command)
            } else if signal > Int(INIT_SIGNAL_CARRIER) {
                // The launcher's word; to the command's process group.
                _ = System.call(__NR_kill, -command.pid, signal - Int(INIT_SIGNAL_CARRIER))
            }
        }
    }

    private static func openGate(_ command: StartedCommand) {
        var byte: UInt8 = 1
        _ = System.call(__NR_write, Int(command.gate), System.address(&byte), 1)
        System.close(command.gate)
    }

    private static func awaitExecution(_ command: StartedCommand) {
        var failure: (stage: UInt32, error: Int32) = (0, 0)
        let count = withUnsafeMutableBytes(of: &failure) {
            System.call(__NR_read, Int(command.failures), Int(bitPattern: $0.baseAddress!), 8)
        }
        System.close(command.failures)
        guard count == 8 else { return Report.send(init_report_started) }
        Report.send(init_report_failed, stage: failure.stage, error: failure.error)
        System.exit(1)
    }

    private static func reap(_ command: StartedCommand) {
        while true {
            var status: Int32 = 0
            let pid = init_reap(&status)
            guard pid > 0 else { return }
            guard pid == command.pid else { continue }
            // The command has ended; what it left behind ends with pid 1. Wait for nobody.
            Report.send(init_report_ended, status: status)
            System.exit(0)
        }
    }
}
