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
        /// A `usage` event has been handed to the socket and has not left yet.
        var usageIsOnItsWay = false
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
    /// Channels of questions that take time: verifications, lists, figures of runs.
    var asking: Set<UInt32> = []
    private(set) var client: Client?
    private(set) var context: ChannelHandlerContext?
    private let frames: FrameHandler
    private let budget: FrameBudget
    private let handshakeTime: TimeAmount
    private var handshakeTimer: Scheduled<Void>?
    private var controlBacklog = 0
    private var framesOnTheirWay = 0
    private var turn = 0
    /// Messages that wait for what follows.
    private var outbox: [ServerMessage] = []
    private var isOutboxScheduled = false
    private var direct: DirectOutput?
    /// Somebody waits until nothing is on its way any more.
    private var isDrainAwaited = false
    private var isResuming = false
    /// The socket has failed; the connection's end follows.
    private var isBroken = false

    package init(
        engine: Engine, frames: FrameHandler, budget: FrameBudget, handshakeTime: TimeAmount = .seconds(10),
        log: Logger
    ) {
        self.engine = engine
        self.frames = frames
        self.budget = budget
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
            direct = DirectOutput(socket: socket)
            frames.onRest = { [weak self] channel, bytes in self?.moveInput(channel, bytes, from: socket) ?? 0 }
            try admit(socket)
        } catch let error as ServiceError {
            close(with: error)
        } catch {
            context.close(promise: nil)
        }
    }

    private func admit(_ socket: Int32) throws(ServiceError) {
        let client = try engine.admit(socket: socket, within: budget)
        frames.charge(budget, to: client.peer.uid)
        self.client = client
    }

    package func channelInactive(context: ChannelHandlerContext) {
        state = .closing
        handshakeTimer?.cancel()
        self.context = nil
        direct = nil
        let runs = entries.values.map(\.run)
        entries = [:]
        for run in runs { run.abandon() }
        if let client { engine.leave(client) }
        client = nil
        context.fireChannelInactive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state != .closing else { return }
        handle(unwrapInboundIn(data), readAt: monotonicNanoseconds())
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
        let error = ServiceError(.protocolViolation, reason)
        // What it said is in the reason, and so not here.
        if let client { engine.noteRefusal(error, ofConnectionFrom: client.peer.uid) }
        log.debug("protocol violation", metadata: ["uid": "\(client?.peer.uid ?? .max)", "reason": "\(reason.shown)"])
        close(with: error)
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

    var canSend: Bool { state != .closing && !isBroken && context?.channel.isActive == true }

    /// - Parameter soon: it may wait a moment for what follows.
    func send(_ message: ServerMessage, soon: Bool = false, then body: (() -> Void)? = nil) {
        outbox.append(message)
        if soon { sendSoon() } else { sendOutbox(then: body) }
    }

    /// What waits a moment is not made bytes of before it goes: a run of a millisecond is accepted, started and over in one
    /// write, for which its client wakes up once. Whatever else is written takes along what waits.
    private func sendSoon() {
        guard !isOutboxScheduled else { return }
        isOutboxScheduled = true
        engine.afterwards.add { [weak self] in
            self?.isOutboxScheduled = false
            self?.sendOutbox()
        }
    }

    /// What has waited, in one write.
    private func sendOutbox(then body: (() -> Void)? = nil) {
        guard !outbox.isEmpty else { return }
        var frames = ControlFrames()
        do throws(WireError) {
            for message in outbox {
                try frames.append(message) { Self.refusal(ofTooMany: $0, channel: message.channel) }
            }
        } catch {
            outbox = []
            log.error("a message could not be encoded", metadata: ["reason": "\("\(error)".shown)"])
            context?.close(promise: nil)
            return
        }
        #if SANDBOX_FAULTS
            let isEnd = outbox.contains { if case .result = $0 { true } else { false } }
            if isEnd, Fault.expects(.answerHalfWritten) {
                frames.withBytes { transmit(UnsafeRawBufferPointer(rebasing: $0[..<($0.count / 2)])) }
                Fault.reach(.answerHalfWritten)
                outbox = []
                return frames.withBytes {
                    transmit(UnsafeRawBufferPointer(rebasing: $0[($0.count / 2)...]), then: body)
                }
            }
        #endif
        outbox.removeAll(keepingCapacity: true)
        frames.withBytes { transmit($0, then: body) }
    }

    func control(_ frame: Frame) {
        sendOutbox()
        frame.encoded.withUnsafeBytes { transmit($0) }
    }

    /// Sends what is not output; a client that lets too much of it pile up is not reading and loses its connection.
    private func transmit(_ frames: UnsafeRawBufferPointer, then body: (() -> Void)? = nil) {
        guard canSend, let context else { return }
        guard controlBacklog + frames.count <= Self.maximumControlBacklog else {
            log.info("closing a connection that does not read", metadata: ["uid": "\(client?.peer.uid ?? .max)"])
            return context.close(promise: nil)
        }
        let sent = sendAtOnce(frames)
        guard sent < frames.count else {
            body?()
            return
        }
        let bytes = ByteBuffer(bytes: UnsafeRawBufferPointer(rebasing: frames[sent...]))
        let count = bytes.readableBytes
        controlBacklog += count
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [weak self] result in
            self?.controlBacklog -= count
            self?.noteFailure(result)
            body?()
        }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
    }

    /// Beside NIO, as `DirectOutput`: an answer passes NIO's pipeline with a buffer, a promise and a queue of writes, which costs as
    /// much as to make it. Returns how many bytes the socket took; the rest is NIO's, and so is a socket that is broken.
    private func sendAtOnce(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let direct, framesOnTheirWay == 0, controlBacklog == 0,
            case .bytes(let sent) = DescriptorIO.send(direct.socket, bytes)
        else { return 0 }
        return sent
    }

    /// Bytes below which a frame is one buffer; above, its header and its bytes are gathered by the kernel.
    private static let gathered = 16 << 10

    private func write(_ kind: Frame.Kind, channel: UInt32, _ bytes: ByteBuffer) {
        sendOutbox()
        guard canSend, let context else { return }
        let length = UInt32(bytes.readableBytes + 4)
        framesOnTheirWay += 1
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [weak self] in self?.frameLeft($0) }
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

    private func header(_ kind: OutputKind, channel: UInt32, count: Int) -> ByteBuffer {
        var header = ByteBuffer()
        header.writeRepeatingByte(0, count: Frame.headerBytes + 4)
        Self.setHeader(kind == .stdout ? .stdout : .stderr, UInt32(count + 4), channel, in: &header, at: 0)
        return header
    }

    /// The end of a frame whose beginning the socket has taken.
    private func writeRest(_ bytes: ByteBuffer) {
        guard let context else { return }
        framesOnTheirWay += 1
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [weak self] in self?.frameLeft($0) }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
    }

    private static func setHeader(
        _ kind: Frame.Kind, _ length: UInt32, _ channel: UInt32, in buffer: inout ByteBuffer, at index: Int
    ) {
        buffer.setInteger(length, at: index)
        buffer.setInteger(kind.rawValue, at: index + 4)
        buffer.setInteger(channel, at: index + Frame.headerBytes)
    }

    private func frameLeft(_ result: Result<Void, any Error>) {
        framesOnTheirWay -= 1
        noteFailure(result)
        guard !isBroken else { return }
        if framesOnTheirWay == Self.maximumFrames / 2 || isDrainAwaited && framesOnTheirWay == 0 { resumeSoon() }
    }

    /// NIO fails what waits when it has closed the socket, and tells of the end only after that: meanwhile its number is
    /// nobody's, or somebody else's, and whatever is written fails at once.
    private func noteFailure(_ result: Result<Void, any Error>) {
        if case .failure = result { isBroken = true }
    }

    /// Not from within a write's end: what is resumed writes, and its end would be within that.
    private func resumeSoon() {
        guard !isResuming, let context else { return }
        isResuming = true
        context.eventLoop.assumeIsolated().execute { [weak self] in
            self?.isResuming = false
            self?.resumeOutput()
        }
    }

    /// Every run gets to be first in turn, so that one that writes without end does not silence the others.
    private func resumeOutput() {
        isDrainAwaited = false
        guard takesOutput, !entries.isEmpty else { return }
        let channels = entries.keys.sorted()
        turn &+= 1
        let first = turn % channels.count
        for channel in channels[first...] + channels[..<first] { entries[channel]?.run.resumeOutput() }
    }
}

extension Connection: RunOwner {
    package var takesOutput: Bool {
        // Who waits for everything to leave would wait for ever behind others who go on.
        canSend && !isDrainAwaited && framesOnTheirWay < Self.maximumFrames && context?.channel.isWritable == true
    }

    package func runStarted(channel: UInt32) { send(.started(channel: channel), soon: true) }

    package func runWrote(channel: UInt32, _ kind: OutputKind, _ bytes: ByteBuffer) {
        write(kind == .stdout ? .stdout : .stderr, channel: channel, bytes)
    }

    /// Only while the socket has taken everything else: whatever waits for it comes first.
    package func runOffers(channel: UInt32, _ kind: OutputKind, pipe: Int32, count: Int) -> OutputOffer {
        sendOutbox()
        guard canSend, let direct else { return .refused }
        guard framesOnTheirWay == 0 else {
            isDrainAwaited = true
            return .notNow
        }
        guard controlBacklog == 0 else { return .refused }
        let count = min(count, Frame.maximumDataBytes - 4)
        switch direct.move(header(kind, channel: channel, count: count), from: pipe, count) {
        case .nothing: return .refused
        case .everything: break
        case .beginning(let rest):
            guard let rest else {
                // The client waits for what there is not.
                context?.close(promise: nil)
                return .notNow
            }
            writeRest(rest)
        }
        return .moved(count)
    }

    /// Called from within a read of the socket, which is open then.
    private func moveInput(_ channel: UInt32, _ bytes: Int, from socket: Int32) -> Int {
        guard state == .open, let run = entries[channel]?.run else { return 0 }
        return run.moveInput(from: socket, bytes)
    }

    /// In order with the output around it, and never dropped: without it the output would read as if it were whole.
    package func runOmitted(channel: UInt32, _ kind: OutputKind, bytes: UInt64) {
        send(.omitted(channel: channel, stream: kind == .stdout ? .stdout : .stderr, bytes: bytes))
    }

    /// Dropped while the client does not read, or while the run's last one still waits for it: the next one says more.
    package func runUsed(channel: UInt32, _ usage: UsageSample) {
        guard let entry = entries[channel], !entry.usageIsOnItsWay, context?.channel.isWritable == true else { return }
        let run = entry.run
        entries[channel]?.usageIsOnItsWay = true
        send(.usage(channel: channel, usage: usage)) { [weak self, weak run] in
            // The channel may be another run's by now.
            if let self, let run, entries[channel]?.run === run { entries[channel]?.usageIsOnItsWay = false }
        }
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
