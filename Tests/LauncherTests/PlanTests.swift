import LaunchPlan
import Testing

/// What the fuzzer found in the launcher's protocol.
struct PlanTests {
    @Test func `a long subject is cut at a character's end and reads back as it was sent`() throws {
        for unit in ["x", "\u{e9}", "\u{20ac}", "\u{1f642}"] {
            for lead in ["", "a", "ab", "abc"] {
                let subject = lead + String(repeating: unit, count: 5000)
                let event = LauncherEvent.failed(run: 1, failure: LaunchFailure(.commandExecute, errno: 2, subject))
                let read = try LauncherEvent(decoding: event.encoded)
                guard case .failed(1, let failure) = read else { throw HarnessError.unexpected("\(read)") }
                #expect(subject.hasPrefix(failure.subject) && failure.subject.utf8.count > 4096 - 4)
                #expect(try LauncherEvent(decoding: read.encoded) == read)
            }
        }
    }

    private static let full = PoolReport(
        capacity: 1024, waiting: [.init(policy: "a", count: 1), .init(policy: "b", count: .max)], preparing: 2,
        hits: .max, misses: 3, dying: 4)

    @Test func `what is said of the pool reads back as it was sent`() throws {
        #expect(try LauncherCommand(decoding: LauncherCommand.pool.encoded) == .pool)
        let prepare = LauncherCommand.prepare(policy: "default")
        #expect(try LauncherCommand(decoding: prepare.encoded) == prepare)
        for report in [PoolReport(), Self.full] {
            let event = LauncherEvent.pool(report)
            #expect(try LauncherEvent(decoding: event.encoded) == event)
        }
    }

    @Test func `every policy with the longest name fits an event`() throws {
        let names = (0..<PoolReport.maximumPolicies).map { String(repeating: "n", count: 61) + String(100 + $0) }
        let report = PoolReport(capacity: 1024, waiting: names.map { PoolReport.Waiting(policy: $0, count: 1) })
        let encoded = LauncherEvent.pool(report).encoded
        #expect(encoded.count <= LauncherEvent.maximumBytes)
        #expect(try LauncherEvent(decoding: encoded) == .pool(report))
        let more = report.waiting + [.init(policy: "z", count: 1)]
        #expect(throws: PlanError.tooLarge("waiting policies")) {
            try LauncherEvent(decoding: LauncherEvent.pool(PoolReport(waiting: more)).encoded)
        }
    }

    @Test(
        arguments: [
            [("b", 1), ("a", 1)], [("a", 1), ("a", 2)], [("a", 0)], [(String(repeating: "n", count: 65), 1)],
            [("a\0", 1)],
        ] as [[(String, UInt32)]]) func `a pool that cannot be is no event`(_ waiting: [(String, UInt32)])
    {
        let report = PoolReport(capacity: 8, waiting: waiting.map { PoolReport.Waiting(policy: $0.0, count: $0.1) })
        #expect(throws: PlanError.self) { try LauncherEvent(decoding: LauncherEvent.pool(report).encoded) }
    }

    @Test func `a report of the pool cut at every byte, and with a byte too many`() {
        let bytes = LauncherEvent.pool(Self.full).encoded
        for length in 0..<bytes.count {
            #expect(throws: PlanError.truncated) { try LauncherEvent(decoding: Array(bytes.prefix(length))) }
        }
        #expect(throws: PlanError.trailingBytes(1)) { try LauncherEvent(decoding: bytes + [0]) }
    }

    @Test(arguments: [nil, LaunchStamps(receivedAt: 1, handedOverAt: .max, isWarm: true)] as [LaunchStamps?])
    func `when a start was how far reads back as it was sent`(_ stamps: LaunchStamps?) throws {
        let report = RunReport(ending: .exited(0), startedAt: 2, endedAt: 3, usage: TreeUsage(), stamps: stamps)
        for event in [LauncherEvent.started(run: 1, at: 2, stamps: stamps), .finished(run: 1, report: report)] {
            let bytes = event.encoded
            #expect(try LauncherEvent(decoding: bytes) == event)
            #expect(throws: PlanError.truncated) { try LauncherEvent(decoding: bytes.dropLast()) }
            #expect(throws: PlanError.trailingBytes(1)) { try LauncherEvent(decoding: bytes + [0]) }
        }
    }

    @Test func `warm is yes or no`() {
        let stamps = LaunchStamps(receivedAt: 1, handedOverAt: 2, isWarm: true)
        let bytes = LauncherEvent.started(run: 1, at: 2, stamps: stamps).encoded
        #expect(throws: PlanError.badValue("warm")) { try LauncherEvent(decoding: bytes.dropLast() + [2]) }
    }
}
