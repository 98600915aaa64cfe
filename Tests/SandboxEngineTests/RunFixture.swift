import Glibc
import LaunchPlan
import LinuxSystem
import NIOCore
import NIOPosix
import SandboxModel
import SandboxPolicy
import Synchronization

@testable import SandboxEngine

/// Runs over a fake launcher with whatever limits a test wants, and an owner that notes what comes out of them.
final class RunFixture: Sendable {
    /// What a client would have got of one run.
    final class Owner: RunOwner, Sendable {
        struct Record {
            var takesOutput = true
            var stdout: [UInt8] = []
            var stderr: [UInt8] = []
            var omitted: [OutputKind: UInt64] = [:]
            var samples = 0
            var taken = 0
            var hasStarted = false
            var ends: [Result<RunResult, ServiceError>] = []
        }

        let record = Mutex(Record())

        var takesOutput: Bool { record.withLock { $0.takesOutput } }
        func runStarted(channel: UInt32) { record.withLock { $0.hasStarted = true } }
        func runTook(channel: UInt32, inputBytes: Int) { record.withLock { $0.taken += inputBytes } }
        func runUsed(channel: UInt32, _ usage: UsageSample) { record.withLock { $0.samples += 1 } }

        func runWrote(channel: UInt32, _ kind: OutputKind, _ bytes: ByteBuffer) {
            record.withLock {
                if kind == .stdout {
                    $0.stdout += bytes.readableBytesView
                } else {
                    $0.stderr += bytes.readableBytesView
                }
            }
        }

        func runOffers(channel: UInt32, _ kind: OutputKind, pipe: Int32, count: Int) -> OutputOffer { .refused }

        func runOmitted(channel: UInt32, _ kind: OutputKind, bytes: UInt64) {
            record.withLock { $0.omitted[kind] = bytes }
        }

        func runEnded(channel: UInt32, _ end: Result<RunResult, ServiceError>) {
            record.withLock { $0.ends.append(end) }
        }
    }

    struct Started: Sendable {
        let run: NIOLoopBound<Run>
        let owner: Owner
        let number: UInt64
    }

    let server: ServerFixture
    private let next = Mutex<UInt64>(1000)

    init() throws { server = try ServerFixture() }

    /// Past the policy: its limits are the ones given here.
    func start(_ request: RunRequest, limits: Limits, window: UInt32? = nil) throws -> Started {
        let (parts, owner) = (server.parts, Owner())
        let number = next.withLock { number in
            number += 1
            return number
        }
        let run = try server.group.next().submit {
            let engine = parts.value.engine
            let policy = engine.policies["default"]!
            let compiled = policy.compiled()
            let (streams, descriptors) = try RunStreams.create(
                request, loop: engine.loop, monitor: engine.monitor, reserve: engine.pipes)
            let plan = LaunchRequest(
                run: number, policy: policy.name, client: 1, workspace: nil, cwd: ".", argv: request.argv,
                environment: [], limits: compiled.maximum, terminal: request.terminal != nil)
            let (own, theirs) = try DescriptorPair.sockets(SOCK_STREAM).release()
            let peer = try PeerIdentity(ofPeerAt: own)
            for socket in [own, theirs] { close(socket) }
            let run = Run(
                id: "run \(number)", channel: 1, client: Client(number: 1, peer: peer), plan: plan, policy: policy,
                compiled: compiled, limits: limits, request: request, window: window,
                stamps: StartStamps(arrivedAt: monotonicNanoseconds()), streams: streams, owner: owner, engine: engine)
            run.onEnd = { _ in engine.runs[number] = nil }
            run.onStop = { engine.launcher.send(.stop(run: number)) }
            run.onKill = { engine.kill(number) }
            engine.runs[number] = run
            engine.launcher.send(.launch(plan), descriptors: descriptors)
            run.wasSent(at: monotonicNanoseconds())
            return NIOLoopBound(run, eventLoop: engine.loop)
        }.wait()
        return Started(run: run, owner: owner, number: number)
    }

    func on<Value: Sendable>(_ started: Started, _ body: @escaping @Sendable (Run) -> Value) throws -> Value {
        let run = started.run
        return try server.group.next().submit { body(run.value) }.wait()
    }

    /// The one end of a run.
    func end(_ started: Started) throws -> RunResult {
        guard server.eventually({ started.owner.record.withLock { !$0.ends.isEmpty } }) else { throw Silence() }
        return try started.owner.record.withLock { try $0.ends[0].get() }
    }

    func hasStarted(_ started: Started) -> Bool {
        server.eventually { started.owner.record.withLock { $0.hasStarted } }
    }

    /// What the launcher was told about a run, but for samples.
    func commands(_ started: Started) -> [LauncherCommand] {
        server.launcher.commands.filter { [.stop(run: started.number), .kill(run: started.number)].contains($0) }
    }
}
