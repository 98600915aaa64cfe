import Glibc
package import LaunchPlan
package import LinuxSystem
package import NIOCore
import NIOPosix

/// sandboxd's end of the launcher's SOCK_SEQPACKET socket. Confined to the loop.
///
/// Sending never waits: what the socket does not take is kept in order and sent when the launcher says something, or a
/// millisecond later. `isCongested` tells when to stop asking for more; kills are always accepted.
package final class LauncherLink {
    /// A message that the socket did not take, with descriptors that are this object's to close.
    private struct Pending {
        var bytes: [UInt8]
        var descriptors: [Int32]
    }

    /// More than this and new runs are refused. 50 of the largest launches.
    private static let maximumQueuedBytes = 32 << 20

    package var onEvent: ((LauncherEvent) -> Void)?
    /// Called once, when the launcher has closed its end or says what cannot be understood.
    package var onEnd: ((String) -> Void)?

    private let loop: any EventLoop
    private let socket: OwnedDescriptor
    private var queue: [Pending] = []
    private var queuedBytes = 0
    private var retryIsScheduled = false
    private var isGone = false
    private var channel: (any Channel)?

    package init(socket: consuming OwnedDescriptor, loop: any EventLoop) {
        self.socket = socket
        self.loop = loop
    }

    deinit {
        for message in queue { closeAll(message.descriptors) }
    }

    package var isCongested: Bool { queuedBytes > Self.maximumQueuedBytes }

    /// Begins to receive, through a duplicate of the socket that NIO owns.
    package func start() throws(SystemError) {
        loop.preconditionInEventLoop()
        let descriptor = try socket.duplicate().release()
        let link = NIOLoopBound(self, eventLoop: loop)
        NIOPipeBootstrap(group: loop)
            // Each read is one message; the launcher's messages are bounded by this.
            .channelOption(
                ChannelOptions.recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: LauncherEvent.maximumBytes)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(LauncherEventHandler(link: link.value))
                }
            }
            .takingOwnershipOfDescriptor(input: descriptor)
            .whenComplete { result in
                switch result {
                case .success(let channel): link.value.channel = channel
                case .failure(let error):
                    close(descriptor)
                    link.value.end("failed to read from the launcher: \(error)")
                }
            }
    }

    /// Closes this end; the launcher then ends all runs and itself.
    package func stop() {
        onEnd = nil
        isGone = true
        channel?.close(promise: nil)
        shutdown(socket.number, Int32(SHUT_RDWR))
    }

    /// Sends a command. Takes over the descriptors and closes them, whatever happens.
    package func send(_ command: LauncherCommand, descriptors: [Int32] = []) {
        loop.assertInEventLoop()
        let message = Pending(bytes: command.encoded, descriptors: descriptors)
        guard !isGone else { return closeAll(descriptors) }
        guard queue.isEmpty, transmit(message) else {
            guard !isGone else { return closeAll(descriptors) }
            queue.append(message)
            queuedBytes += message.bytes.count
            return scheduleRetry()
        }
    }

    /// Returns whether the message is dealt with; if not, the socket is full.
    private func transmit(_ message: Pending) -> Bool {
        do {
            try MessageSocket.send(message.bytes, descriptors: message.descriptors, over: socket.number, wait: false)
        } catch {
            // ETOOMANYREFS: too many descriptors in flight for this user; the launcher takes them out.
            if error.errno == EAGAIN || error.errno == ETOOMANYREFS { return false }
            end("\(error)")
            return false
        }
        closeAll(message.descriptors)
        return true
    }

    private func drainQueue() {
        var sent = 0
        while sent < queue.count, !isGone, transmit(queue[sent]) {
            queuedBytes -= queue[sent].bytes.count
            sent += 1
        }
        queue.removeFirst(min(sent, queue.count))
        if !queue.isEmpty { scheduleRetry() }
    }

    private func scheduleRetry() {
        guard !retryIsScheduled, !isGone else { return }
        retryIsScheduled = true
        loop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { [weak self] in
            self?.retryIsScheduled = false
            self?.drainQueue()
        }
    }

    fileprivate func received(_ bytes: [UInt8]) {
        guard !isGone else { return }
        do throws(PlanError) {
            let event = try LauncherEvent(decoding: bytes)
            onEvent?(event)
        } catch {
            end("the launcher sent what is no event: \(error)")
        }
        if !queue.isEmpty { drainQueue() }
    }

    fileprivate func end(_ reason: String) {
        guard !isGone else { return }
        isGone = true
        for message in queue { closeAll(message.descriptors) }
        queue = []
        queuedBytes = 0
        // Not from within a caller's send: it is in the middle of changing the runs that this ends.
        loop.assumeIsolated().execute { [self] in
            onEnd?(reason)
            onEnd = nil
        }
    }
}

private func closeAll(_ descriptors: [Int32]) {
    for descriptor in descriptors { close(descriptor) }
}

private final class LauncherEventHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let link: LauncherLink

    init(link: LauncherLink) { self.link = link }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        link.received(Array(unwrapInboundIn(data).readableBytesView))
    }

    func channelInactive(context: ChannelHandlerContext) {
        link.end("the launcher has ended")
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
