import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport

/// A real sandbox-launcher with the test in sandboxd's place.
final class LauncherHarness {
    private let control: OwnedDescriptor
    private let program: StartedProgram
    private var nextRun: UInt64 = 1

    /// - Parameter prefix: a program, with its arguments, that becomes the launcher: `unshare`.
    init(prefix: [String] = []) throws {
        let pair = try DescriptorPair.sockets(SOCK_SEQPACKET)
        try MessageSocket.growBuffers(of: pair.first.number, to: 1 << 20)
        try MessageSocket.growBuffers(of: pair.second.number, to: 1 << 20)
        program = try StartedProgram(
            prefix + [BuiltProducts.path("sandbox-launcher")], descriptors: [0, 1, 2, pair.second.number])
        control = pair.closingSecond()
    }

    /// A launcher with one policy, sealed, and a client 1 that is this process.
    static func ready(_ policy: CompiledPolicy = .testing(), audit: Bool = false) throws -> LauncherHarness {
        let harness = try LauncherHarness()
        if audit {
            try harness.send(.audit)
            guard case .auditing = try harness.next() else { throw HarnessError.unexpected("audit refused") }
        }
        try harness.send(.policy(policy))
        guard case .policyReady = try harness.next() else { throw HarnessError.unexpected("policy refused") }
        let pair = try DescriptorPair.sockets(SOCK_STREAM)
        try harness.send(.trust, [pair.first.number])
        try harness.send(.seal)
        guard case .sealed = try harness.next() else { throw HarnessError.unexpected("not sealed") }
        try harness.send(.admit(client: 1), [pair.first.number])
        harness.served = try pair.first.duplicate().release()
        harness.peer = try pair.second.duplicate().release()
        return harness
    }

    /// This end of the socket between sandboxd and launcher.
    var controlNumber: Int32 { control.number }

    /// The launcher's process.
    var pid: Int32 { program.pid }

    /// The client's own end of its connection.
    private var peer: Int32 = -1
    /// The daemon's end of it.
    private var served: Int32 = -1

    /// What a client does that goes away.
    func closePeer() {
        if peer >= 0 { close(peer) }
        peer = -1
    }

    /// What a sandboxd that was taken over has: this socket's other end was made by root.
    func admitControlSocket(as client: UInt32) throws { try send(.admit(client: client), [control.number]) }

    /// The client once more, under another number.
    func admitPeer(as client: UInt32) throws { try send(.admit(client: client), [served]) }

    func send(_ command: LauncherCommand, _ descriptors: [Int32] = []) throws {
        try sendRaw(command.encoded, descriptors)
    }

    func sendRaw(_ bytes: [UInt8], _ descriptors: [Int32] = []) throws {
        try MessageSocket.send(bytes, descriptors: descriptors, over: control.number)
    }

    func next() throws -> LauncherEvent {
        guard let message = try MessageSocket.receive(from: control.number, maximum: LauncherEvent.maximumBytes) else {
            throw HarnessError.unexpected("the launcher has ended")
        }
        return try LauncherEvent(decoding: message.bytes)
    }

    /// What came of a run.
    struct Finished {
        var output: String
        var events: [LauncherEvent]

        var report: RunReport? {
            for case .finished(_, let report) in events { return report }
            return nil
        }
        var failure: LaunchFailure? {
            for case .failed(_, let failure) in events { return failure }
            return nil
        }
    }

    /// The probe of a policy, run to its end.
    func probe(_ policy: CompiledPolicy = .testing(), changed: (inout LaunchRequest) -> Void = { _ in }) throws
        -> Finished
    {
        var request = LaunchRequest.probe(run: nextRun, policy: policy)
        changed(&request)
        return try finish(request)
    }

    /// Runs a command to its end. Standard output and error are one pipe of at most 64 KiB.
    func run(
        _ argv: [String], workspace: String? = nil, cwd: String = "", limits: LaunchLimits = .testing,
        environment: [String] = ["PATH=/usr/bin:/bin"], client: UInt32 = 1, policy: String = "testing"
    ) throws -> Finished {
        try finish(
            LaunchRequest(
                run: nextRun, policy: policy, client: client, workspace: workspace, cwd: cwd, argv: argv,
                environment: environment, limits: limits, terminal: false))
    }

    func finish(_ request: LaunchRequest) throws -> Finished {
        let output = try DescriptorPair.pipe()
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        nextRun += 1
        try send(.launch(request), [null.number, output.second.number, output.second.number])
        var events: [LauncherEvent] = []
        while true {
            let event = try next()
            events.append(event)
            if case .finished = event { break }
            if case .failed = event { break }
        }
        return Finished(output: readAll(output.closingSecond()), events: events)
    }

    private func readAll(_ descriptor: consuming OwnedDescriptor) -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(descriptor.number, &chunk, chunk.count)
            if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(contentsOf: chunk[0..<count])
        }
    }

    deinit {
        closePeer()
        if served >= 0 { close(served) }
        shutdown(control.number, Int32(SHUT_RDWR))
        program.wait()
    }
}

enum HarnessError: Error { case unexpected(String) }

extension LaunchLimits {
    static let testing = LaunchLimits(
        memoryBytes: 256 << 20, cpuMillicores: 1000, processes: 64, openFiles: 256, fileSizeBytes: 64 << 20)
}

extension CompiledPolicy {
    static func testing(name: String = "testing") -> CompiledPolicy {
        CompiledPolicy(
            name: name, readPaths: ["/usr", "/etc/alternatives", "/etc/ssl"], tmpBytes: 16 << 20, shmBytes: 4 << 20,
            workspaceMode: .write, workspaceRoots: ["/"], executeWritten: true, loopback: false, maximum: .testing)
    }
}
