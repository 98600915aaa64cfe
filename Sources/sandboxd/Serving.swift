import Glibc
import LaunchPlan
import LinuxSystem
import Logging
import NIOCore
import NIOPosix
import SandboxEngine
import SandboxModel
import SandboxPolicy
import SandboxServer
import Synchronization

/// The daemon after its start: an ordinary user, one event loop, and the main thread waiting for signals.
enum Serving {
    /// What clients connect to.
    enum Source {
        case listening(Int32)
        /// The service manager made it, and listens again when this process has ended.
        case activated(Int32)
        case connected(Int32)

        var descriptor: Int32 {
            switch self {
            case .listening(let descriptor), .activated(let descriptor), .connected(let descriptor): descriptor
            }
        }

        /// - Parameter path: of a socket that this process has made.
        func name(else path: String) -> String {
            switch self {
            case .listening: path
            case .activated: "the service manager's"
            case .connected(let descriptor): "descriptor \(descriptor)"
            }
        }

        var isConnected: Bool { if case .connected = self { true } else { false } }
    }

    private static let closingTime = TimeAmount.seconds(5)
    private static let launcherGoneStatus: Int32 = 70
    /// Set by the loop before it wakes the main thread.
    private static let exitStatus = Mutex<Int32?>(nil)

    /// Serves until a signal, the end of the only connection, or the end of the launcher. Returns the exit status.
    ///
    /// - Parameters:
    ///   - groupAbsence: why there is no group for sandboxes without root, where that is known.
    ///   - announce: called when the launcher has taken everything.
    static func run(
        _ source: Source, policies: PolicySet, launcher: LauncherProcess, options: StartUpOptions,
        manager: ServiceManager, groupAbsence: String?, log: Logger, announce: (ResourceControl) -> Void
    ) throws -> Int32 {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGTERM, SIGINT, SIGUSR1, SIGHUP] { sigaddset(&signals, number) }
        // Before the loop's thread exists: it inherits this, and signals come to nobody but sigwait.
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        if !source.isConnected { signal(SIGHUP, SIG_DFL) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        // While the launcher works on the policies.
        let parts = try loop.submit {
            NIOLoopBound(
                try Parts(
                    policies: policies, launcher: launcher, limits: options.limits, manager: manager,
                    groupAbsence: groupAbsence, ahead: source.isConnected, loop: loop, log: log), eventLoop: loop)
        }.wait()
        announce(try loop.flatSubmit { parts.value.answers.result }.wait())
        try loop.flatSubmit { serve(source, parts.value, options) }.wait()
        try loop.submit { parts.value.state.ready(parts.value.engine, status: parts.value.status) }.wait()
        while true {
            var number: Int32 = 0
            guard sigwait(&signals, &number) == 0 else { continue }
            if let status = exitStatus.withLock({ $0 }) {
                loop.execute { parts.value.engine.stop() }
                return status
            }
            switch number {
            case SIGUSR1: continue
            case SIGHUP: loop.execute { parts.value.reload() }
            default:
                // SIGINT is somebody's at a terminal, who does not want to wait.
                let drain = number == SIGTERM ? options.drainMilliseconds : 0
                log.note(.stopping, ["signal": "\(number)", "drain_ms": "\(drain)"], at: .notice)
                loop.execute { parts.value.stop(after: .milliseconds(Int64(drain))) }
            }
        }
    }

    private struct Parts {
        let engine: Engine
        let server: Server
        let answers: LauncherAnswers
        let state: ServiceState
        private let log: Logger

        var status: String { "serving \(engine.policies.names.count) policies" }

        /// Begins to hear what the launcher answers. No client is served yet.
        ///
        /// - Parameter ahead: whether the launcher is asked for all that the first request will need.
        init(
            policies: PolicySet, launcher: LauncherProcess, limits: EngineLimits, manager: ServiceManager,
            groupAbsence: String?, ahead: Bool, loop: any EventLoop, log: Logger
        ) throws {
            state = ServiceState(manager, log: log)
            self.log = log
            let link = LauncherLink(socket: OwnedDescriptor(owning: launcher.socket), loop: loop)
            let unknown = ResourceControl(version: 0, features: [])
            let engine = try Engine(
                loop: loop, policies: policies, launcher: link, resources: unknown, limits: limits, log: log)
            engine.groupAbsence = groupAbsence
            let answers = LauncherAnswers(policies, loop: loop)
            engine.onStartUpAnswer = { [unowned engine] event in
                answers.take(event)
                guard case .sealed(let found) = event else { return }
                engine.resources = found
                engine.verifier.launcherIsReady()
            }
            // At once: what was asked for ahead fails as well, which says nothing more.
            answers.result.assumeIsolated().whenFailure { [unowned engine] _ in engine.stop() }
            engine.onLauncherGone = { answers.launcherEnded() }
            (self.engine, self.answers) = (engine, answers)
            server = Server(engine: engine, log: log)
            engine.verifier.servesOneCall = ahead
            // Of several it is not known yet which one is meant.
            if ahead, policies.names.count == 1, let name = policies.names.first { engine.beginAhead(with: name) }
        }

        /// For whoever has sent a signal, to whom nothing can be said but by the log.
        func reload() {
            do throws(ServiceError) {
                try engine.reload { _ in }
            } catch {
                log.note(.policiesNotReloaded, ["reason": "\(error.message)"], at: .error)
            }
        }

        func stop(after drain: TimeAmount) {
            state.stopping(within: (drain + closingTime + .seconds(5)).nanoseconds / 1_000_000_000)
            server.stop(after: drain, within: closingTime, because: .stopping) { finish(0) }
        }
    }

    private static func serve(_ source: Source, _ parts: Parts, _ options: StartUpOptions) -> EventLoopFuture<Void> {
        parts.engine.onStartUpAnswer = nil
        parts.engine.onLauncherGone = { [unowned server = parts.server] in
            let reason = ServiceError(.launcherGone, "the launcher has ended", category: .temporary)
            server.stop(within: closingTime, because: reason) { finish(launcherGoneStatus) }
        }
        if !source.isConnected { allowReload(parts, options) }
        switch source {
        case .listening(let descriptor), .activated(let descriptor):
            // In the background: a request waits for the probe of its own policy alone.
            parts.engine.verifier.verifyAll()
            return parts.server.listen(on: descriptor)
        case .connected(let descriptor):
            parts.server.onLastConnectionEnded = { [unowned server = parts.server] in
                let reason = ServiceError(.draining, "the connection has ended")
                server.stop(within: closingTime, because: reason) { finish(0) }
            }
            return parts.server.serve(connected: descriptor)
        }
    }

    private static func allowReload(_ parts: Parts, _ options: StartUpOptions) {
        let (engine, server) = (parts.engine, parts.server)
        engine.readPolicies = { [only = options.onlyPolicy] in try PolicyFiles.resolve($0, only: only) }
        engine.onReload = { [state = parts.state, unowned engine] isUnderWay in
            if isUnderWay {
                state.reloading()
            } else {
                state.reloaded(status: "serving \(engine.policies.names.count) policies")
            }
        }
        engine.onDisagreement = { [unowned server] reason in
            let error = ServiceError(.launchFailed, reason, category: .temporary)
            server.stop(within: closingTime, because: error) { finish(launcherGoneStatus) }
        }
    }

    /// On the loop: wakes the main thread with the exit status. The first one counts.
    private static func finish(_ status: Int32) {
        exitStatus.withLock { $0 = $0 ?? status }
        kill(getpid(), SIGUSR1)
    }
}
