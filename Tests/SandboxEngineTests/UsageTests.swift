import Glibc
import LaunchPlan
import SandboxModel
import SandboxWire
import Testing

@testable import SandboxEngine

/// What runs use, while they run: events, lists and single answers.
@Suite struct UsageTests {
    private static var sample: TreeUsage {
        var usage = TreeUsage()
        usage.userMicroseconds = 1_234_999
        usage.systemMicroseconds = 2000
        usage.throttledMicroseconds = 3000
        usage.memoryBytes = 4
        usage.memoryPeakBytes = 5
        usage.swapBytes = 6
        usage.processes = 7
        usage.processesPeak = 8
        usage.readBytes = 9
        usage.writeBytes = 10
        usage.cpuStallMicroseconds = 11_000
        usage.memoryStallMicroseconds = 12_000
        usage.ioStallMicroseconds = 13_000
        return usage
    }

    private func start(_ client: RawClient, _ request: RunRequest, channel: UInt32 = 1) throws -> String {
        try client.send(.run(channel: channel, request: request, window: nil))
        guard case .accepted(channel, let id, _)? = try client.message() else { throw Silence() }
        guard case .started(channel)? = try client.message() else { throw Silence() }
        return id
    }

    private func list(_ client: RawClient, usage: Bool = true) throws -> [RunSummary] {
        try client.send(.list(channel: 900, usage: usage))
        guard case .runs(900, let runs)? = try client.message() else { throw Silence() }
        return runs
    }

    private func stats(_ client: RawClient, _ id: String) throws -> RunSummary {
        try client.send(.stats(channel: 901, id: id))
        switch try client.message() {
        case .stats(901, let run): return run
        case .error(901, let error): throw error
        default: throw Silence()
        }
    }

    private func samples(_ fixture: ServerFixture) -> Int {
        fixture.launcher.commands.count { if case .sample = $0 { true } else { false } }
    }

    @Test func `a run tells what it uses at its interval, until its end`() throws {
        let fixture = try ServerFixture()
        fixture.launcher.set(sample: Self.sample)
        let request = RunRequest(argv: ["sleep", "700"], usageIntervalMilliseconds: 100)
        let ended = try fixture.connect().run(request)
        let most = Int(ended.result?.usage.wallMilliseconds ?? 0) / 100
        #expect((1...most).contains(ended.samples.count), "\(ended.samples.count)")
        let first = try #require(ended.samples.first)
        #expect(first.userMilliseconds == 1234 && first.systemMilliseconds == 2 && first.throttledMilliseconds == 3)
        #expect(first.memoryBytes == 4 && first.memoryPeakBytes == 5 && first.swapBytes == 6)
        #expect(first.processes == 7 && first.processesPeak == 8 && first.readBytes == 9 && first.writeBytes == 10)
        #expect(first.cpuStallMilliseconds == 11 && first.memoryStallMilliseconds == 12)
        #expect(first.ioStallMilliseconds == 13 && first.stdoutBytes == 0 && first.stderrBytes == 0)
        #expect(first.elapsedMilliseconds ?? 0 >= 100)
        let times = ended.samples.compactMap(\.elapsedMilliseconds)
        #expect(times == times.sorted() && Set(times).count == times.count)
        #expect(ended.result?.outcome.reason == .exited)
        // Without being asked, nothing is told.
        #expect(try fixture.connect().run(RunRequest(argv: ["sleep", "150"])).samples.isEmpty)
    }

    @Test func `a list has usage, limits and callers where they are asked for`() throws {
        let fixture = try ServerFixture()
        fixture.launcher.set(sample: Self.sample)
        let client = try fixture.connect()
        let id = try start(client, RunRequest(argv: ["sleep"], limits: Limits(processes: 5)))
        let plain = try #require(try list(client, usage: false).first)
        #expect(plain.usage == nil && plain.limits == nil && plain.uid == getuid() && plain.state == "running")
        #expect(samples(fixture) == 0)
        let clock = ContinuousClock()
        let beginning = clock.now
        let full = try #require(try list(client).first)
        #expect(full.id == id && full.usage?.userMilliseconds == 1234 && full.limits?.processes == 5)
        // Again within a tenth of a second: nobody is asked, however often.
        for _ in 0..<20 { #expect(try list(client).first?.usage?.memoryBytes == 4) }
        #expect(samples(fixture) <= Int((clock.now - beginning) / .milliseconds(100)) + 1)
        #expect(try stats(client, id).usage?.memoryPeakBytes == 5)
        #expect(throws: ServiceError.self) { try stats(client, "nobody's") }
        #expect(try list(fixture.connect()).map(\.id) == [id])
    }

    @Test func `nobody waits for a launcher that says nothing`() throws {
        var limits = EngineLimits()
        limits.sampleNanoseconds = 300_000_000
        let fixture = try ServerFixture(limits: limits)
        let client = try fixture.connect()
        let id = try start(client, RunRequest(argv: ["silent"]))
        #expect(try list(client).map(\.id) == [id])
        #expect(try stats(client, id).usage?.memoryBytes == nil)
        // The launcher was not asked again while it owes an answer.
        #expect(samples(fixture) == 1)
    }

    @Test(arguments: ["cancel", "die"])
    func `the end of a run answers all who wait for it`(_ end: String) throws {
        var limits = EngineLimits()
        limits.sampleNanoseconds = 600_000_000_000
        let fixture = try ServerFixture(limits: limits)
        let client = try fixture.connect()
        let id = try start(client, RunRequest(argv: ["silent"]))
        let other = try fixture.connect()
        try other.send(.stats(channel: 5, id: id))
        try other.send(.list(channel: 6, usage: true))
        let asked = fixture.eventually { samples(fixture) > 0 }
        #expect(asked)
        if end == "die" {
            try client.send(.run(channel: 2, request: RunRequest(argv: ["die"]), window: nil))
        } else {
            try client.send(.cancel(channel: 1, now: true))
        }
        for _ in 0..<2 {
            switch try other.message() {
            case .stats(5, let run): #expect(run.id == id && run.state == "ending" && run.usage != nil)
            case .runs(6, let runs): #expect(runs.count <= 2)
            default: Issue.record("no answer")
            }
        }
    }

    @Test func `what has not started has used nothing`() throws {
        let fixture = try ServerFixture()
        fixture.launcher.set(.hangs, for: "shell")
        let client = try fixture.connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["true"], policy: "shell"), window: nil))
        guard case .accepted? = try client.message() else { throw Silence() }
        let run = try #require(try list(client).first)
        #expect(run.state == "starting" && run.usage?.elapsedMilliseconds == nil && run.usage?.stdoutBytes == 0)
        #expect(samples(fixture) == 0)
    }

    @Test func `a run that has ended and waits for its client has used what it used`() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["echo", "hello"]), window: 1))
        guard case .accepted(1, let id, _)? = try client.message() else { throw Silence() }
        let other = try fixture.connect()
        let ended = try fixture.eventually { try stats(other, id).state == "ending" }
        #expect(ended)
        #expect(try stats(other, id).usage?.elapsedMilliseconds != nil)
        // Killed, it waits for its client no longer, ends as it had ended, and only once.
        try other.send(.kill(channel: 2, id: id, now: false))
        #expect(try other.message() == .killed(channel: 2, id: id))
        try other.send(.kill(channel: 2, id: id, now: true))
        guard case .error(2, let error)? = try other.message() else { throw Silence() }
        #expect(error.code == .unknownRun)
        let result = try client.finish().result
        #expect(result?.outcome.reason == .exited && result?.usage.stdoutTruncated == true)
    }

    @Test func `the largest list fits a message`() throws {
        // 1024 runs, all with the longest that a line can have.
        let most: UInt64 = .max
        let limits = Limits(
            memoryBytes: most, swapBytes: most, cpus: 1023.999, processes: most, openFiles: most, fileSizeBytes: most,
            outputBytes: most, stdoutBytes: most, stderrBytes: most, tmpBytes: most, workspaceBytes: most,
            workspaceInodes: most, readBytesPerSecond: most, writeBytesPerSecond: most, wallMilliseconds: most,
            cpuMilliseconds: most, idleMilliseconds: most, graceMilliseconds: most)
        var tree = TreeUsage()
        for field in [
            \TreeUsage.userMicroseconds, \.systemMicroseconds, \.throttledMicroseconds, \.memoryBytes,
            \.memoryPeakBytes, \.swapBytes, \.processes, \.processesPeak, \.readBytes, \.writeBytes,
            \.cpuStallMicroseconds, \.memoryStallMicroseconds, \.ioStallMicroseconds,
        ] { tree[keyPath: field] = most }
        var usage = UsageSample(tree)
        usage.elapsedMilliseconds = most
        usage.stdoutBytes = most
        usage.stderrBytes = most
        for count in [Engine.maximumWithLimits, EngineLimits().runs] {
            let run = RunSummary(
                id: String(repeating: "f", count: 32), policy: String(repeating: "p", count: 64),
                program: RunSummary.shown(String(repeating: "\u{10ffff}", count: 500)), state: "stopping",
                ageMilliseconds: most, uid: .max, usage: usage,
                limits: count <= Engine.maximumWithLimits ? limits : nil)
            let message = ServerMessage.runs(channel: .max, runs: .init(repeating: run, count: count))
            _ = try ControlCoding.frame(message)
        }
    }

    @Test func `the host's report says what each absence means`() throws {
        let client = try ServerFixture().connect()
        try client.send(.host(channel: 3))
        guard case .host(3, let host)? = try client.message() else { throw Silence() }
        let names = [
            "cgroup", "memory-limit", "swap-limit", "cpu-limit", "process-limit", "read-rate", "write-rate",
            "memory-peak",
            "processes-peak", "io-usage", "pressure", "group-kill", "memory-group-kill", "birth-in-group",
        ]
        #expect(Set(host.findings.map(\.name)) == Set(names) && host.findings.count == names.count)
        #expect(host.findings.allSatisfy { $0.isFound && $0.remedy == nil && !$0.detail.isEmpty })
        #expect(host.findings.first?.detail == "cgroup v2")
        let old = HostReport(ResourceControl(version: 1, features: [.memoryPeak, .ofRoot]))
        #expect(old.findings.first?.detail == "cgroup v1" && old.findings.first?.remedy != nil)
        let lacking = old.findings.filter { !$0.isFound }
        #expect(lacking.count == 9 && lacking.allSatisfy { !$0.detail.isEmpty })
        // These three are only the faster way to the same end.
        let without = lacking.filter { $0.remedy == nil }.map(\.name)
        #expect(without == ["group-kill", "memory-group-kill", "birth-in-group"])
    }
}
