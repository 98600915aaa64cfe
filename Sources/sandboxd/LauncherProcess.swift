import Glibc
import LaunchPlan
import LinuxSystem
import SandboxPolicy

/// The root helper, started and told the policies while this process is still root.
struct LauncherProcess {
    /// sandboxd's end, for one new owner; the launcher ends when it is closed. When the start fails, the process's end
    /// closes it.
    let socket: Int32
    let process: ChildProcess
    /// "cgroup v2", as the launcher says.
    let resourceControl: String

    /// Room for the largest message and a queue behind it.
    private static let bufferBytes = 1 << 20
    /// How long one answer may take; the first ones build file systems.
    private static let patience: Int32 = 60_000

    /// - Parameters:
    ///   - served: the socket that clients come through.
    ///   - landlockAudit: whether Landlock's refusals are to be taken from the host's audit messages.
    init(path: String, policies: PolicySet, served: Int32, landlockAudit: Bool) throws {
        do throws(SystemError) {
            let (own, theirs) = try DescriptorPair.sockets(SOCK_SEQPACKET).release()
            let other = OwnedDescriptor(owning: theirs)
            try MessageSocket.growBuffers(of: own, to: Self.bufferBytes)
            try MessageSocket.growBuffers(of: other.number, to: Self.bufferBytes)
            process = try ChildProcess(
                executing: path, arguments: ["sandbox-launcher"], environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
                socket: other.number)
            socket = own
        } catch {
            throw StartUpError(.unavailable, "\(error)")
        }
        if landlockAudit { try Self.startAudit(socket) }
        for name in policies.names.sorted() {
            guard let policy = policies[name] else { continue }
            try Self.send(.policy(policy.compiled()), socket)
            switch try Self.answer(socket) {
            case .policyReady(name): continue
            case .policyRefused(_, let failure):
                let reason = failure.errno == 0 ? "" : ": \(errnoName(failure.errno))"
                throw StartUpError(
                    .configuration,
                    "the launcher refused policy '\(name)'"
                        + (failure.stage == .refused ? "" : " at \(failure.stage.name)")
                        + ": \(failure.subject)\(reason)")
            default: throw StartUpError(.unavailable, "the launcher gave a wrong answer to policy '\(name)'")
            }
        }
        try Self.send(.trust, socket, descriptors: [served])
        try Self.send(.seal, socket)
        guard case .sealed(let limits) = try Self.answer(socket) else {
            throw StartUpError(.unavailable, "the launcher gave a wrong answer to the end of the policies")
        }
        resourceControl = limits
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
