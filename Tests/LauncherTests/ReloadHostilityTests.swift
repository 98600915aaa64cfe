import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// A sandboxd that was taken over, and policies that root has since replaced.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct ReloadHostilityTests {
    private let policies = TemporaryDirectory()

    /// A launcher that holds the policy `testing`, and finds others when it reads anew.
    private func launcher() throws -> LauncherHarness {
        let harness = try LauncherHarness.ready(
            reader: ["--policy-directory", policies.path], program: BuiltProducts.path("sandboxd"))
        return harness
    }

    /// What the launcher says to a reload, without the texts.
    private func reload(_ harness: LauncherHarness) throws -> LauncherEvent {
        try harness.send(.reload)
        while true {
            let event = try harness.next()
            if case .policyText = event { continue }
            return event
        }
    }

    private func failure(_ harness: LauncherHarness, policy: String, generation: UInt32) throws -> LaunchFailure? {
        try harness.run(["true"], policy: policy, generation: generation).failure
    }

    @Test func `whoever has taken over sandboxd does not choose what is read`() throws {
        let directory = TemporaryDirectory()
        let shell = OwnedDescriptor(owning: open("/bin/touch", O_RDONLY | O_CLOEXEC))
        // One that had no reader, and one that had: neither takes another.
        for harness in [try LauncherHarness.ready(), try launcher()] {
            try harness.send(.reader(arguments: ["\(directory.path)/mark"]), [shell.number])
            _ = try reload(harness)
            #expect(access("\(directory.path)/mark", F_OK) != 0)
        }
        #expect(try reload(try LauncherHarness.ready()).isReloadFailed)
    }

    @Test func `what was replaced can be used no longer than it takes to say so`() throws {
        let harness = try launcher()
        #expect(try failure(harness, policy: "testing", generation: 0) == nil)
        #expect(try failure(harness, policy: "testing", generation: 1)?.errno == ESTALE)
        #expect(try reload(harness) == .policiesReplaced(generation: 1))
        // A request that was on its way.
        #expect(try failure(harness, policy: "testing", generation: 0) == nil)
        #expect(try failure(harness, policy: "testing", generation: 1)?.errno == ENOENT)
        #expect(try failure(harness, policy: "default", generation: 0)?.errno == ENOENT)
        #expect(try failure(harness, policy: "default", generation: 1) == nil)
        // No word of adoption: the old ones end by themselves.
        usleep(1_200_000)
        #expect(try failure(harness, policy: "testing", generation: 0)?.errno == ESTALE)
    }

    @Test func `and no longer than sandboxd needs it`() throws {
        let harness = try launcher()
        #expect(try reload(harness) == .policiesReplaced(generation: 1))
        try harness.send(.adopted(generation: 7))
        #expect(try failure(harness, policy: "testing", generation: 0) == nil)
        try harness.send(.adopted(generation: 1))
        #expect(try failure(harness, policy: "testing", generation: 0)?.errno == ESTALE)
    }

    @Test func `the texts are what root has read`() throws {
        let text = "version: 1\nextends: default\ndescription: \(String(repeating: "x", count: 1000))\n"
        for number in 0..<60 { try policies.write("p\(number).yaml", text) }
        let harness = try launcher()
        try harness.send(.reload)
        var bytes: [UInt8] = []
        while case .policyText(let portion) = try harness.next() { bytes += portion }
        let texts = try PolicyTexts(decoding: bytes)
        #expect(texts.files.count == 60)
        #expect(texts.files.allSatisfy { $0.contents == Array(text.utf8) && $0.path.hasPrefix(policies.path) })
    }

    /// It is somebody's who can write there, and no policy.
    @Test func `a directory that is not root's is not read`() throws {
        chown(policies.path, 12345, 12345)
        let harness = try launcher()
        guard case .reloadFailed(.policies, let reason) = try reload(harness) else {
            Issue.record("reloaded")
            return
        }
        #expect(reason.contains(policies.path))
        #expect(try failure(harness, policy: "testing", generation: 0) == nil)
    }
}

extension ReloadHostilityTests {
    /// What is no fault of the files is told as such, and what is under way goes on.
    @Test func `one while another is under way is told so`() throws {
        let harness = try launcher()
        for _ in 0..<2 { try harness.send(.reload) }
        var answers: [LauncherEvent] = []
        while answers.count < 2 {
            let event = try harness.next()
            if case .policyText = event { continue }
            answers.append(event)
        }
        #expect(
            answers == [
                .reloadFailed(.busy, reason: "policies are being read already"), .policiesReplaced(generation: 1),
            ])
    }

    /// It is root's, and hears of the launcher's end only when it next has something to say.
    @Test func `a reader that is busy does not outlive its launcher`() throws {
        let text = "version: 1\nextends: default\ndescription: \(String(repeating: "x", count: 1000))\n"
        for number in 0..<4000 { try policies.write("p\(number).yaml", text) }
        let harness = try launcher()
        try harness.send(.reload)
        let reader = try #require(Self.eventually { Self.reader(of: harness.pid) })
        // Past its own start: it reads policies, and has many to go, of which it says nothing before it has read all of them.
        let isReading = Self.eventually { Self.bytesRead(by: reader) > 200_000 ? true : nil }
        try #require(isReading == true && !["Z", ""].contains(Self.state(of: reader)))
        kill(harness.pid, SIGKILL)
        let killed = monotonicNanoseconds()
        let isGone = Self.eventually { ["Z", ""].contains(Self.state(of: reader)) ? true : nil }
        #expect(isGone == true && monotonicNanoseconds() - killed < 300_000_000)
        kill(reader, SIGKILL)
    }

    private static func bytesRead(by pid: Int32) -> Int {
        let text = (try? wholeFile("/proc/\(pid)/io")) ?? ""
        return text.split(separator: "\n").first.flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0
    }

    private static func reader(of launcher: Int32) -> Int32? {
        let children = (try? wholeFile("/proc/\(launcher)/task/\(launcher)/children")) ?? ""
        return children.split(separator: " ").compactMap { Int32($0) }.first { pid in
            (try? wholeFile("/proc/\(pid)/cmdline"))?.contains("--read-policies") == true
        }
    }

    /// Of `/proc/PID/stat`; nothing of one that is gone.
    private static func state(of pid: Int32) -> String {
        let stat = (try? wholeFile("/proc/\(pid)/stat")) ?? ""
        return stat.split(separator: ")").last.map { String($0.dropFirst().prefix(1)) } ?? ""
    }

    private static func eventually<Value>(_ body: () -> Value?) -> Value? {
        for _ in 0..<3000 {
            if let value = body() { return value }
            usleep(1000)
        }
        return nil
    }

    @Test func `a reader that dies says nothing of the files`() throws {
        let harness = try LauncherHarness.ready(reader: [], program: "/bin/false")
        guard case .reloadFailed(.reader, _) = try reload(harness) else {
            Issue.record("not told as the reader's failure")
            return
        }
        #expect(try failure(harness, policy: "testing", generation: 0) == nil)
    }
}

extension LauncherEvent {
    fileprivate var isReloadFailed: Bool { if case .reloadFailed = self { true } else { false } }
}
