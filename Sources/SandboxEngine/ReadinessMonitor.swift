import Glibc
package import LinuxSystem
package import NIOCore

/// Says on the event loop when a run's pipe or terminal can be read or written.
///
/// NIO's own pipe channels are not used for these descriptors: what is behind them is the untrusted command, and they
/// read everything at once when the other side hangs up, past any flow control, and stop the process when a hung-up
/// pipe that was opened again has nothing to read. So one thread sleeps in `epoll_wait` and hops to the loop; the reads
/// happen there. Confined to the loop.
package final class ReadinessMonitor {
    /// What the thread and the loop share.
    private final class Shared: Sendable {
        let set: ReadinessSet
        init() throws(SystemError) { set = try ReadinessSet() }
    }

    /// The token of the pipe whose hang-up ends the thread.
    private static let stopToken: UInt64 = 0

    private let loop: any EventLoop
    private let shared: Shared
    private let stopReader: OwnedDescriptor
    private var stopWriter: OwnedDescriptor?
    private var waiting: [UInt64: () -> Void] = [:]
    private var nextToken: UInt64 = 1

    /// Starts the thread. On the loop, once per daemon.
    package init(loop: any EventLoop) throws(SystemError) {
        loop.preconditionInEventLoop()
        let shared = try Shared()
        let stop = try DescriptorPair.pipe()
        self.loop = loop
        self.shared = shared
        self.stopReader = try stop.first.duplicate()
        self.stopWriter = try stop.second.duplicate()
        try shared.set.watch(stopReader.number, writing: false, token: Self.stopToken)
        let target = NIOLoopBound(WeakMonitor(monitor: self), eventLoop: loop)
        startThread { Self.wait(shared, target, loop) }
    }

    /// Ends the thread; nothing is reported any more.
    package func stop() {
        waiting = [:]
        stopWriter = nil
    }

    /// A number for one descriptor's watches.
    func newToken() -> UInt64 {
        defer { nextToken += 1 }
        return nextToken
    }

    /// Calls `body` once, when the descriptor is ready.
    func watch(_ descriptor: Int32, writing: Bool, token: UInt64, _ body: @escaping () -> Void) throws(SystemError) {
        loop.assertInEventLoop()
        waiting[token] = body
        do {
            try shared.set.watch(descriptor, writing: writing, token: token)
        } catch {
            waiting[token] = nil
            throw error
        }
    }

    /// Before the descriptor is closed.
    func forget(_ descriptor: Int32, token: UInt64) {
        loop.assertInEventLoop()
        waiting[token] = nil
        shared.set.forget(descriptor)
    }

    private func ready(_ tokens: [UInt64]) {
        for token in tokens { waiting.removeValue(forKey: token)?() }
    }

    private struct WeakMonitor {
        weak var monitor: ReadinessMonitor?
    }

    private static func wait(_ shared: Shared, _ target: NIOLoopBound<WeakMonitor>, _ loop: any EventLoop) {
        // The only error left is a bug in the arguments: the loop below ends, and so would every stream.
        while let tokens = try? shared.set.wait() {
            if tokens.contains(stopToken) { return }
            loop.execute { target.value.monitor?.ready(tokens) }
        }
        preconditionFailure("epoll_wait failed")
    }
}

/// Runs `body` on a new, detached thread. Only after privileges have been dropped.
private func startThread(_ body: @escaping @Sendable () -> Void) {
    let context = Unmanaged.passRetained(ThreadBody(body))
    var thread = pthread_t()
    let failure = pthread_create(
        &thread, nil,
        { argument in
            Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue().body()
            return nil
        }, context.toOpaque())
    precondition(failure == 0, "failed to start a thread: \(errnoName(failure))")
    pthread_detach(thread)
}

private final class ThreadBody: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
