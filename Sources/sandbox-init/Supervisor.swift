import CInit
import CInitPlan

/// The command's process as pid 1 holds it.
struct StartedCommand {
    let pid: Int
    /// A byte here says that what the request changes of the file systems is done.
    let gate: Int32
    /// `CommandMessage`s; closed by the command's execve(2).
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
    /// When the command's process was about to execute the command, CLOCK_MONOTONIC, nanoseconds. Where it was killed before it
    /// said so, long ago: the launcher knows that it was not before the request.
    private var executesAt: UInt64 = 1
    /// CLOCK_MONOTONIC, nanoseconds; 0 before the command was executed, or before that was looked for.
    private var startedAt: UInt64 = 0
    private var isStartTold = false
    /// The launcher wants to know of the start, or somebody has asked the command for something: that it has begun is told before
    /// what comes of that. Before, nobody looks: a command that ends soon is told of once, and its start wakes up nobody.
    private var isStartAwaited = false

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
        var message = CommandMessage()
        let count = read(command.failures, &message)
        Report.require(init_stage_listener, count == MemoryLayout<CommandMessage>.size ? 0 : -Int(Errno.invalid))
        guard message.stage == 0 else { fail(message.stage, message.value) }
        let listener = init_take_descriptor(Int32(command.pid), message.value)
        Report.require(init_stage_listener, listener)
        // From here on nothing of it is waited for.
        Report.require(
            init_stage_listener, System.call(__NR_fcntl, Int(command.failures), Flag.setStatus, Flag.nonBlocking))
        return Int32(listener)
    }

    /// What the request changes of the file systems, before the command begins; not every one does.
    private mutating func hearOfWorkspace() {
        workspace.receive(prepare)
        var byte: UInt8 = 1
        _ = System.call(__NR_write, Int(command.gate), System.address(&byte), 1)
    }

    /// 0 at the pipe's end.
    private static func read(_ descriptor: Int32, _ message: inout CommandMessage) -> Int {
        withUnsafeMutableBytes(of: &message) {
            System.call(__NR_read, Int(descriptor), Int(bitPattern: $0.baseAddress!), $0.count)
        }
    }

    private static func fail(_ stage: UInt32, _ error: Int32) -> Never {
        Report.send(init_report_failed, stage: stage, error: error)
        System.exit(1)
    }

    mutating func serve() -> Never {
        while true {
            var descriptors = (signals, watch.listener, isStartAwaited ? failures : -1, INIT_SOCKET)
            let ready = withUnsafeBytes(of: &descriptors) {
                init_wait_events($0.baseAddress!.assumingMemoryBound(to: Int32.self), 4, -1)
            }
            guard ready >= 0 else { continue }
            if ready & (0b1000 | 0b1000 << 8) != 0 { hearOfWorkspace() }
            if ready & 0b010 != 0 { answerCall() }
            // Nobody is left who could make a call that is refused.
            if ready & 0b010 == 0 && ready & (0b010 << 8) != 0 { awaitEnd() }
            if ready & 0b001 != 0 { takeSignals() }
            if isStartAwaited { tellStart() }
        }
    }

    private mutating func answerCall() {
        guard let call = watch.next() else { return }
        // Whether the command was executed cannot change while its process waits for the answer.
        hearOfCommand()
        watch.answer(call, isOwn: failures >= 0 && Int(call.process) == command.pid)
    }

    /// What the command's process has said so far; the pipe's end is the execution.
    private mutating func hearOfCommand() {
        var message = CommandMessage()
        while failures >= 0 {
            switch Self.read(failures, &message) {
            case MemoryLayout<CommandMessage>.size where message.stage != 0:
                watch.reportCounts()
                Self.fail(message.stage, message.value)
            case MemoryLayout<CommandMessage>.size: executesAt = message.at
            case 0:
                // Not closed: to take a pipe apart is for this process's end, and not for an answer on its way.
                failures = -1
                startedAt = executesAt
            default: return
            }
        }
    }

    private mutating func tellStart() {
        hearOfCommand()
        guard startedAt != 0, !isStartTold else { return }
        isStartTold = true
        Report.send(init_report_started, startedAt: startedAt)
    }

    private mutating func takeSignals() {
        while true {
            let signal = init_next_signal(signals)
            guard signal > 0 else { return }
            if signal == Signal.child {
                reap()
            } else if signal == Int(INIT_TELL_SIGNAL) {
                isStartAwaited = true
            } else if signal == Int(INIT_STOP_SIGNAL) {
                isStartAwaited = true
                // To everybody but this process; those that are stopped go on to take it.
                _ = System.call(__NR_kill, -1, Signal.terminate)
                _ = System.call(__NR_kill, -1, Signal.proceed)
            } else if signal > Int(INIT_SIGNAL_CARRIER) {
                isStartAwaited = true
                // The launcher's word; to the command's process group.
                _ = System.call(__NR_kill, -command.pid, signal - Int(INIT_SIGNAL_CARRIER))
            }
        }
    }

    /// SIGKILL for every process but this one, `kill(2)`. The kernel holds forks off meanwhile, and a process that has its
    /// SIGKILL makes no child: when this returns, no instruction of the sandbox's programs is executed any more.
    private static func killEverybody() { _ = System.call(__NR_kill, -1, Signal.kill) }

    /// All processes with the filter, which are all but this one, are in the middle of their exit(2): there is nobody left for whom
    /// anything could be done before, and their end needs no signal to be heard of.
    private mutating func awaitEnd() {
        watch.listener = -1
        reap(wait: true)
    }

    private mutating func reap(wait: Bool = false) {
        while true {
            var status: Int32 = 0
            let pid = init_reap(&status, wait ? 1 : 0)
            guard pid > 0 else { return }
            guard pid == command.pid else { continue }
            // The command has ended; what it left behind ends with it. Wait for nobody.
            hearOfCommand()
            // Its own children have become this process's by now.
            var other: Int32 = 0
            let left = init_reap(&other, 0) >= 0 ? UInt32(INIT_LEFT_PROCESSES) : 0
            if left != 0 { Self.killEverybody() }
            watch.reportCounts()
            Report.send(
                init_report_ended, status: status, full: workspace.fullSpaces() | left, startedAt: startedAt)
            // With a container's pid 1 its group goes, and what is counted in it: the launcher looks first.
            let isContainer = Int32(prepare.header.pointee.identity) == INIT_IDENTITY_GIVEN
            if left == 0 || isContainer { waitForLauncher() }
            System.exit(0)
        }
    }

    /// Until the launcher lets go. A kill ends this wait as it ends everything.
    private func waitForLauncher() {
        var byte: UInt8 = 0
        _ = System.call(__NR_read, Int(INIT_SOCKET), System.address(&byte), 1)
    }
}
