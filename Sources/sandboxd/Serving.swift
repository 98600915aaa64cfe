import Glibc
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
        case connected(Int32)

        var descriptor: Int32 {
            switch self {
            case .listening(let descriptor), .connected(let descriptor): descriptor
            }
        }
    }

    private static let closingTime = TimeAmount.seconds(5)
    private static let launcherGoneStatus: Int32 = 70
    /// Set by the loop before it wakes the main thread.
    private static let exitStatus = Mutex<Int32?>(nil)

    /// Serves until a signal, the end of the only connection, or the end of the launcher. Returns the exit status.
    static func run(_ source: Source, policies: PolicySet, launcherSocket: Int32, log: Logger) throws -> Int32 {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGTERM, SIGINT, SIGUSR1] { sigaddset(&signals, number) }
        // Before the loop's thread exists: it inherits this, and signals come to nobody but sigwait.
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let server = try loop.flatSubmit {
            start(source, policies: policies, launcherSocket: launcherSocket, loop: loop, log: log)
        }.wait()
        while true {
            var number: Int32 = 0
            guard sigwait(&signals, &number) == 0 else { continue }
            if let status = exitStatus.withLock({ $0 }) {
                loop.execute { server.value.engine.stop() }
                return status
            }
            guard number != SIGUSR1 else { continue }
            log.info("stopping", metadata: ["signal": "\(number)"])
            loop.execute {
                let reason = ServiceError(.draining, "sandboxd is stopping", category: .temporary)
                server.value.server.stop(within: closingTime, because: reason) { finish(0) }
            }
        }
    }

    private struct Parts {
        let engine: Engine
        let server: Server
    }

    private static func start(
        _ source: Source, policies: PolicySet, launcherSocket: Int32, loop: any EventLoop, log: Logger
    ) -> EventLoopFuture<NIOLoopBound<Parts>> {
        let parts: Parts
        do throws(SystemError) {
            let link = LauncherLink(socket: OwnedDescriptor(owning: launcherSocket), loop: loop)
            let engine = try Engine(loop: loop, policies: policies, launcher: link, log: log)
            parts = Parts(engine: engine, server: Server(engine: engine, log: log))
        } catch {
            return loop.makeFailedFuture(error)
        }
        parts.engine.onLauncherGone = { [unowned server = parts.server] in
            let reason = ServiceError(.launcherGone, "the launcher has ended", category: .temporary)
            server.stop(within: closingTime, because: reason) { finish(launcherGoneStatus) }
        }
        let bound = NIOLoopBound(parts, eventLoop: loop)
        switch source {
        case .listening(let descriptor):
            // In the background: a request waits for the probe of its own policy alone.
            parts.engine.verifier.verifyAll()
            return parts.server.listen(on: descriptor).map { bound }
        case .connected(let descriptor):
            parts.server.onLastConnectionEnded = { [unowned server = parts.server] in
                let reason = ServiceError(.draining, "the connection has ended")
                server.stop(within: closingTime, because: reason) { finish(0) }
            }
            return parts.server.serve(connected: descriptor).map { bound }
        }
    }

    /// On the loop: wakes the main thread with the exit status. The first one counts.
    private static func finish(_ status: Int32) {
        exitStatus.withLock { $0 = $0 ?? status }
        kill(getpid(), SIGUSR1)
    }
}
