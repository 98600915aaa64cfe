import CInit
import CInitPlan

/// The process that becomes the command. All that can be done before a request is known is done at once; then it waits.
enum CommandProcess {
    /// Forks it. Returns in pid 1 alone.
    static func start(_ prepare: Prepare) -> StartedCommand {
        let gate = pipe()
        let failures = pipe()
        let pid = System.fork()
        Report.require(init_stage_command_fork, pid)
        if pid == 0 {
            System.close(INIT_SOCKET)
            System.close(gate.write)
            System.close(failures.read)
            become(prepare, gate: gate.read, failures: failures.write)
        }
        System.close(gate.read)
        System.close(failures.write)
        return StartedCommand(pid: pid, gate: gate.write, failures: failures.read)
    }

    private static func pipe() -> (read: Int32, write: Int32) {
        var ends: (read: Int32, write: Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) {
            System.call(__NR_pipe2, Int(bitPattern: $0.baseAddress!), Open.closeOnExec)
        }
        Report.require(init_stage_command_fork, result)
        return ends
    }

    private static func become(_ prepare: Prepare, gate: Int32, failures: Int32) -> Never {
        let failure = Failure(descriptor: failures)
        let listener = Confinement.apply(prepare, failure)
        // pid 1 takes the listener out of this process before it says that it is ready; execve(2) closes it here.
        failure.tellListener(Int32(listener))
        let request = CommandRequest.receive(failure)
        if request.awaitsInit { waitForInit(gate) }
        request.takeDescriptors(failure)
        request.setLimits(failure)
        request.enterDirectory(failure)
        request.execute(failure)
    }

    private static func waitForInit(_ gate: Int32) {
        var byte: UInt8 = 0
        // Without the byte pid 1 is gone, and this process with it.
        if System.call(__NR_read, Int(gate), System.address(&byte), 1) != 1 { System.exit(1) }
    }
}

/// What the command's process tells pid 1. Without a stage: first the listener's number, then when the command is about to be
/// executed. With one: what has failed, which is the last. The pipe's end without that is the execution.
struct CommandMessage {
    var stage: UInt32 = 0
    var value: Int32 = 0
    /// CLOCK_MONOTONIC, nanoseconds.
    var at: UInt64 = 0
}

/// Tells pid 1 which step failed, and ends.
struct Failure {
    let descriptor: Int32

    func require(_ stage: init_stage, _ result: Int) {
        #if SANDBOX_FAULTS
            let result = Fault.pass(stage, result)
        #endif
        guard result < 0 else { return }
        end(stage, error: Int32(-result))
    }

    func end(_ stage: init_stage, error: Int32) -> Never {
        write(CommandMessage(stage: stage.rawValue, value: error))
        System.exit(127)
    }

    /// The first thing that is told, when all went well so far: stage 0 and the descriptor's number.
    func tellListener(_ listener: Int32) { write(CommandMessage(value: listener)) }

    /// The last thing that is told when all goes well. Nobody waits for it: pid 1 looks when it is asked, since one that woke up
    /// now would take the processor from the command in the middle of its execve(2).
    func tellExecution() { write(CommandMessage(at: init_monotonic())) }

    private func write(_ message: CommandMessage) {
        var message = message
        _ = withUnsafeMutableBytes(of: &message) {
            System.call(__NR_write, Int(descriptor), Int(bitPattern: $0.baseAddress!), $0.count)
        }
    }
}
