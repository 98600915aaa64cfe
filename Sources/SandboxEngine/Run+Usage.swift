import LaunchPlan
import LinuxSystem
import SandboxModel

extension Run {
    /// A sample that is not older answers for a new one: who asks often costs the launcher nothing.
    static let sampleLifetime: UInt64 = 100_000_000

    /// Calls `then` when `usageSample` is as new as it can be had: at once where it is new enough or there is nobody to
    /// ask, else with the launcher's answer or with the end of the tree.
    func refreshUsage(then: @escaping () -> Void) {
        let now = monotonicNanoseconds()
        guard machine.isAlive, lastSample.map({ now > $0.at + Self.sampleLifetime }) ?? true else { return then() }
        sampleWaiters.append(then)
        handle(.sampleWanted)
    }

    func answerSampleWaiters() {
        let waiters = sampleWaiters
        sampleWaiters = []
        for waiter in waiters { waiter() }
    }

    /// What the run has used when the launcher last said so; before that, what it has written.
    var usageSample: UsageSample {
        var sample = lastSample.map { UsageSample($0.usage) } ?? UsageSample()
        if let startedAt = stamps.startedAt {
            sample.elapsedMilliseconds = startedAt.milliseconds(until: lastSample?.at ?? startedAt)
        }
        sample.stdoutBytes = output.report(.stdout).bytes
        sample.stderrBytes = output.report(.stderr).bytes
        return sample
    }

    func summary(now: UInt64, usage: Bool = false, limits: Bool = false) -> RunSummary {
        RunSummary(
            id: id, policy: plan.policy, program: RunSummary.shown(plan.argv.first ?? ""), state: machine.name,
            ageMilliseconds: stamps.arrivedAt.milliseconds(until: now), uid: client.peer.uid,
            usage: usage ? usageSample : nil, limits: limits ? self.limits : nil)
    }
}

extension RunSummary {
    /// Short: a list is one message of bounded size, and what is escaped here is escaped once more in it.
    static func shown(_ program: String) -> String {
        String(String.UnicodeScalarView(program.unicodeScalars.prefix(60))).shown
    }
}

extension UsageSample {
    init(_ tree: TreeUsage) {
        self.init()
        userMilliseconds = tree.userMicroseconds.map { $0 / 1000 }
        systemMilliseconds = tree.systemMicroseconds.map { $0 / 1000 }
        throttledMilliseconds = tree.throttledMicroseconds.map { $0 / 1000 }
        memoryBytes = tree.memoryBytes
        memoryPeakBytes = tree.memoryPeakBytes
        swapBytes = tree.swapBytes
        processes = tree.processes
        processesPeak = tree.processesPeak
        readBytes = tree.readBytes
        writeBytes = tree.writeBytes
        cpuStallMilliseconds = tree.cpuStallMicroseconds.map { $0 / 1000 }
        memoryStallMilliseconds = tree.memoryStallMicroseconds.map { $0 / 1000 }
        ioStallMilliseconds = tree.ioStallMicroseconds.map { $0 / 1000 }
    }
}
