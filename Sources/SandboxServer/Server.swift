package import Logging
package import NIOCore
import NIOPosix
package import SandboxEngine
package import SandboxModel

/// The listening socket and its connections. Confined to the loop.
package final class Server {
    private let engine: Engine
    private let budget: FrameBudget
    private let log: Logger
    private let loop: any EventLoop
    private var listener: (any Channel)?
    private var connections: [ObjectIdentifier: Connection] = [:]
    private var isStopping = false
    /// Ends the time that runs have after a `stop`.
    private var cancel: (() -> Void)?

    /// As much as an ordinary host allows (net.core.wmem_max): a stream is sent while its client is at what came before.
    private static let sendBuffer: ChannelOptions.Types.SocketOption.Value = 208 << 10
    /// Small: what is left of a frame of standard input goes another way, without being copied (`FrameHandler.onRest`).
    private static let receiveAllocator = AdaptiveRecvByteBufferAllocator(
        minimum: 1024, initial: 4096, maximum: 16 << 10)

    /// Called when a connection has ended and no other is left.
    package var onLastConnectionEnded: () -> Void = {}

    package init(engine: Engine, budget: FrameBudget.Limits = FrameBudget.Limits(), log: Logger) {
        self.engine = engine
        self.budget = FrameBudget(loop: engine.loop, limits: budget)
        self.log = log
        loop = engine.loop
    }

    /// Accepts connections from a socket that is bound; takes it over.
    package func listen(on descriptor: Int32) -> EventLoopFuture<Void> {
        let server = NIOLoopBound(self, eventLoop: loop)
        return ServerBootstrap(group: loop)
            .serverChannelOption(ChannelOptions.backlog, value: 512)
            .childChannelOption(
                ChannelOptions.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20)
            )
            .childChannelOption(ChannelOptions.socketOption(.so_sndbuf), value: Self.sendBuffer)
            .childChannelOption(ChannelOptions.recvAllocator, value: Self.receiveAllocator)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try server.value.prepare(channel) }
            }
            .withBoundSocket(descriptor)
            .map { server.value.listener = $0 }
    }

    /// Serves a socket that is connected already; takes it over.
    package func serve(connected descriptor: Int32) -> EventLoopFuture<Void> {
        let server = NIOLoopBound(self, eventLoop: loop)
        return ClientBootstrap(group: loop)
            .channelOption(ChannelOptions.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
            .channelOption(ChannelOptions.socketOption(.so_sndbuf), value: Self.sendBuffer)
            .channelOption(ChannelOptions.recvAllocator, value: Self.receiveAllocator)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try server.value.prepare(channel) }
            }
            .withConnectedSocket(descriptor)
            .map { _ in }
    }

    private func prepare(_ channel: any Channel) throws {
        let frames = FrameHandler()
        let connection = Connection(engine: engine, frames: frames, budget: budget, log: log)
        try channel.pipeline.syncOperations.addHandlers([frames, connection] as [any ChannelHandler])
        connections[ObjectIdentifier(connection)] = connection
        channel.closeFuture.assumeIsolated().whenComplete { [weak self] _ in
            guard let self else { return }
            connections[ObjectIdentifier(connection)] = nil
            if connections.isEmpty { onLastConnectionEnded() }
        }
    }

    /// Stops: refuses new runs, lets those that are alive go on for a while, cancels what is left, and calls `then` once: when
    /// every run has ended and its result has been sent, or some time later. Clients are told the reason. A second call does
    /// not wait for anybody.
    ///
    /// - Parameters:
    ///   - drain: how long runs may go on.
    ///   - time: how long those may take that are cancelled.
    package func stop(
        after drain: TimeAmount = .zero, within time: TimeAmount, because reason: ServiceError,
        then: @escaping () -> Void
    ) {
        guard !isStopping else { return cancel?() ?? () }
        isStopping = true
        let done = Once(then)
        // Twice: when the time is over, and when nobody wants to wait for that.
        let cancelled = Once { [self] in
            stopListening()
            loop.assumeIsolated().scheduleTask(in: time) { done.run() }
            engine.drain()
        }
        cancel = { cancelled.run() }
        engine.onDrained = { [self] in
            stopListening()
            onLastConnectionEnded = { done.run() }
            guard !connections.isEmpty else { return done.run() }
            for connection in connections.values { connection.close(with: reason) }
        }
        guard drain > .zero else { return cancelled.run() }
        loop.assumeIsolated().scheduleTask(in: drain) { cancelled.run() }
        engine.beginDraining()
    }

    private func stopListening() {
        listener?.close(promise: nil)
        listener = nil
    }

    private final class Once {
        private var body: (() -> Void)?

        init(_ body: @escaping () -> Void) { self.body = body }

        func run() {
            let body = self.body
            self.body = nil
            body?()
        }
    }
}
