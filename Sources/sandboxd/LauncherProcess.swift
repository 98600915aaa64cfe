import Glibc
import LaunchPlan
import LinuxSystem
import SandboxPolicy

/// The root helper, started first of all, so that it gets ready while policies are read, and told the policies while this
/// process is still root.
struct LauncherProcess {
    /// sandboxd's end, for one new owner; the launcher ends when it is closed. When the start fails, the process's end
    /// closes it.
    let socket: Int32
    let process: ChildProcess

    /// Room for the largest message and a queue behind it.
    private static let bufferBytes = 1 << 20
    /// How long one answer may take; the first ones build file systems.
    private static let patience: Int32 = 60_000

    /// - Parameter isService: it clears away what launchers that were killed have left on this host, whosever they were.
    init(path: String, isService: Bool) throws {
        do throws(SystemError) {
            let (own, theirs) = try DescriptorPair.sockets(SOCK_SEQPACKET).release()
            let other = OwnedDescriptor(owning: theirs)
            try MessageSocket.growBuffers(of: own, to: Self.bufferBytes)
            try MessageSocket.growBuffers(of: other.number, to: Self.bufferBytes)
            process = try ChildProcess(
                executing: path, arguments: ["sandbox-launcher"] + (isService ? [LauncherCommand.serviceOption] : []),
                environment: Self.environment, socket: other.number)
            socket = own
        } catch {
            throw StartUpError(.unavailable, "\(error)")
        }
    }

    private static var environment: [String] {
        let path = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        #if SANDBOX_FAULTS
            return path + Fault.environment
        #else
            return path
        #endif
    }

    /// Tells it everything, and does not wait for what it says to that: `LauncherAnswers` does.
    ///
    /// - Parameters:
    ///   - served: the socket that clients come through.
    ///   - engine: path of the Docker Engine's socket.
    ///   - landlockAudit: whether Landlock's refusals are to be taken from the host's audit messages.
    ///   - warm: how many sandboxes are made ahead and wait.
    ///   - reader: how this program is started to read policies anew; `nil`: they are for this daemon's life.
    func prepare(
        _ policies: PolicySet, served: Int32, engine: String, landlockAudit: Bool, warm: UInt32, reader: [String]?
    ) throws {
        try Self.send(.engine(socket: engine), socket)
        if landlockAudit { try Self.startAudit(socket) }
        for name in policies.names.sorted() {
            if let policy = policies[name] { try Self.send(.policy(policy.compiled()), socket) }
        }
        try Self.send(.trust, socket, descriptors: [served])
        if let reader {
            let program = OwnedDescriptor(
                owning: try system("open", "/proc/self/exe") { open("/proc/self/exe", O_RDONLY | O_CLOEXEC) })
            try Self.send(.reader(arguments: reader), socket, descriptors: [program.number])
            extendLifetime(program)
        }
        try Self.send(.seal(warm: warm), socket)
    }

    /// When nothing comes of the start: it leaves nothing behind.
    func giveUp() {
        // Whoever has it by now: this is its end for all.
        shutdown(socket, Int32(SHUT_RDWR))
        _ = process.wait(milliseconds: 5000)
    }

    static func refusal(of policy: Policy, _ failure: LaunchFailure) -> StartUpError {
        let key = ["limits.write-rate", "limits.read-rate"].first { failure.subject.hasPrefix($0.dropFirst(7)) }
        let place = key.flatMap { policy.origin(of: $0) }.map { " (\($0))" } ?? ""
        let reason = failure.errno == 0 ? "" : ": \(errnoName(failure.errno))"
        return StartUpError(
            .configuration,
            "the launcher refused policy '\(policy.name)'\(place)"
                + (failure.stage == .refused ? "" : " at \(failure.stage.name)")
                + ": \(failure.subject)\(reason)")
    }

    private static func startAudit(_ socket: Int32) throws {
        try send(.audit, socket)
        switch try answer(socket) {
        case .auditing: return
        case .auditRefused(let failure):
            throw StartUpError(.unavailable, "--landlock-audit: \(failure.subject): \(errnoName(failure.errno))")
        default: throw StartUpError(.unavailable, "the launcher gave a wrong answer to --landlock-audit")
        }
    }

    private static func send(_ command: LauncherCommand, _ socket: Int32, descriptors: [Int32] = []) throws {
        do throws(SystemError) {
            try MessageSocket.send(command.encoded, descriptors: descriptors, over: socket)
        } catch {
            throw StartUpError(.unavailable, "the launcher has ended; its reason is above (\(error))")
        }
    }

    private static func answer(_ socket: Int32) throws -> LauncherEvent {
        var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, patience) > 0 else {
            throw StartUpError(.unavailable, "the launcher does not answer")
        }
        // An error here means the same as the end: nothing but the launcher's death makes one.
        guard let message = try? MessageSocket.receive(from: socket, maximum: LauncherEvent.maximumBytes) else {
            throw StartUpError(.unavailable, "the launcher has ended; its reason is above")
        }
        message.closeAll()
        do throws(PlanError) {
            return try LauncherEvent(decoding: message.bytes)
        } catch {
            throw StartUpError(.unavailable, "the launcher sent what is no event: \(error)")
        }
    }
}
