import LinuxSystem
package import Logging
package import NIOCore
package import SandboxEngine
package import SandboxModel
import SandboxWire

/// One client's connection: its handshake, its requests, its runs' output. A channel handler, confined to the loop.
package final class Connection: ChannelInboundHandler {
    package typealias InboundIn = InboundFrame
    package typealias OutboundOut = ByteBuffer

    enum State {
        case awaitingHello, open
        /// An error frame is on its way; nothing is read any more.
        case closing
    }

    /// A run of this connection, and input bytes taken from it that the client has not been told of.
    struct Entry {
        var run: Run
        var untold = 0
    }

    /// Control replies that a client which does not read may let pile up.
    private static let maximumControlBacklog = 4 << 20
    /// Frames that may be on their way: what a frame costs beside its bytes is bounded too.
    private static let maximumFrames = 2048
    /// Credit for standard input is sent in portions of this size, a quarter of the window.
    static let creditPortion = Run.stdinWindow / 4
    private static let closingTime = TimeAmount.seconds(5)

    let engine: Engine
    let log: Logger
    var state = State.awaitingHello
    var entries: [UInt32: Entry] = [:]
    /// Channels on which a verification is awaited.
    var verifying: Set<UInt32> = []
    private(set) var client: Client?
    private(set) var context: ChannelHandlerContext?
    private let frames: FrameHandler
    private let handshakeTime: TimeAmount
    private var handshakeTimer: Scheduled<Void>?
    private var controlBacklog = 0
    private var framesOnTheirWay = 0
    private var turn = 0

    package init(
        engine: Engine, frames: FrameHandler, handshakeTime: TimeAmount = .seconds(10), log: Logger
    ) {
        self.engine = engine
        self.frames = frames
        self.handshakeTime = handshakeTime
        self.log = log
    }

    // MARK: - Life

    package func channelActive(context: ChannelHandlerContext) {
        self.context = context
        handshakeTimer = context.eventLoop.assumeIsolated().scheduleTask(in: handshakeTime) { [weak self] in
            guard let self, state == .awaitingHello else { return }
            fail("no hello came")
        }
        do {
            let socket = try context.pipeline.syncOperations.withUnsafeTransportIfAvailable(
                of: NIOBSDSocket.Handle.self
            ) { $0 }
            guard let socket else { return context.close(promise: nil) }
            client = try engine.admit(socket: socket)
        } catch let error as ServiceError {
            close(with: error)
        } catch {
            context.close(promise: nil)
        }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        state = .closing
        handshakeTimer?.cancel()
        self.context = nil
        let runs = entries.values.map(\.run)
        entries = [:]
        for run in runs { run.abandon() }
        if let client { engine.leave(client) }
        client = nil
        context.fireChannelInactive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state != .closing else { return }
        handle(unwrapInboundIn(data))
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as WireError: fail("\(error)")
        case is FrameHandler.PartialFrameTimeout: fail("the rest of a frame did not come")
        default: context.close(promise: nil)
        }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { resumeOutput() }
    }

    func greeted() {
        state = .open
        handshakeTimer?.cancel()
        handshakeTimer = nil
    }

    // MARK: - The end

    /// The client broke the protocol: it is told how, once, and the connection ends.
    func fail(_ reason: String) {
        log.info("protocol violation", metadata: ["uid": "\(client?.peer.uid ?? .max)", "reason": "\(reason.shown)"])
        close(with: ServiceError(.protocolViolation, reason))
    }

    /// Says why and closes when that has been sent, or when the client does not read even that.
    package func close(with error: ServiceError) {
        guard state != .closing, let context else { return }
        send(.error(channel: nil, error: error)) { [weak self] in self?.context?.close(promise: nil) }
        state = .closing
        frames.stop()
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.closingTime) { [weak self] in
            self?.context?.close(promise: nil)
        }
    }

    // MARK: - Sending

    var canSend: Bool { state != .closing && context != nil }

    func send(_ message: ServerMessage, then body: (() -> Void)? = nil) {
        do throws(WireError) {
            let frame = try ControlCoding.frame(message)
            control(frame, then: body)
        } catch {
            log.error("a message could not be encoded", metadata: ["reason": "\("\(error)".shown)"])
            context?.close(promise: nil)
        }
    }

    /// Sends what is not output; a client that lets too much of it pile up is not reading and loses its connection.
    func control(_ frame: Frame, then body: (() -> Void)? = nil) {
        guard canSend, let context else { return }
        let bytes = ByteBuffer(bytes: frame.encoded)
        let count = bytes.readableBytes
        guard controlBacklog + count <= Self.maximumControlBacklog else {
            log.info("closing a connection that does not read", metadata: ["uid": "\(client?.peer.uid ?? .max)"])
            return context.close(promise: nil)
        }
        controlBacklog += count
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [weak self] _ in
            self?.controlBacklog -= count
            body?()
        }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
    }

    /// Bytes below which a frame is one buffer; above, its header and its bytes are gathered by the kernel.
    private static let gathered = 16 << 10

    private func write(_ kind: Frame.Kind, channel: UInt32, _ bytes: ByteBuffer) {
        guard canSend, let context else { return }
        let length = UInt32(bytes.readableBytes + 4)
        framesOnTheirWay += 1
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [weak self] _ in self?.frameLeft() }
        if bytes.readableBytes < Self.gathered {
            var frame = bytes
            frame.moveReaderIndex(to: frame.readerIndex - Frame.headerBytes - 4)
            Self.setHeader(kind, length, channel, in: &frame, at: frame.readerIndex)
            context.writeAndFlush(wrapOutboundOut(frame), promise: promise)
        } else {
            var header = ByteBuffer()
            header.writeRepeatingByte(0, count: Frame.headerBytes + 4)
            Self.setHeader(kind, length, channel, in: &header, at: 0)
            context.write(wrapOutboundOut(header), promise: nil)
            context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
        }
    }

    private static func setHeader(
        _ kind: Frame.Kind, _ length: UInt32, _ channel: UInt32, in buffer: inout ByteBuffer, at index: Int
    ) {
        buffer.setInteger(length, at: index)
        buffer.setInteger(kind.rawValue, at: index + 4)
        buffer.setInteger(channel, at: index + Frame.headerBytes)
    }

    private func frameLeft() {
        framesOnTheirWay -= 1
        if framesOnTheirWay == Self.maximumFrames / 2 { resumeOutput() }
    }

    /// Every run gets to be first in turn, so that one that writes without end does not silence the others.
    private func resumeOutput() {
        guard takesOutput, !entries.isEmpty else { return }
        let channels = entries.keys.sorted()
        turn &+= 1
        let first = turn % channels.count
        for channel in channels[first...] + channels[..<first] { entries[channel]?.run.resumeOutput() }
    }
}

extension Connection: RunOwner {
    package var takesOutput: Bool {
        canSend && framesOnTheirWay < Self.maximumFrames && context?.channel.isWritable == true
    }

    package func runStarted(channel: UInt32) { send(.started(channel: channel)) }

    package func runWrote(channel: UInt32, _ kind: OutputKind, _ bytes: ByteBuffer) {
        write(kind == .stdout ? .stdout : .stderr, channel: channel, bytes)
    }

    package func runTook(channel: UInt32, inputBytes: Int) {
        guard let untold = entries[channel]?.untold else { return }
        let sum = untold + inputBytes
        entries[channel]?.untold = sum < Self.creditPortion ? sum : 0
        if sum >= Self.creditPortion { control(.credit(channel: channel, bytes: UInt32(sum))) }
    }

    package func runEnded(channel: UInt32, _ end: Result<RunResult, ServiceError>) {
        entries[channel] = nil
        switch end {
        case .success(let result): send(.result(channel: channel, result: result))
        case .failure(let error): send(.error(channel: channel, error: error))
        }
    }
}
