import Glibc
import LaunchPlan
import LinuxSystem
import NIOCore
import SandboxModel

/// One probe of one policy, from the launcher's being asked to what it wrote. Confined to the loop.
final class ProbeRun {
    /// What became of it; told once.
    enum End {
        /// It ran, and this is what it wrote.
        case wrote(ProbeFacts, TreeUsage)
        /// Nothing is known of the confinement.
        ///
        /// - Parameters:
        ///   - error: what the caller gets, where that says more than that the policy is not verified.
        ///   - isTooEarly: its image is being fetched.
        case notRun(String, stage: String?, error: ServiceError? = nil, isTooEarly: Bool = false)
    }

    /// A probe takes a few milliseconds; on a host where it takes this long, commands would not get far either.
    static let deadline: UInt64 = 5_000_000_000
    /// An engine first makes a container, for which it has the launcher's patience.
    static let containerDeadline: UInt64 = 28_000_000_000
    /// It writes about ten thousand bytes, and a line for each path of its policy.
    private static let maximumOutput = 256 << 10

    let number: UInt64
    private let policy: String
    private(set) var startedAt = monotonicNanoseconds()
    private let deadline: UInt64
    private let loop: any EventLoop
    private let launcher: LauncherLink
    private let output: OutputStream
    private var bytes: [UInt8] = []
    private var report: RunReport?
    private var timer: Scheduled<Void>?
    private var onEnd: ((End) -> Void)?

    /// Asks the launcher.
    init(
        number: UInt64, policy: CompiledPolicy, loop: any EventLoop, launcher: LauncherLink, monitor: ReadinessMonitor,
        generation: UInt32 = 0, deadline: UInt64 = ProbeRun.deadline, onEnd: @escaping (End) -> Void
    ) throws(SystemError) {
        self.number = number
        self.policy = policy.name
        self.loop = loop
        self.launcher = launcher
        self.deadline = policy.container == nil ? deadline : max(deadline, Self.containerDeadline)
        self.onEnd = onEnd
        let (reading, writing) = try DescriptorPair.pipe().release()
        let writer = OwnedDescriptor(owning: writing)
        output = try OutputStream(descriptor: OwnedDescriptor(owning: reading), loop: loop, monitor: monitor)
        let input = try Self.nothing()
        let errors = try Self.nothing()
        output.demand = { [weak self] in self?.demand() ?? .none }
        output.onBytes = { [weak self] buffer in self?.bytes += Array(buffer.readableBytesView) }
        output.onDiscard = { [weak self] _ in self?.output.truncated = true }
        output.onEnd = { [weak self] in self?.finishIfDone() }
        launcher.send(
            .launch(.probe(run: number, policy: policy, generation: generation)),
            descriptors: [input.release(), writer.release(), errors.release()])
        output.start()
        startClock()
    }

    /// Its time begins now: until now the launcher was at something else.
    func startClock() {
        startedAt = monotonicNanoseconds()
        timer?.cancel()
        let deadline = deadline
        timer = loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(deadline))) { [weak self] in
            self?.giveUp("it did not end within \(deadline / 1_000_000) ms")
        }
    }

    private static func nothing() throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(owning: try system("open", "/dev/null") { open("/dev/null", O_RDWR | O_CLOEXEC) })
    }

    private func demand() -> OutputStream.Demand {
        bytes.count < Self.maximumOutput ? .bytes(Self.maximumOutput - bytes.count) : .discard
    }

    /// What the launcher says about this run.
    func handle(_ event: LauncherEvent) {
        switch event {
        case .finished(_, let report):
            self.report = report
            output.writersAreGone()
            output.resume()
            finishIfDone()
        case .failed(_, let failure):
            let request = LaunchRequest(
                run: number, policy: policy, client: 0, workspace: nil, cwd: "", argv: [ProbePlan.program],
                environment: [],
                limits: LaunchLimits(memoryBytes: 0, cpuMillicores: 0, processes: 0, openFiles: 0, fileSizeBytes: 0),
                terminal: false)
            let error = ServiceError(failure, request: request)
            let isOfEngine = [.containerEngine, .containerImage].contains(failure.stage)
            end(
                .notRun(
                    error.message, stage: error.stage, error: isOfEngine ? error : nil,
                    isTooEarly: failure.isImageToCome))
        case .started, .handedOver, .sampled, .policyReady, .policyRefused, .auditing, .auditRefused, .sealed, .pool,
            .policyText,
            .policiesReplaced, .reloadFailed:
            break
        }
    }

    /// Ends it without a verdict.
    func giveUp(_ reason: String) {
        guard onEnd != nil else { return }
        launcher.send(.kill(run: number))
        end(.notRun(reason, stage: nil))
    }

    private func finishIfDone() {
        guard let report, output.hasEnded else { return }
        switch report.ending {
        case .exited(0):
            // More than fits is no probe's output: its end is missing.
            end(.wrote(ProbeFacts(output.truncated ? [] : bytes), report.usage))
        case .exited(let code): end(.notRun("it exited with status \(code)", stage: nil))
        case .signaled(let signal): end(.notRun("it was ended by signal \(signal)", stage: nil))
        case .killed: end(.notRun("it was killed from outside the sandbox", stage: nil))
        }
    }

    private func end(_ end: End) {
        timer?.cancel()
        timer = nil
        output.close()
        let body = onEnd
        onEnd = nil
        body?(end)
    }
}
