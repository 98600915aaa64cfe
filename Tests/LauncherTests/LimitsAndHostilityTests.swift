import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct LauncherLimitTests {
    @Test func `memory: a child that is killed for memory ends the run`() throws {
        var limits = LaunchLimits.testing
        limits.memoryBytes = 64 << 20
        // The shell would live on and exit 0.
        let finished = try LauncherHarness.ready().run(
            ["sh", "-c", "python3 -c 'x = bytearray(200 << 20)'; sleep 20; exit 0"], limits: limits)
        let report = try #require(finished.report)
        #expect(report.usage.memoryKills > 0)
        #expect(report.endedAt - report.startedAt < 15_000_000_000)
        #expect(report.usage.memoryPeakBytes ?? 0 > 60 << 20)
    }

    @Test func `processes: fork is refused at the limit and counted`() throws {
        var limits = LaunchLimits.testing
        limits.processes = 10
        let finished = try LauncherHarness.ready().run(
            ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done; wait"], limits: limits)
        #expect(finished.report?.usage.forksRefused ?? 0 > 0)
        #expect(finished.output.contains("fork"))
    }

    @Test func `an event about a program with a very long name is not too long for who reads it`() throws {
        let name = String(repeating: "x", count: 100_000)
        let failure = try #require(try LauncherHarness.ready().run([name]).failure)
        #expect(failure.stage == .commandExecute)
        #expect(name.hasPrefix(failure.subject))
    }

    @Test func `kill ends the whole tree, also children in sessions of their own`() throws {
        let harness = try LauncherHarness.ready()
        let output = try DescriptorPair.pipe()
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        let request = LaunchRequest(
            run: 77, policy: "testing", client: 1, workspace: nil, cwd: "",
            argv: ["sh", "-c", "trap '' TERM; setsid sleep 60 & setsid sh -c 'sleep 60 & sleep 60' & sleep 60"],
            environment: ["PATH=/usr/bin:/bin"], limits: .testing, terminal: false)
        try harness.send(.launch(request), [null.number, output.second.number, output.second.number])
        guard case .started = try harness.next() else { throw HarnessError.unexpected("not started") }
        usleep(100_000)
        try harness.send(.kill(run: 77))
        guard case .finished(77, let report) = try harness.next() else { throw HarnessError.unexpected("not ended") }
        #expect(report.ending == .killed)
        // Nobody holds the pipe any more.
        var byte: UInt8 = 0
        let end = output.closingSecond()
        #expect(read(end.number, &byte, 1) == 0)
    }

    @Test func `open files and file size are limited`() throws {
        let finished = try LauncherHarness.ready().run(["sh", "-c", "ulimit -n; ulimit -c; ulimit -f"])
        // dash counts file sizes in 512-byte blocks.
        #expect(finished.output == "256\n0\n\((64 << 20) / 512)\n")
    }
}

extension LauncherLimitTests {
    @Test func `no core, also not for the host's handler, whatever the command asks for`() throws {
        let script = """
            import resource
            print(resource.getrlimit(resource.RLIMIT_CORE))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            print(resource.getrlimit(resource.RLIMIT_CORE))
            resource.setrlimit(resource.RLIMIT_NOFILE, (10, 20))
            print(resource.getrlimit(resource.RLIMIT_NOFILE))
            """
        let finished = try LauncherHarness.ready().run(["python3", "-c", script])
        #expect(finished.output == "(1, 1)\n(1, 1)\n(10, 20)\n")
    }
}

/// A sandboxd that was taken over asks for what no policy allows.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct HostileSandboxdTests {
    private func refused(_ change: (inout LaunchLimits) -> Void) throws -> LaunchFailure? {
        var limits = LaunchLimits.testing
        change(&limits)
        return try LauncherHarness.ready().run(["true"], limits: limits).failure
    }

    @Test func `wider limits are refused`() throws {
        #expect(try refused { $0.memoryBytes += 1 }?.stage == .refused)
        #expect(try refused { $0.processes += 1 }?.stage == .refused)
        #expect(try refused { $0.openFiles += 1 }?.stage == .refused)
        #expect(try refused { $0.fileSizeBytes += 1 }?.stage == .refused)
        #expect(try refused { $0.cpuMillicores += 1 }?.stage == .refused)
        #expect(try refused { $0.memoryBytes = 0 }?.stage == .refused)
    }

    @Test func `policies are taken before the seal only, and none that shows all`() throws {
        let harness = try LauncherHarness()
        var everything = CompiledPolicy.testing(name: "everything")
        everything.readPaths = ["/"]
        try harness.send(.policy(everything))
        guard case .policyRefused("everything", _) = try harness.next() else { throw HarnessError.unexpected("taken") }
        var mounting = CompiledPolicy.testing(name: "mounting")
        mounting.syscallsAllowed = ["mount"]
        try harness.send(.policy(mounting))
        guard case .policyRefused("mounting", _) = try harness.next() else { throw HarnessError.unexpected("taken") }
        try harness.send(.seal())
        _ = try harness.next()
        try harness.send(.policy(.testing(name: "late")))
        guard case .policyRefused("late", _) = try harness.next() else { throw HarnessError.unexpected("taken") }
        #expect(try harness.run(["true"], policy: "late").failure?.stage == .refused)
    }

    @Test func `nobody is spoken for who is not connected`() throws {
        let harness = try LauncherHarness.ready()
        #expect(try harness.run(["true"], client: 2).failure?.stage == .client)
    }

    @Test func `garbage, truncated and oversized messages change nothing`() throws {
        let harness = try LauncherHarness.ready()
        var generator = SystemRandomNumberGenerator()
        let request = LauncherCommand.launch(
            LaunchRequest(
                run: 5, policy: "testing", client: 1, workspace: nil, cwd: "", argv: ["true"], environment: [],
                limits: .testing, terminal: false)
        ).encoded
        for length in 1..<request.count { try harness.sendRaw(Array(request.prefix(length))) }
        for _ in 0..<500 {
            try harness.sendRaw((0..<Int.random(in: 1..<200, using: &generator)).map { _ in .random(in: 9...255) })
        }
        try harness.sendRaw([UInt8](repeating: 5, count: LauncherCommand.maximumBytes + 1))
        // Descriptors that belong to nothing are closed.
        for _ in 0..<100 { try harness.sendRaw([99], [0, 1, 2, 0, 1, 2]) }
        #expect(try harness.run(["true"]).report?.ending == .exited(0))
    }

    @Test func `a launch without its descriptors is refused`() throws {
        let harness = try LauncherHarness.ready()
        let request = LaunchRequest(
            run: 9, policy: "testing", client: 1, workspace: nil, cwd: "", argv: ["true"], environment: [],
            limits: .testing, terminal: false)
        try harness.send(.launch(request), [0])
        guard case .failed(9, let failure) = try harness.next() else { throw HarnessError.unexpected("started") }
        #expect(failure.stage == .refused)
    }

    @Test func `a client that has left can not be spoken for`() throws {
        let harness = try LauncherHarness.ready()
        #expect(try harness.run(["true"]).report?.ending == .exited(0))
        harness.closePeer()
        #expect(try harness.run(["true"]).failure?.stage == .client)
    }

    @Test func `standard streams that lead out of the sandbox are refused`() throws {
        let harness = try LauncherHarness.ready()
        let odd = [
            open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), open("/etc/passwd", O_RDONLY | O_CLOEXEC),
            open("/dev/null", 0o10_000_000 | O_CLOEXEC), open("/dev/zero", O_RDONLY | O_CLOEXEC),
            socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0),
        ]
        defer { for descriptor in odd { close(descriptor) } }
        for (index, descriptor) in odd.enumerated() {
            let request = LaunchRequest(
                run: UInt64(100 + index), policy: "testing", client: 1, workspace: nil, cwd: "", argv: ["true"],
                environment: [], limits: .testing, terminal: false)
            try harness.send(.launch(request), [descriptor, 0, 0])
            guard case .failed(_, let failure) = try harness.next() else {
                throw HarnessError.unexpected("descriptor \(index) was taken")
            }
            #expect(failure.stage == .refused)
        }
    }
}
