import LaunchPlan
import SandboxModel
import Testing

@testable import SandboxEngine

private let millisecond: UInt64 = 1_000_000
private let start: UInt64 = 1000 * millisecond

private func report(
    _ ending: RunReport.Ending, endedAt: UInt64 = start + 5000 * millisecond, memoryKills: UInt64 = 0
) -> RunReport {
    var usage = TreeUsage()
    usage.memoryKills = memoryKills
    usage.memoryPeakBytes = 512
    return RunReport(ending: ending, startedAt: start, endedAt: endedAt, usage: usage)
}

private func usage(milliseconds: UInt64) -> TreeUsage {
    var usage = TreeUsage()
    usage.userMicroseconds = milliseconds * 1000
    usage.systemMicroseconds = 0
    return usage
}

private let ordinaryLimits = Limits(
    memoryBytes: 512, fileSizeBytes: 100, outputBytes: 10, wallMilliseconds: 2000, cpuMilliseconds: 1000,
    idleMilliseconds: 500)

private func deliveries(_ actions: [RunMachine.Action]) -> [RunMachine.Verdict] {
    actions.compactMap { if case .deliver(let verdict) = $0 { verdict } else { nil } }
}

private func permutations<Element>(_ elements: [Element]) -> [[Element]] {
    guard elements.count > 1 else { return [elements] }
    return elements.indices.flatMap { index -> [[Element]] in
        var rest = elements
        let first = rest.remove(at: index)
        return permutations(rest).map { [first] + $0 }
    }
}

@Suite struct RunMachineTests {
    private let limits = ordinaryLimits

    @Test func everyOrderOfEventsHasExactlyOneResult() {
        let events: [RunMachine.Event] = [
            .started(at: start), .exited(report(.exited(0))), .timer(.wall), .cancel(now: false),
            .outputOverflow(.sum, observed: 11),
            .clientGone, .launcherGone,
        ]
        for order in permutations(events) {
            var machine = RunMachine(limits: limits, cpuMillicores: 1000)
            var actions: [RunMachine.Action] = []
            for event in order + [.exited(report(.killed)), .drained, .launcherGone, .drained] {
                actions += machine.handle(event, now: start + 3000 * millisecond)
            }
            #expect(deliveries(actions).count == 1, "\(order)")
            #expect(actions.filter { $0 == .kill }.count <= 1, "\(order)")
            if let end = actions.firstIndex(where: { if case .deliver = $0 { true } else { false } }) {
                #expect(end == actions.count - 1, "something after the end: \(order)")
            }
            #expect(machine.isFinished)
        }
    }

    @Test func everyOrderWithAnOutOfMemoryKillIsMemoryLimit() {
        let before: [RunMachine.Event] = [.timer(.wall), .cancel(now: false), .outputOverflow(.sum, observed: 11)]
        for order in permutations(before) {
            var machine = RunMachine(limits: limits, cpuMillicores: 1000)
            var actions: [RunMachine.Action] = []
            let end = RunMachine.Event.exited(report(.signaled(9), memoryKills: 1))
            for event in [.started(at: start)] + order + [end, .drained] {
                actions += machine.handle(event, now: start + 3000 * millisecond)
            }
            guard case .ended(let outcome, _)? = deliveries(actions).first else {
                Issue.record("no end")
                continue
            }
            #expect(outcome.reason == .memoryLimit)
            #expect(outcome.limit == 512)
            #expect(outcome.observed == 512)
        }
    }

    private func outcome(_ events: [(RunMachine.Event, UInt64)]) -> Outcome? {
        var machine = RunMachine(limits: limits, cpuMillicores: 1000)
        var actions: [RunMachine.Action] = []
        for (event, at) in events { actions += machine.handle(event, now: start + at * millisecond) }
        guard case .ended(let outcome, _)? = deliveries(actions).first else { return nil }
        return outcome
    }

    @Test func ownEndingBeforeTheDecisionWins() {
        let exit = report(.exited(3), endedAt: start + 1999 * millisecond)
        let result = outcome([
            (.started(at: start), 0), (.timer(.wall), 2000), (.exited(exit), 2001), (.drained, 2001),
        ])
        #expect(result?.reason == .exited)
        #expect(result?.code == 3)
    }

    @Test func decisionsNameLimitAndObserved() {
        let killed = (RunMachine.Event.exited(report(.killed)), UInt64(2100))
        let wall = outcome([(.started(at: start), 0), (.timer(.wall), 2003), killed, (.drained, 2100)])
        #expect(wall?.reason == .wallTimeout)
        #expect(wall?.limit == 2000)
        #expect(wall?.observed == 2003)
        let idle = outcome([
            (.started(at: start), 0), (.output, 300), (.timer(.idle), 800), killed, (.drained, 2100),
        ])
        #expect(idle?.reason == .idleTimeout)
        #expect(idle?.observed == 500)
        let cpu = outcome([
            (.started(at: start), 0), (.sampled(usage(milliseconds: 1001)), 1100), killed, (.drained, 2100),
        ])
        #expect(cpu?.reason == .cpuTimeout)
        #expect(cpu?.observed == 1001)
    }

    @Test func firstDecisionCounts() {
        let result = outcome([
            (.started(at: start), 0), (.cancel(now: false), 100), (.timer(.wall), 2000),
            (.exited(report(.killed)), 2001),
            (.drained, 2001),
        ])
        #expect(result?.reason == .cancelled)
    }

    @Test func tooMuchOutputIsOutputLimitAlsoAfterTheExit() {
        let exit = report(.exited(0), endedAt: start + millisecond)
        let result = outcome([
            (.started(at: start), 0), (.exited(exit), 2), (.outputOverflow(.sum, observed: 11), 3), (.drained, 3),
        ])
        #expect(result?.reason == .outputLimit)
        #expect(result?.observed == 11)
    }

    @Test(arguments: [
        (RunReport.Ending.exited(7), Outcome.Reason.exited), (.signaled(15), .signaled),
        (.signaled(24), .cpuTimeout), (.signaled(25), .fileSizeLimit), (.killed, .lost),
    ])
    func endings(_ ending: RunReport.Ending, _ reason: Outcome.Reason) {
        let result = outcome([(.started(at: start), 0), (.exited(report(ending)), 1), (.drained, 1)])
        #expect(result?.reason == reason)
        #expect(result?.message.isEmpty == false)
    }

    @Test func outputIsAStart() {
        var machine = RunMachine(limits: limits, cpuMillicores: 2000)
        let first = machine.handle(.output, now: start + 3 * millisecond)
        #expect(first.first == .announce && first.contains(.arm(.wall, at: start + 2003 * millisecond)))
        #expect(machine.isAlive)
        // When it began is known later, and its time counts from there; nobody is told again.
        let second = machine.handle(.started(at: start), now: start + 5 * millisecond)
        #expect(!second.contains(.announce) && second.contains(.arm(.wall, at: start + 2000 * millisecond)))
        let idle = machine.handle(.timer(.idle), now: start + 500 * millisecond)
        #expect(idle == [.arm(.idle, at: start + 503 * millisecond)])
    }

    @Test func timersAreArmedFromTheStartAndAgain() {
        var machine = RunMachine(limits: limits, cpuMillicores: 2000)
        let first = machine.handle(.started(at: start), now: start)
        #expect(
            first == [
                .announce, .arm(.wall, at: start + 2000 * millisecond), .arm(.idle, at: start + 500 * millisecond),
                .arm(.cpu, at: start + 500 * millisecond),
            ])
        _ = machine.handle(.output, now: start + 400 * millisecond)
        let idle = machine.handle(.timer(.idle), now: start + 500 * millisecond)
        #expect(idle == [.arm(.idle, at: start + 900 * millisecond)])
        #expect(machine.handle(.timer(.cpu), now: start + 500 * millisecond) == [.sample])
        // One question at a time.
        #expect(machine.handle(.sampleWanted, now: start + 500 * millisecond) == [])
        let next = machine.handle(.sampled(usage(milliseconds: 600)), now: start + 500 * millisecond)
        #expect(next == [.arm(.cpu, at: start + 700 * millisecond)])
        let last = machine.handle(.sampled(usage(milliseconds: 999)), now: start + 700 * millisecond)
        #expect(last == [.arm(.cpu, at: start + 710 * millisecond)])
    }

    @Test func withoutAReaderTheEndDoesNotWait() {
        var machine = RunMachine(limits: limits, cpuMillicores: 1000)
        _ = machine.handle(.started(at: start), now: start)
        let silent = start + RunMachine.launcherPatience
        #expect(machine.handle(.clientGone, now: start) == [.kill, .arm(.launcher, at: silent)])
        #expect(deliveries(machine.handle(.exited(report(.killed)), now: start)).count == 1)
    }

    @Test func aLauncherThatDoesNotAnswerEndsTheWaiting() {
        var starting = RunMachine(limits: limits, cpuMillicores: 1000)
        let deadline = start + RunMachine.launcherPatience
        #expect(starting.begin(now: start) == [.arm(.launcher, at: deadline)])
        let actions = starting.handle(.timer(.launcher), now: deadline)
        #expect(actions.first == .kill)
        guard case .deliver(.notStarted(let failure))? = actions.last else {
            Issue.record("\(actions)")
            return
        }
        #expect(failure.stage == .handOver)
        // A start that comes late is no second result.
        #expect(starting.handle(.started(at: deadline), now: deadline).isEmpty)

        var cancelled = RunMachine(limits: limits, cpuMillicores: 1000)
        _ = cancelled.handle(.cancel(now: false), now: start)
        let ended = cancelled.handle(.timer(.launcher), now: deadline)
        guard case .deliver(.ended(let outcome, nil))? = ended.last else {
            Issue.record("\(ended)")
            return
        }
        #expect(outcome.reason == .cancelled)
        // A run that was started in time is not touched.
        var running = RunMachine(limits: limits, cpuMillicores: 1000)
        _ = running.handle(.started(at: start), now: start)
        #expect(running.handle(.timer(.launcher), now: deadline).isEmpty)
    }

    @Test func aRunWhosePidOneIsSilentHasItsTimeAllTheSame() throws {
        let limits = Limits(wallMilliseconds: 1000, graceMilliseconds: 0)
        let wall = start + 1000 * millisecond
        var silent = RunMachine(limits: limits, cpuMillicores: 5)
        _ = silent.begin(now: start)
        #expect(silent.handle(.handedOver(at: start), now: start + 10 * millisecond) == [.arm(.wall, at: wall)])
        #expect(silent.isStarting)
        let actions = silent.handle(.timer(.wall), now: wall)
        #expect(actions.first == .announce && actions.contains(.kill))
        guard
            case .deliver(.ended(let outcome, _))? =
                (silent.handle(.exited(report(.killed)), now: wall)
                + silent.handle(.drained, now: wall)).last
        else { throw Unexpected() }
        #expect(outcome.reason == .wallTimeout && outcome.observed == 1000)

        // What is heard later counts: that it began later, or never.
        var late = RunMachine(limits: limits, cpuMillicores: 5)
        _ = late.handle(.handedOver(at: start), now: start)
        let began = start + 300 * millisecond
        #expect(late.handle(.started(at: began), now: began) == [.announce, .arm(.wall, at: wall + 300 * millisecond)])
        var never = RunMachine(limits: limits, cpuMillicores: 5)
        _ = never.handle(.handedOver(at: start), now: start)
        let failure = LaunchFailure(.commandExecute, errno: 2)
        #expect(never.handle(.launchFailed(failure), now: began) == [.deliver(.notStarted(failure))])
        // Nobody has to be silent for ever: it may be at something that has no limit.
        var patient = RunMachine(limits: Limits(), cpuMillicores: 5)
        _ = patient.begin(now: start)
        _ = patient.handle(.handedOver(at: start), now: start)
        #expect(patient.handle(.timer(.launcher), now: start + RunMachine.launcherPatience) == [.announce])
    }

    private struct Unexpected: Error {}

    @Test func launchFailureAfterCancelIsCancelled() {
        let result = outcome([(.cancel(now: false), 0), (.launchFailed(LaunchFailure(.clone, errno: 11)), 1)])
        #expect(result?.reason == .cancelled)
    }

    @Test func theClockOfTheStartDoesNotEndTheWaitingForTheEnd() {
        var machine = RunMachine(limits: limits, cpuMillicores: 1000)
        _ = machine.begin(now: start)
        _ = machine.handle(.started(at: start), now: start)
        let late = start + RunMachine.launcherPatience - millisecond
        #expect(machine.handle(.cancel(now: false), now: late).first == .kill)
        #expect(machine.handle(.timer(.launcher), now: start + RunMachine.launcherPatience).isEmpty)
        #expect(!deliveries(machine.handle(.timer(.launcher), now: late + RunMachine.launcherPatience)).isEmpty)
    }
}

@Suite struct GraceTests {
    private var limits: Limits {
        var limits = ordinaryLimits
        limits.graceMilliseconds = 300
        return limits
    }

    private func running() -> RunMachine {
        var machine = RunMachine(limits: limits, cpuMillicores: 1000)
        _ = machine.handle(.started(at: start), now: start)
        return machine
    }

    private static let soft: [(RunMachine.Event, Outcome.Reason)] = [
        (.timer(.wall), .wallTimeout), (.timer(.idle), .idleTimeout),
        (.sampled(usage(milliseconds: 1000)), .cpuTimeout),
        (.cancel(now: false), .cancelled), (.clientGone, .clientGone),
    ]

    @Test(arguments: soft)
    func `who may end softly is asked first and killed when the grace is over`(
        _ event: RunMachine.Event, _ reason: Outcome.Reason
    ) {
        var machine = running()
        let at = start + 2000 * millisecond
        let killAt = at + 300 * millisecond
        #expect(machine.handle(event, now: at) == [.stop, .arm(.grace, at: killAt)])
        #expect(machine.name == "stopping")
        #expect(machine.handle(.timer(.grace), now: killAt - 1) == [.arm(.grace, at: killAt)])
        let patience = killAt + RunMachine.launcherPatience
        #expect(machine.handle(.timer(.grace), now: killAt) == [.kill, .arm(.launcher, at: patience)])
        #expect(machine.name == "ending")
        var actions = machine.handle(.exited(report(.killed, endedAt: killAt)), now: killAt)
        actions += machine.handle(.drained, now: killAt)
        guard case .ended(let outcome, _)? = deliveries(actions).first else {
            Issue.record("no end")
            return
        }
        #expect(outcome.reason == reason)
    }

    @Test(arguments: soft)
    func `who ends in its grace was ended all the same`(_ event: RunMachine.Event, _ reason: Outcome.Reason) {
        for ending in [RunReport.Ending.exited(0), .signaled(15)] {
            var machine = running()
            let at = start + 2000 * millisecond
            _ = machine.handle(event, now: at)
            var actions = machine.handle(.exited(report(ending, endedAt: at + millisecond)), now: at + millisecond)
            actions += machine.handle(.drained, now: at + millisecond)
            #expect(!actions.contains(.kill))
            guard case .ended(let outcome, let end?)? = deliveries(actions).first else {
                Issue.record("no end")
                continue
            }
            #expect(outcome.reason == reason && end.ending == ending)
        }
    }

    @Test(
        arguments: [
            .cancel(now: false), .cancel(now: true), .outputOverflow(.sum, observed: 11),
        ] as [RunMachine.Event])
    func `impatience ends the grace, and the first reason stays`(_ event: RunMachine.Event) {
        var machine = running()
        _ = machine.handle(.timer(.wall), now: start + 2000 * millisecond)
        let now = start + 2001 * millisecond
        #expect(machine.handle(event, now: now).first == .kill)
        #expect(machine.handle(event, now: now).isEmpty)
        var actions = machine.handle(.exited(report(.killed)), now: now)
        actions += machine.handle(.drained, now: now)
        guard case .ended(let outcome, _)? = deliveries(actions).first else {
            Issue.record("no end")
            return
        }
        #expect(outcome.reason == .wallTimeout)
    }

    @Test func `a client that goes in the grace does not shorten it, and is not waited for`() {
        var machine = running()
        _ = machine.handle(.cancel(now: false), now: start)
        #expect(machine.handle(.clientGone, now: start).isEmpty)
        #expect(deliveries(machine.handle(.exited(report(.exited(0))), now: start)).count == 1)
    }

    @Test func `what is at once is at once`() {
        for event in [RunMachine.Event.cancel(now: true), .outputOverflow(.stdout, observed: 11)] {
            var machine = running()
            #expect(machine.handle(event, now: start).first == .kill)
        }
        // Before the start there is nobody to be asked.
        for event in [RunMachine.Event.cancel(now: false), .clientGone] {
            var machine = RunMachine(limits: limits, cpuMillicores: 1000)
            #expect(machine.handle(event, now: start).first == .kill)
        }
        // And where no grace is given.
        var none = RunMachine(limits: ordinaryLimits, cpuMillicores: 1000)
        _ = none.handle(.started(at: start), now: start)
        #expect(none.handle(.cancel(now: false), now: start).first == .kill)
    }
}

@Suite struct UsageClockTests {
    @Test func `samples are published at the interval and shared with the CPU clock`() {
        var machine = RunMachine(limits: Limits(cpuMilliseconds: 60_000), cpuMillicores: 1000, usageInterval: 200)
        let first = machine.handle(.started(at: start), now: start)
        #expect(first.contains(.arm(.usage, at: start + 200 * millisecond)))
        // Too early, as a clock may be.
        let early = start + 199 * millisecond
        #expect(machine.handle(.timer(.usage), now: early) == [.arm(.usage, at: start + 200 * millisecond)])
        let late = start + 210 * millisecond
        #expect(machine.handle(.timer(.usage), now: late) == [.sample, .arm(.usage, at: start + 400 * millisecond)])
        // One question serves all.
        #expect(machine.handle(.timer(.cpu), now: late).isEmpty)
        let little = usage(milliseconds: 10)
        let answer = machine.handle(.sampled(little), now: late)
        #expect(answer == [.publish(little), .arm(.cpu, at: late + 59_990 * millisecond)])
        // Somebody else's question is not the client's interval.
        #expect(machine.handle(.sampleWanted, now: late) == [.sample])
        #expect(!machine.handle(.sampled(little), now: late).contains(.publish(little)))
        // Missed intervals are not made up for.
        let later = start + 5000 * millisecond
        #expect(machine.handle(.timer(.usage), now: later) == [.sample, .arm(.usage, at: later + 200 * millisecond)])
    }

    @Test func `nobody asks before the start or after the end`() {
        var machine = RunMachine(limits: Limits(), cpuMillicores: 1000, usageInterval: 200)
        #expect(machine.handle(.sampleWanted, now: start).isEmpty && !machine.isAlive)
        _ = machine.handle(.started(at: start), now: start)
        #expect(machine.handle(.sampleWanted, now: start) == [.sample] && machine.isAlive)
        _ = machine.handle(.exited(report(.exited(0))), now: start)
        #expect(machine.handle(.timer(.usage), now: start + 300 * millisecond).isEmpty && !machine.isAlive)
    }
}
