import LaunchPlan
import SandboxModel
import Testing

@testable import SandboxEngine

private let millisecond: UInt64 = 1_000_000
private let beginning: UInt64 = 1000 * millisecond
/// Between two events of a sequence. Timers come early and late by it.
private let step: UInt64 = 400 * millisecond

/// Something that happens, at its time.
private struct Happening: Sendable {
    var name: String
    var event: @Sendable (_ now: UInt64) -> RunMachine.Event

    init(_ name: String, _ event: @escaping @Sendable (UInt64) -> RunMachine.Event) {
        self.name = name
        self.event = event
    }

    private static func report(_ ending: RunReport.Ending, at: UInt64, memoryKills: UInt64 = 0) -> RunMachine.Event {
        var usage = TreeUsage()
        usage.memoryKills = memoryKills
        return .exited(RunReport(ending: ending, startedAt: beginning, endedAt: at, usage: usage))
    }

    private static func sample(_ milliseconds: UInt64) -> RunMachine.Event {
        var usage = TreeUsage()
        usage.userMicroseconds = milliseconds * 1000
        usage.systemMicroseconds = 0
        return .sampled(usage)
    }

    static let started = Happening("started") { .started(at: $0) }
    static let killed = Happening("exited by kill") { report(.killed, at: $0) }
    static let drained = Happening("drained") { _ in .drained }

    /// What can make a difference to the end.
    static let decisive: [Happening] = [
        started, drained, killed,
        Happening("exited now") { report(.exited(3), at: $0) },
        Happening("exited before") { _ in report(.exited(4), at: beginning) },
        Happening("out of memory") { report(.signaled(9), at: $0, memoryKills: 1) },
        Happening("launch failed") { _ in .launchFailed(LaunchFailure(.clone, errno: 11)) },
        Happening("overflow") { _ in .outputOverflow(.sum, observed: 11) },
        Happening("wall") { _ in .timer(.wall) }, Happening("grace") { _ in .timer(.grace) },
        Happening("too much CPU") { _ in sample(1001) },
        Happening("cancel") { _ in .cancel(now: false) }, Happening("cancel now") { _ in .cancel(now: true) },
        Happening("client gone") { _ in .clientGone }, Happening("launcher gone") { _ in .launcherGone },
    ]

    static let all: [Happening] =
        decisive + [
            Happening("refused") { _ in .refused(ServiceError(.policyNotVerified, "it does not hold")) },
            Happening("output") { _ in .output },
            Happening("overflow of stderr") { _ in .outputOverflow(.stderr, observed: 12) },
            Happening("idle") { _ in .timer(.idle) }, Happening("cpu") { _ in .timer(.cpu) },
            Happening("usage") { _ in .timer(.usage) }, Happening("launcher patience") { _ in .timer(.launcher) },
            Happening("sample wanted") { _ in .sampleWanted }, Happening("little CPU") { _ in sample(10) },
        ]
}

/// A machine, what came out of it so far, and what by the rules has to come out: written from the events alone.
private struct Walk {
    var machine: RunMachine
    var now = beginning
    var limits: Limits
    /// What the machine was told, for a failure's message.
    var path: [String] = []
    var problem: String?

    private var verdict: RunMachine.Verdict?
    private var kills = 0
    private var announcements = 0
    private var stops = 0
    private var isSampling = false
    private var startedAt: UInt64?
    private var lastOutput: UInt64 = 0
    private var decision: (reason: Outcome.Reason, at: UInt64)?
    private var report: RunReport?

    init(grace: UInt64) {
        limits = Limits(
            memoryBytes: 512, outputBytes: 10, stderrBytes: 5, wallMilliseconds: 1000, cpuMilliseconds: 1000,
            idleMilliseconds: 700, graceMilliseconds: grace)
        machine = RunMachine(limits: limits, cpuMillicores: 1000, usageInterval: 300)
    }

    var isOver: Bool { verdict != nil }

    mutating func take(_ happening: Happening, after nanoseconds: UInt64 = step) {
        now += nanoseconds
        path.append(happening.name)
        let event = happening.event(now)
        let expected = expect(event)
        let actions = machine.handle(event, now: now)
        if isOver, !actions.isEmpty { return fail("something after the end: \(actions)") }
        for action in actions { check(action) }
        if machine.isFinished != isOver { fail("it is finished without a delivery") }
        if let verdict, actions.contains(.deliver(verdict)), verdict.reason != expected {
            fail("\(verdict) where the rules say \(expected?.rawValue ?? "an error")")
        }
    }

    private mutating func check(_ action: RunMachine.Action) {
        if isOver { return fail("\(action) after the end") }
        switch action {
        case .kill:
            kills += 1
            if kills > 1 { fail("a second kill") }
        case .stop:
            stops += 1
            if stops > 1 || kills > 0 || startedAt == nil || limits.graceMilliseconds == 0 { fail("a stop too many") }
        case .sample:
            if isSampling { fail("two questions at once") }
            isSampling = true
        case .publish: if isSampling { fail("a sample that nobody took") }
        case .announce:
            announcements += 1
            // With the start, or with the end of what was over before its start was told.
            let isTold = startedAt == now || startedAt == nil && report != nil && report?.ending != .killed
            if !isTold || announcements > 1 { fail("announced before the start") }
        case .arm(let clock, let at):
            if clock == .grace, at < now || at > now + limits.graceMilliseconds! * millisecond { fail("grace") }
        case .deliver(let verdict): self.verdict = verdict
        }
    }

    mutating func fail(_ text: String) { problem = problem ?? "\(text): \(path.joined(separator: ", "))" }

    /// What ends the run, if this event does so: by the rules of Classification.swift.
    private mutating func expect(_ event: RunMachine.Event) -> Outcome.Reason? {
        if isOver { return nil }
        switch event {
        case .launcherGone: return report == nil ? .lost : nil
        case .started(let at):
            if startedAt == nil, report == nil, decision == nil { lastOutput = at }
            if report == nil, decision == nil { startedAt = at }
        case .sampled: isSampling = false
        case .exited(let new): report = report ?? new
        case .output:
            if decision == nil { lastOutput = now }
            if startedAt == nil, report == nil, decision == nil { startedAt = now }
        default: break
        }
        // The first decision counts. After the end only too much output is one.
        if decision == nil, let reason = reason(event) { decision = (reason, now) }
        guard let report else { return decision?.reason }
        if report.usage.memoryKills > 0 { return .memoryLimit }
        if let decision, decision.reason == .outputLimit { return .outputLimit }
        if let decision, report.ending == .killed || report.endedAt > decision.at { return decision.reason }
        if case .exited = report.ending { return .exited }
        return .lost
    }

    private func reason(_ event: RunMachine.Event) -> Outcome.Reason? {
        switch event {
        case .outputOverflow: .outputLimit
        case _ where report != nil: nil
        case .cancel: .cancelled
        case .clientGone: .clientGone
        case .timer(.wall): startedAt.map { now >= $0 + 1000 * millisecond } ?? false ? .wallTimeout : nil
        case .timer(.idle): startedAt != nil && now >= lastOutput + 700 * millisecond ? .idleTimeout : nil
        case .sampled(let usage): startedAt != nil && usage.cpuMilliseconds! >= 1000 ? .cpuTimeout : nil
        default: nil
        }
    }

    /// Whatever has come so far: the end of the tree and of its output is the end of the run.
    func checkThatItCanEnd() -> String? {
        var walk = self
        walk.take(.killed)
        walk.take(.drained)
        if !walk.isOver { walk.fail("no delivery") }
        return walk.problem
    }

    /// Whatever has come so far, and though the launcher says nothing any more: the clocks end the run.
    func checkThatClocksEndIt() -> String? {
        // Then it waits for the client to take the last output, and has no limit but the client's connection.
        guard !machine.isDraining else { return nil }
        var walk = self
        for clock in [RunMachine.Clock.wall, .grace, .launcher] {
            walk.take(Happening("timer \(clock)") { _ in .timer(clock) }, after: 2 * RunMachine.launcherPatience)
        }
        if !walk.isOver { walk.fail("no delivery by the clocks") }
        return walk.problem
    }
}

extension RunMachine.Verdict {
    fileprivate var reason: Outcome.Reason? {
        switch self {
        case .ended(let outcome, _): outcome.reason
        case .notStarted, .refused: nil
        }
    }
}

@Suite struct RunMachineOrderTests {
    /// What a search has seen, and the first sequences that broke a rule.
    private struct Search {
        var count = 0
        var problems: [String] = []
    }

    /// Every sequence of so many happenings, from here on.
    private func descend(_ walk: Walk, _ depth: Int, _ happenings: [Happening], _ search: inout Search) {
        for happening in happenings where search.problems.count < 5 {
            var next = walk
            next.take(happening)
            search.count += 1
            let problem =
                next.problem ?? (next.isOver ? nil : next.checkThatItCanEnd() ?? next.checkThatClocksEndIt())
            if let problem { search.problems.append(problem) }
            guard problem == nil, depth > 1 else { continue }
            // After the end nothing may come; one more of each shows it.
            descend(next, next.isOver ? 1 : depth - 1, happenings, &search)
        }
    }

    @Test(arguments: [0, 500] as [UInt64])
    func `every sequence of four events keeps the rules`(_ grace: UInt64) {
        var search = Search()
        descend(Walk(grace: grace), 4, Happening.all, &search)
        #expect(search.problems.isEmpty)
        #expect(search.count > 100_000)
    }

    @Test func `every sequence of five decisive events after the start keeps the rules`() {
        var search = Search()
        var walk = Walk(grace: 500)
        walk.take(.started)
        descend(walk, 5, Happening.decisive, &search)
        #expect(search.problems.isEmpty)
        #expect(search.count > 100_000)
    }

    @Test(arguments: [0, 500] as [UInt64])
    func `long sequences by chance keep the rules`(_ grace: UInt64) {
        var generator = Seeded(state: 0x5eed + grace)
        var ends: Set<Outcome.Reason> = []
        for _ in 0..<8000 {
            var walk = Walk(grace: grace)
            // A long life first, so that the end is not always the first event's.
            let isLong = Bool.random(using: &generator)
            if isLong { walk.take(.started) }
            let calm = Happening.all.filter {
                ["output", "sample wanted", "little CPU", "usage", "cpu"].contains($0.name)
            }
            for _ in 0..<Int.random(in: 1...30, using: &generator) {
                let others = isLong && Int.random(in: 0..<4, using: &generator) > 0 ? calm : Happening.all
                guard let next = others.randomElement(using: &generator) else { continue }
                walk.take(next, after: UInt64.random(in: 0...600, using: &generator) * millisecond)
                if let problem = walk.problem ?? walk.endProblem(&ends) {
                    Issue.record("\(problem)")
                    return
                }
            }
        }
        // The walks have been everywhere.
        let all: Set<Outcome.Reason> = [
            .exited, .wallTimeout, .cpuTimeout, .idleTimeout, .memoryLimit, .outputLimit, .cancelled, .clientGone,
            .lost,
        ]
        #expect(ends == all)
    }
}

extension Walk {
    fileprivate func endProblem(_ ends: inout Set<Outcome.Reason>) -> String? {
        guard isOver else { return checkThatItCanEnd() ?? checkThatClocksEndIt() }
        if let reason = verdict?.reason { ends.insert(reason) }
        return nil
    }
}

/// Chance that is the same every time (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }
}
