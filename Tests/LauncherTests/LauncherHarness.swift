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
    ///
    /// - Parameter reader: arguments of `program`, which reads policies anew.
    static func ready(
        _ policy: CompiledPolicy = .testing(), audit: Bool = false, warm: UInt32 = 0, prefix: [String] = [],
        reader: [String] = [], program: String? = nil, engine: String? = nil
    ) throws -> LauncherHarness {
        let harness = try LauncherHarness(prefix: prefix)
        if let engine = engine ?? (Backend.current == .docker ? DockerEngine.socket : nil) {
            try harness.send(.engine(socket: engine))
        }
        if audit {
            try harness.send(.audit)
            guard case .auditing = try harness.next() else { throw HarnessError.unexpected("audit refused") }
        }
        try harness.send(.policy(policy))
        let answer = try harness.next()
        guard case .policyReady = answer else { throw HarnessError.unexpected("\(answer)") }
        if let program {
            let file = OwnedDescriptor(owning: try system("open", program) { open(program, O_RDONLY | O_CLOEXEC) })
            try harness.send(.reader(arguments: reader), [file.number])
            extendLifetime(file)
        }
        let pair = try DescriptorPair.sockets(SOCK_STREAM)
        try harness.send(.trust, [pair.first.number])
        try harness.send(.seal(warm: warm))
        guard case .sealed(let resources) = try harness.next() else { throw HarnessError.unexpected("not sealed") }
        harness.resources = resources
        try harness.send(.admit(client: 1), [pair.first.number])
        harness.served = try pair.first.duplicate().release()
        harness.peer = try pair.second.duplicate().release()
        return harness
    }

    /// This end of the socket between sandboxd and launcher.
    var controlNumber: Int32 { control.number }

    /// What the launcher found of its host.
    private(set) var resources = ResourceControl(version: 1, features: [])

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

    /// Its next word, but for that a run's time counts: a start that is late on a busy host is no test's business.
    func next() throws -> LauncherEvent {
        while true {
            let event = try nextOfAll()
            if case .handedOver = event { continue }
            return event
        }
    }

    func nextOfAll() throws -> LauncherEvent {
        guard let message = try MessageSocket.receive(from: control.number, maximum: LauncherEvent.maximumBytes) else {
            throw HarnessError.unexpected("the launcher has ended")
        }
        return try LauncherEvent(decoding: message.bytes)
    }

    /// What the launcher says of its pool.
    func pool() throws -> PoolReport {
        try send(.pool)
        let event = try next()
        guard case .pool(let report) = event else { throw HarnessError.unexpected("\(event)") }
        return report
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
        environment: [String] = ["PATH=/usr/bin:/bin"], client: UInt32 = 1, policy: String = "testing",
        generation: UInt32 = 0
    ) throws -> Finished {
        try finish(
            LaunchRequest(
                run: nextRun, policy: policy, client: client, workspace: workspace, cwd: cwd, argv: argv,
                environment: environment, limits: limits, terminal: false, generation: generation))
    }

    /// Starts a command, which goes on while the test looks at it.
    func begin(
        _ argv: [String], workspace: String? = nil, limits: LaunchLimits = .testing
    ) throws -> RunningCommand {
        let output = try DescriptorPair.pipe()
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        let run = nextRun
        nextRun += 1
        let request = LaunchRequest(
            run: run, policy: "testing", client: 1, workspace: workspace, cwd: "", argv: argv,
            environment: ["PATH=/usr/bin:/bin"], limits: limits, terminal: false)
        try send(.launch(request), [null.number, output.second.number, output.second.number])
        let event = try next()
        guard case .started = event else { throw HarnessError.unexpected("\(event)") }
        return RunningCommand(self, run: run, output: output.closingSecond())
    }

    /// Asks for a command and waits for nothing.
    func submit(
        _ argv: [String], policy: String = "testing", limits: LaunchLimits = .testing
    ) throws -> (run: UInt64, RunningCommand) {
        let output = try DescriptorPair.pipe()
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        let run = nextRun
        nextRun += 1
        let request = LaunchRequest(
            run: run, policy: policy, client: 1, workspace: nil, cwd: "", argv: argv,
            environment: ["PATH=/usr/bin:/bin"], limits: limits, terminal: false)
        try send(.launch(request), [null.number, output.second.number, output.second.number])
        return (run, RunningCommand(self, run: run, output: output.closingSecond()))
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
        let end = output.closingSecond()
        return Finished(output: readAll(end), events: events)
    }

    fileprivate func readAll(_ descriptor: borrowing OwnedDescriptor) -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(descriptor.number, &chunk, chunk.count)
            if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(contentsOf: chunk[0..<count])
        }
    }

    /// What sandboxd's end is to it.
    func end() {
        shutdown(control.number, Int32(SHUT_RDWR))
        if !hasEnded { program.wait() }
        hasEnded = true
    }

    private var hasEnded = false

    deinit {
        closePeer()
        if served >= 0 { close(served) }
        end()
    }
}

enum HarnessError: Error { case unexpected(String) }

/// A command that was started and not yet waited for.
final class RunningCommand {
    let run: UInt64
    private let harness: LauncherHarness
    private let output: OwnedDescriptor

    init(_ harness: LauncherHarness, run: UInt64, output: consuming OwnedDescriptor) {
        self.harness = harness
        self.run = run
        self.output = output
    }

    /// Reads output up to a text; fails at its end.
    func wait(for text: String) throws {
        var seen: [UInt8] = []
        var byte: UInt8 = 0
        while !String(decoding: seen, as: UTF8.self).hasSuffix(text) {
            guard read(output.number, &byte, 1) == 1 else {
                throw HarnessError.unexpected("output ended: \(String(decoding: seen, as: UTF8.self))")
            }
            seen.append(byte)
        }
    }

    func usage() throws -> TreeUsage {
        try harness.send(.sample(run: run))
        let event = try harness.next()
        guard case .sampled(run, let usage) = event else { throw HarnessError.unexpected("\(event)") }
        return usage
    }

    func stop() throws { try harness.send(.stop(run: run)) }

    /// Kills the run; the report, and the milliseconds until it was there.
    func kill() throws -> (report: RunReport, milliseconds: UInt64) {
        let begin = monotonicNanoseconds()
        try harness.send(.kill(run: run))
        let report = try end()
        return (report, (monotonicNanoseconds() - begin) / 1_000_000)
    }

    func end() throws -> RunReport {
        let event = try harness.next()
        guard case .finished(run, let report) = event else { throw HarnessError.unexpected("\(event)") }
        return report
    }

    /// What it wrote since the last look, to the end.
    func rest() -> String { harness.readAll(output) }
}

extension LaunchLimits {
    static let testing = LaunchLimits(
        memoryBytes: 256 << 20, cpuMillicores: 1000, processes: 64, openFiles: 256, fileSizeBytes: 64 << 20)
}

extension CompiledPolicy {
    static func testing(name: String = "testing") -> CompiledPolicy {
        let isContainer = Backend.current == .docker
        return CompiledPolicy(
            name: name, readPaths: isContainer ? [] : ["/usr", "/etc/alternatives", "/etc/ssl"], tmpBytes: 16 << 20,
            shmBytes: 4 << 20, workspaceMode: .write, workspaceRoots: ["/"], executeWritten: true, loopback: false,
            maximum: .testing, container: isContainer ? ContainerPlan(image: DockerEngine.debian) : nil)
    }
}
