import CInit
import CInitPlan

/// The command's process as pid 1 holds it.
struct StartedCommand {
    let pid: Int
    /// A byte here says that what the request changes of the file systems is done.
    let gate: Int32
    /// First the listener's number; then closed by the command's execve(2), or before that a stage and an errno.
    let failures: Int32
}

/// Reaps everything, passes signals on, answers the calls that the filter hands over, and reports how the command ended
/// before it ends itself: with pid 1 the kernel ends every process that is left.
struct Supervisor {
    private let command: StartedCommand
    private let signals: Int32
    private let prepare: Prepare
    private var workspace = Workspace()
    private var watch: CallWatch
    /// -1 once the command was executed.
    private var failures: Int32
    /// CLOCK_MONOTONIC, nanoseconds; 0 before the command was executed.
    private var startedAt: UInt64 = 0
    private var isStartTold = false
    /// Somebody has asked the command for something: that it has begun is told before what comes of that.
    private var isSignalled = false

    /// A command that ends within this is told of once: its start would wake up the launcher, sandboxd and the client.
    private static let startDelay: UInt64 = 5_000_000

    /// Returns when the command's process is confined and waits for its request.
    init(_ command: StartedCommand, _ prepare: Prepare) {
        let signals = init_signal_descriptor()
        Report.require(init_stage_listener, signals)
        self.command = command
        self.signals = Int32(signals)
        self.prepare = prepare
        watch = CallWatch(Self.takeListener(command), prepare)
        failures = command.failures
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

    /// What the request changes of the file systems, before the command begins; not every one does.
    private mutating func hearOfWorkspace() {
        workspace.receive(prepare)
        var byte: UInt8 = 1
        _ = System.call(__NR_write, Int(command.gate), System.address(&byte), 1)
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

    mutating func serve() -> Never {
        while true {
            var descriptors = (signals, watch.listener, failures, INIT_SOCKET)
            let wait = startedAt == 0 || isStartTold ? -1 : Int(Self.startDelay)
            let ready = withUnsafeBytes(of: &descriptors) {
                init_wait_events($0.baseAddress!.assumingMemoryBound(to: Int32.self), 4, wait)
            }
            guard ready >= 0 else { continue }
            if ready & (0b1000 | 0b1000 << 8) != 0 { hearOfWorkspace() }
            if ready & 0b010 != 0 { watch.answerNext() }
            // Nobody is left who could make a call that is refused.
            if ready & 0b010 == 0 && ready & (0b010 << 8) != 0 { watch.listener = -1 }
            if ready & (0b100 | 0b100 << 8) != 0 { hearOfExecution() }
            if ready & 0b001 != 0 { takeSignals() }
            tellStart()
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
        startedAt = init_monotonic()
    }

    private mutating func tellStart() {
        guard startedAt != 0, !isStartTold, isSignalled || init_monotonic() >= startedAt + Self.startDelay else {
            return
        }
        isStartTold = true
        Report.send(init_report_started, startedAt: startedAt)
    }

    private mutating func takeSignals() {
        while true {
            let signal = init_next_signal(signals)
            guard signal > 0 else { return }
            if signal == Signal.child {
                reap()
            } else if signal == Int(INIT_STOP_SIGNAL) {
                isSignalled = true
                // To everybody but this process; those that are stopped go on to take it.
                _ = System.call(__NR_kill, -1, Signal.terminate)
                _ = System.call(__NR_kill, -1, Signal.proceed)
            } else if signal > Int(INIT_SIGNAL_CARRIER) {
                isSignalled = true
                // The launcher's word; to the command's process group.
                _ = System.call(__NR_kill, -command.pid, signal - Int(INIT_SIGNAL_CARRIER))
            }
        }
    }

    /// SIGKILL for every process but this one, `kill(2)`. The kernel holds forks off meanwhile, and a process that has its
    /// SIGKILL makes no child: when this returns, no instruction of the sandbox's programs is executed any more.
    private static func killEverybody() { _ = System.call(__NR_kill, -1, Signal.kill) }

    private mutating func reap() {
        while true {
            var status: Int32 = 0
            let pid = init_reap(&status)
            guard pid > 0 else { return }
            guard pid == command.pid else { continue }
            // The command has ended; what it left behind ends with it. Wait for nobody.
            if failures >= 0 { hearOfExecution() }
            // Its own children have become this process's by now.
            var other: Int32 = 0
            let left = init_reap(&other) >= 0 ? UInt32(INIT_LEFT_PROCESSES) : 0
            if left != 0 { Self.killEverybody() }
            watch.reportCounts()
            Report.send(
                init_report_ended, status: status, full: workspace.fullSpaces() | left, startedAt: startedAt)
            if left == 0 { waitForLauncher() }
            System.exit(0)
        }
    }

    /// Until the launcher lets go. A kill ends this wait as it ends everything.
    private func waitForLauncher() {
        var byte: UInt8 = 0
        _ = System.call(__NR_read, Int(INIT_SOCKET), System.address(&byte), 1)
    }
}
