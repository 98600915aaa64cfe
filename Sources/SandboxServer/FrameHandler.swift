package import NIOCore
package import SandboxWire

/// A frame as it came, its payload still in the buffer it was received in.
package struct InboundFrame: Sendable, Equatable {
    package var kind: Frame.Kind
    package var payload: ByteBuffer
}

/// `SandboxWire.FrameDecoder` over NIO's buffers: the same bounds, refused before a payload is stored. A test holds the
/// two to the same answers.
package struct InboundFrameDecoder: NIOSingleStepByteToMessageDecoder {
    package typealias InboundOut = InboundFrame

    package init() {}

    package mutating func decode(buffer: inout ByteBuffer) throws -> InboundFrame? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self),
            let code = buffer.getInteger(at: buffer.readerIndex + 4, as: UInt8.self)
        else { return nil }
        guard let kind = Frame.Kind(rawValue: code) else { throw WireError.unknownFrame(type: code) }
        guard length <= Frame.maximumBytes(kind) else {
            throw WireError.oversized(kind: kind, bytes: Int(length), maximum: Frame.maximumBytes(kind))
        }
        guard kind == .control || length >= 4 else { throw WireError.truncated(kind: kind) }
        guard buffer.readableBytes >= Frame.headerBytes + Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: Frame.headerBytes)
        return buffer.readSlice(length: Int(length)).map { InboundFrame(kind: kind, payload: $0) }
    }

    package mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> InboundFrame? {
        try decode(buffer: &buffer)
    }
}

/// Cuts what a connection receives into frames, and complains about half a frame that is not continued.
///
/// After an error nothing more is read from the stream: where the next frame begins is not known.
package final class FrameHandler: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = InboundFrame

    /// Half a frame was followed by silence.
    package struct PartialFrameTimeout: Error {}

    private let patience: TimeAmount
    private let processor = NIOSingleStepByteToMessageProcessor(InboundFrameDecoder())
    private var hasFailed = false
    private var lastBytes = NIODeadline.uptimeNanoseconds(0)
    private var watch: Scheduled<Void>?

    package init(patience: TimeAmount = .seconds(30)) { self.patience = patience }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasFailed else { return }
        do {
            try processor.process(buffer: unwrapInboundIn(data)) { frame in
                // A frame's consumer may have given the connection up.
                guard !hasFailed else { return }
                context.fireChannelRead(wrapInboundOut(frame))
            }
        } catch {
            fail(error, context)
        }
        lastBytes = .now()
        if processor.unprocessedBytes > 0, watch == nil, !hasFailed { watchHalfFrame(context, after: patience) }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) { stop() }

    /// Nothing that comes after this is looked at.
    package func stop() {
        hasFailed = true
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
            guard processor.unprocessedBytes > 0, !hasFailed else { return }
            let silence = NIODeadline.now() - lastBytes
            if silence >= patience {
                fail(PartialFrameTimeout(), context)
            } else {
                watchHalfFrame(context, after: patience - silence)
            }
        }
    }
}
