package import NIOCore
package import SandboxWire

/// A frame as it came, its payload still in the buffer it was received in; or a piece of a frame of standard input.
package struct InboundFrame: Sendable, Equatable {
    package var kind: Frame.Kind
    /// With the channel before it, unless `continued`.
    package var payload: ByteBuffer
    /// The channel of a frame of which the beginning came before this.
    package var continued: UInt32?
}

/// `SandboxWire.FrameDecoder` over NIO's buffers: the same bounds, refused before a payload is stored. A test holds the
/// two to the same answers. Standard input is handed on as it comes: nobody collects it only to write it on.
package struct InboundFrameDecoder: NIOSingleStepByteToMessageDecoder {
    package typealias InboundOut = InboundFrame

    /// Of a frame of standard input that is not over.
    private(set) var rest: (channel: UInt32, bytes: Int)?

    package init() {}

    /// Whether a frame has begun and what came of it was handed on.
    package var isInside: Bool { rest != nil }

    /// So many bytes of the rest went another way.
    mutating func skip(_ count: Int) {
        guard let (channel, left) = rest else { return }
        rest = left > count ? (channel, left - count) : nil
    }

    package mutating func decode(buffer: inout ByteBuffer) throws -> InboundFrame? {
        if let (channel, left) = rest {
            let count = min(left, buffer.readableBytes)
            guard count > 0 else { return nil }
            rest = left > count ? (channel, left - count) : nil
            return buffer.readSlice(length: count).map {
                InboundFrame(kind: .stdin, payload: $0, continued: channel)
            }
        }
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self),
            let code = buffer.getInteger(at: buffer.readerIndex + 4, as: UInt8.self)
        else { return nil }
        guard let kind = Frame.Kind(rawValue: code) else { throw WireError.unknownFrame(type: code) }
        guard length <= Frame.maximumBytes(kind) else {
            throw WireError.oversized(kind: kind, bytes: Int(length), maximum: Frame.maximumBytes(kind))
        }
        guard kind == .control || length >= 4 else { throw WireError.truncated(kind: kind) }
        let received = buffer.readableBytes - Frame.headerBytes
        if kind == .stdin, received > 4, received < Int(length) { return begin(&buffer, received, of: Int(length)) }
        guard received >= Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: Frame.headerBytes)
        return buffer.readSlice(length: Int(length)).map { InboundFrame(kind: kind, payload: $0) }
    }

    private mutating func begin(_ buffer: inout ByteBuffer, _ received: Int, of length: Int) -> InboundFrame? {
        buffer.moveReaderIndex(forwardBy: Frame.headerBytes)
        guard let channel = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return nil }
        rest = (channel, length - received)
        return buffer.readSlice(length: received).map { InboundFrame(kind: .stdin, payload: $0) }
    }

    package mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> InboundFrame? {
        try decode(buffer: &buffer)
    }
}
