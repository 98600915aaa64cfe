import Glibc
import LaunchPlan
import NIOCore
import NIOPosix
import SandboxModel
import SandboxWire
import Synchronization
import Testing

@testable import SandboxEngine

/// One run with its pipes and timers: endings with grace, limits of single streams, and clients that do not read.
@Suite struct RunTests {
    private func result(_ fixture: RunFixture, _ argv: [String], _ limits: Limits) throws -> RunResult {
        try fixture.end(fixture.start(RunRequest(argv: argv), limits: limits))
    }

    // MARK: endings

    @Test func `a deadline asks first, and what is written in the grace still comes`() throws {
        let fixture = try RunFixture()
        let run = try fixture.start(
            RunRequest(argv: ["polite"]), limits: Limits(wallMilliseconds: 50, graceMilliseconds: 60_000))
        let result = try fixture.end(run)
        #expect(result.outcome.reason == .wallTimeout && result.outcome.limit == 50)
        #expect(run.owner.record.withLock { $0.stdout } == Array("goodbye".utf8))
        #expect(fixture.commands(run) == [.stop(run: run.number)])
    }

    @Test func `what is written before the start is told comes, and its time is limited`() throws {
        let fixture = try RunFixture()
        let run = try fixture.start(
            RunRequest(argv: ["early"]), limits: Limits(wallMilliseconds: 200, graceMilliseconds: 60_000))
        try fixture.on(run) { $0.watchForOutput() }
        #expect(fixture.hasStarted(run))
        #expect(fixture.server.eventually { run.owner.record.withLock { $0.stdout } == Array("early".utf8) })
        #expect(try fixture.end(run).outcome.reason == .wallTimeout)
        #expect(fixture.commands(run) == [.stop(run: run.number)])
    }

    /// The service looks for it by itself.
    @Test func `a command that writes at once is heard before its start is told`() throws {
        let client = try ServerFixture().connect()
        try client.send(.run(channel: 1, request: RunRequest(argv: ["early"]), window: nil))
        var order: [String] = []
        while order.last != "output", let frame = try client.frame() {
            guard frame.kind == .control else {
                order.append("output")
                continue
            }
            if case .started = try ControlCoding.decode(ServerMessage.self, from: frame.payload) {
                order.append("started")
            }
        }
        #expect(order == ["started", "output"])
        try client.send(.cancel(channel: 1, now: true))
        #expect(try client.finish().result?.outcome.reason == .cancelled)
    }

    @Test(arguments: [
        (Limits(wallMilliseconds: 50), Outcome.Reason.wallTimeout), (Limits(idleMilliseconds: 50), .idleTimeout),
        (Limits(cpuMilliseconds: 50), .cpuTimeout),
    ])
    func `who does not hear is killed when the grace is over, and at once without one`(
        _ limits: Limits, _ reason: Outcome.Reason
    ) throws {
        let fixture = try RunFixture()
        for grace in [nil, 0, 60] as [UInt64?] {
            var limits = limits
            limits.graceMilliseconds = grace
            let run = try fixture.start(RunRequest(argv: ["deaf"]), limits: limits)
            let result = try fixture.end(run)
            #expect(result.outcome.reason == reason)
            let kill = LauncherCommand.kill(run: run.number)
            #expect(fixture.commands(run) == (grace == 60 ? [.stop(run: run.number), kill] : [kill]))
            // The grace comes on top of the limit; two cores use CPU time up in half of it.
            #expect(result.usage.wallMilliseconds ?? 0 >= (grace == 60 ? 80 : 20))
        }
    }

    @Test func `the second cancellation does not wait, nor does one that says so`() throws {
        let fixture = try RunFixture()
        for times in [[false, false], [true], [false, true]] {
            let run = try fixture.start(RunRequest(argv: ["deaf"]), limits: Limits(graceMilliseconds: 600_000))
            #expect(fixture.hasStarted(run))
            for now in times { try fixture.on(run) { $0.cancel(now: now) } }
            #expect(try fixture.end(run).outcome.reason == .cancelled)
            let stop = LauncherCommand.stop(run: run.number)
            #expect(fixture.commands(run) == (times[0] ? [] : [stop]) + [.kill(run: run.number)])
        }
    }

    @Test func `a client that goes leaves its command the grace, and an open pipe`() throws {
        let fixture = try RunFixture()
        let run = try fixture.start(RunRequest(argv: ["polite"]), limits: Limits(graceMilliseconds: 600_000))
        #expect(fixture.hasStarted(run))
        let name = try fixture.on(run) { run in
            run.abandon()
            return run.machine.name
        }
        #expect(name == "stopping")
        let ended = fixture.server.eventually { (try? fixture.server.runCount()) == 0 }
        #expect(ended)
        // It got to write its last words, though nobody has them.
        #expect(fixture.commands(run) == [.stop(run: run.number)])
        #expect(run.owner.record.withLock { $0.ends.isEmpty && $0.stdout.isEmpty })
    }

    @Test func `too much output kills at once, also in the grace`() throws {
        let fixture = try RunFixture()
        let run = try fixture.start(
            RunRequest(argv: ["flood", "\(1 << 40)"]), limits: Limits(outputBytes: 1000, graceMilliseconds: 600_000))
        #expect(try fixture.end(run).outcome.reason == .outputLimit)
        #expect(fixture.commands(run) == [.kill(run: run.number)])
    }

    // MARK: streams

    @Test func `a stream's own limit ends the run and is named`() throws {
        let fixture = try RunFixture()
        let run = try fixture.start(
            RunRequest(argv: ["both", "abcdef", "ABCDEF"]), limits: Limits(outputBytes: 100, stderrBytes: 4))
        let result = try fixture.end(run)
        #expect(result.outcome.reason == .outputLimit && result.outcome.limit == 4)
        #expect(result.outcome.message.contains("standard error"))
        run.owner.record.withLock {
            #expect(String(decoding: $0.stdout, as: UTF8.self) == "abcdef")
            #expect(String(decoding: $0.stderr, as: UTF8.self) == "ABCD")
        }
        #expect(result.usage.stderrBytes == 6 && result.usage.stderrTruncated == true)
        #expect(result.usage.stdoutTruncated == false)
    }

    @Test(arguments: [false, true], [false, true])
    func `somebody outside who holds the pipe does not keep the result`(_ writing: Bool, _ isTerminal: Bool) throws {
        let fixture = try RunFixture()
        var request = RunRequest(argv: ["held", writing ? "writing" : "silent"])
        if isTerminal { request.terminal = TerminalSize(columns: 80, rows: 24) }
        let run = try fixture.start(request, limits: Limits())
        let result = try fixture.end(run)
        #expect(result.outcome.reason == .exited)
        // What the command wrote is there, and of the others' what was in the pipe by then: without an end there is no result.
        let output = run.owner.record.withLock { $0.stdout }
        #expect(output.contains(UInt8(ascii: "h")) && output.count <= 1 << 30)
    }

    @Test func `a pipe that its command has made larger is read to its end`() throws {
        let fixture = try RunFixture()
        for window in [nil, 1 << 30] as [UInt32?] {
            let run = try fixture.start(RunRequest(argv: ["wide", "\(1 << 20)"]), limits: Limits(), window: window)
            #expect(try fixture.end(run).usage.stdoutBytes == 1 << 20)
            #expect(run.owner.record.withLock { $0.stdout } == (0..<1 << 20).map { UInt8($0 % 251) })
        }
    }

    @Test func `a client that does not read holds nothing here, and its result waits for it`() throws {
        let fixture = try RunFixture()
        let run = try fixture.start(
            RunRequest(argv: ["flood", "\(1 << 30)"]), limits: Limits(wallMilliseconds: 300, graceMilliseconds: 50),
            window: 100_000)
        let killed = fixture.server.eventually { fixture.commands(run).contains(.kill(run: run.number)) }
        #expect(killed)
        let draining = try fixture.server.eventually { try fixture.on(run) { $0.machine.isDraining } }
        #expect(draining)
        let (held, isDone) = try fixture.on(run) { ($0.output.heldBytes, $0.output.isDone) }
        #expect(held == 0 && !isDone)
        #expect(run.owner.record.withLock { $0.stdout.count == 100_000 && $0.ends.isEmpty })
        _ = try fixture.on(run) { $0.grant(1 << 30) }
        let result = try fixture.end(run)
        #expect(result.outcome.reason == .wallTimeout)
        // No more than its window and what fits a pipe was ever taken from the command.
        #expect(result.usage.stdoutBytes ?? 0 <= 100_000 + (64 << 10))
        #expect(run.owner.record.withLock { UInt64($0.stdout.count) } == result.usage.stdoutBytes)
    }

    @Test func `what is kept is bounded while nobody reads, and gone with its client`() throws {
        let fixture = try RunFixture()
        var request = RunRequest(argv: ["flood", "30000000"])
        request.keep = OutputKeep(stdout: .init(headBytes: 0, tailBytes: 1 << 20))
        let run = try fixture.start(request, limits: Limits())
        run.owner.record.withLock { $0.takesOutput = false }
        let draining = try fixture.server.eventually { try fixture.on(run) { $0.machine.isDraining } }
        #expect(draining)
        let drained = try fixture.server.eventually {
            try fixture.on(run) { $0.output.report(.stdout).bytes == 30_000_000 }
        }
        #expect(drained)
        #expect(try fixture.on(run) { $0.output.heldBytes } == 1 << 20)
        let left = try fixture.on(run) { run in
            run.abandon()
            return (run.output.heldBytes, run.machine.isFinished)
        }
        #expect(left == (0, true))
    }

    @Test func `a command whose client does not read is not idle`() throws {
        let fixture = try RunFixture()
        let run = try fixture.start(
            RunRequest(argv: ["flood", "300000"]), limits: Limits(idleMilliseconds: 700), window: 100)
        usleep(1_200_000)
        #expect(try fixture.on(run) { $0.machine.name } == "running")
        _ = try fixture.on(run) { $0.grant(1 << 30) }
        #expect(try fixture.end(run).outcome.reason == .exited)
    }

    @Test func `a service that stops gives no run longer than a few seconds`() throws {
        let fixture = try RunFixture()
        let polite = try fixture.start(RunRequest(argv: ["polite"]), limits: Limits(graceMilliseconds: 600_000))
        let deaf = try fixture.start(RunRequest(argv: ["deaf"]), limits: Limits(graceMilliseconds: 600_000))
        #expect(fixture.hasStarted(polite) && fixture.hasStarted(deaf))
        let parts = fixture.server.parts
        try fixture.server.group.next().submit { parts.value.engine.drain() }.wait()
        for run in [polite, deaf] { #expect(try fixture.end(run).outcome.reason == .cancelled) }
        #expect(fixture.commands(polite) == [.stop(run: polite.number)])
        #expect(fixture.commands(deaf) == [.stop(run: deaf.number), .kill(run: deaf.number)])
    }

    @Test func `usage is not pushed to a client that does not read`() throws {
        let fixture = try RunFixture()
        let run = try fixture.start(
            RunRequest(argv: ["sleep", "400"], usageIntervalMilliseconds: 100), limits: Limits())
        run.owner.record.withLock { $0.takesOutput = false }
        #expect(try fixture.end(run).outcome.reason == .exited)
        #expect(run.owner.record.withLock { $0.samples } <= 1)
    }
}
