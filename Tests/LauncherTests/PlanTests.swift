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
}
