package import NIOCore
import SandboxWire

/// Cuts what a connection receives into frames, and complains about half a frame that is not continued.
///
/// While its user is over the budget, nothing is read, and what has been read waits here: at most the largest frame and what
/// one look at the socket brings.
///
/// After an error nothing more is read from the stream: where the next frame begins is not known.
package final class FrameHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = InboundFrame
    package typealias OutboundIn = ByteBuffer

    /// Half a frame was followed by silence.
    package struct PartialFrameTimeout: Error {}

    /// What a frame counts beside its bytes: a control frame is read and answered, the others are handed on. Bytes of
    /// standard input do not count: their run's window bounds them.
    private static let controlCost = 512
    private static let dataCost: UInt64 = 64
    /// A look at the socket, whatever it brings: half a frame is not yet counted as one.
    private static let readCost: UInt64 = 256

    private let patience: TimeAmount
    private var decoder = InboundFrameDecoder()
    /// What was received and is not yet part of a frame that was handed on.
    private var received = ByteBuffer()
    private var hasFailed = false
    private var lastBytes = NIODeadline.uptimeNanoseconds(0)
    private var watch: Scheduled<Void>?
    /// Who pays for the frames; until it is known nobody does.
    private var budget: (FrameBudget, uid: UInt32)?
    /// Waiting for the budget, perhaps with a read that was asked for meanwhile.
    private var isHeld = false
    private var owesRead = false

    /// Takes the rest of a frame of standard input out of the socket itself, all of it or a beginning, and says how much.
    package var onRest: (_ channel: UInt32, _ bytes: Int) -> Int = { _, _ in 0 }

    package init(patience: TimeAmount = .seconds(30)) { self.patience = patience }

    /// Counts every frame from now on.
    package func charge(_ budget: FrameBudget, to uid: UInt32) { self.budget = (budget, uid) }

    // MARK: - Reading

    package func read(context: ChannelHandlerContext) {
        if isHeld { owesRead = true } else { context.read() }
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasFailed else { return }
        var bytes = unwrapInboundIn(data)
        if let (budget, uid) = budget { budget.charge(uid, bytes: Self.readCost) }
        if received.readableBytes == 0 { received = bytes } else { received.writeBuffer(&bytes) }
        lastBytes = .now()
        if !isHeld { deliver(context, inTurn: false) }
    }

    /// Hands frames on until there is no other, or until the user has to wait.
    private func deliver(_ context: ChannelHandlerContext, inTurn: Bool) {
        do {
            while !hasFailed, received.readableBytes >= (decoder.isInside ? 1 : Frame.headerBytes) {
                guard mayGoOn(inTurn) else { return hold(context) }
                guard let frame = try decoder.decode(buffer: &received) else { break }
                hand(frame, context)
            }
        } catch {
            return fail(error, context)
        }
        if hasFailed || received.readableBytes == 0 {
            received = ByteBuffer()
            takeRest()
        }
        if isInFrame {
            // What was read of the buffer is not kept for the sake of less that was not.
            if received.readerIndex > received.readableBytes { received.discardReadBytes() }
            if watch == nil { watchHalfFrame(context, after: patience) }
        }
    }

    /// Once everything that was received before it has been handed on.
    private func takeRest() {
        guard !hasFailed, let (channel, bytes) = decoder.rest else { return }
        let taken = onRest(channel, bytes)
        guard taken > 0 else { return }
        decoder.skip(taken)
        lastBytes = .now()
    }

    /// Whether a frame has begun, and what came of it was handed on.
    package var isInside: Bool { decoder.isInside }

    private var isInFrame: Bool { !hasFailed && (received.readableBytes > 0 || decoder.isInside) }

    private func hand(_ frame: InboundFrame, _ context: ChannelHandlerContext) {
        guard let (budget, uid) = budget else { return context.fireChannelRead(wrapInboundOut(frame)) }
        guard frame.kind == .control else {
            budget.charge(uid, bytes: Self.dataCost)
            return context.fireChannelRead(wrapInboundOut(frame))
        }
        budget.spend(uid, bytes: frame.payload.readableBytes + Self.controlCost) {
            context.fireChannelRead(wrapInboundOut(frame))
        }
    }

    // MARK: - Waiting

    private func mayGoOn(_ inTurn: Bool) -> Bool {
        guard let (budget, uid) = budget else { return true }
        return inTurn ? budget.hasTurn(uid) : budget.isOpen(uid)
    }

    private func hold(_ context: ChannelHandlerContext) {
        guard let (budget, uid) = budget else { return }
        isHeld = true
        received.discardReadBytes()
        budget.wait(uid) { [weak self] in
            guard let self, !hasFailed else { return }
            isHeld = false
            // It was us who let it wait.
            lastBytes = .now()
            deliver(context, inTurn: true)
            guard !isHeld, owesRead, !hasFailed else { return }
            owesRead = false
            context.read()
        }
    }

    // MARK: - The end

    package func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) { stop() }

    /// Nothing that comes after this is looked at.
    package func stop() {
        hasFailed = true
        received = ByteBuffer()
        watch?.cancel()
        watch = nil
    }

    private func fail(_ error: any Error, _ context: ChannelHandlerContext) {
        guard !hasFailed else { return }
        stop()
        context.fireErrorCaught(error)
    }

    private func watchHalfFrame(_ context: ChannelHandlerContext, after delay: TimeAmount) {
        watch = context.eventLoop.assumeIsolated().scheduleTask(in: delay) { [self] in
            watch = nil
            guard isInFrame else { return }
            let silence = NIODeadline.now() - lastBytes
            if !isHeld, silence >= patience {
                fail(PartialFrameTimeout(), context)
            } else {
                watchHalfFrame(context, after: isHeld ? patience : patience - silence)
            }
        }
    }
}
