import NIOCore
import NIOEmbedded
import SandboxServer
import SandboxWire
import Testing

/// What came out of a stream: frames, then perhaps an error.
private struct Decoded: Equatable {
    var frames: [Frame] = []
    var error: WireError?
}

private final class Recorder: ChannelInboundHandler {
    typealias InboundIn = InboundFrame
    var decoded = Decoded()
    var timedOut = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        let payload = Array(frame.payload.readableBytesView)
        guard let channel = frame.continued else {
            return decoded.frames.append(Frame(kind: frame.kind, payload: payload))
        }
        // A piece of the frame before, which was on the same channel.
        guard let last = decoded.frames.popLast(), last.channel == channel, !payload.isEmpty else { return }
        decoded.frames.append(Frame(kind: last.kind, payload: last.payload + payload))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        decoded.error = error as? WireError
        timedOut = error is FrameHandler.PartialFrameTimeout
    }
}

@Suite struct FrameHandlerTests {
    private func byHandler(_ pieces: [[UInt8]]) throws -> Decoded {
        let channel = EmbeddedChannel()
        let (recorder, frames) = (Recorder(), FrameHandler())
        try channel.pipeline.syncOperations.addHandlers([frames, recorder] as [any ChannelHandler])
        for piece in pieces { try channel.writeInbound(ByteBuffer(bytes: piece)) }
        // To the other decoder a beginning is no frame.
        if frames.isInside { _ = recorder.decoded.frames.popLast() }
        _ = try? channel.finish(acceptAlreadyClosed: true)
        return recorder.decoded
    }

    private func byDecoder(_ pieces: [[UInt8]]) -> Decoded {
        var decoder = FrameDecoder()
        var decoded = Decoded()
        for piece in pieces where decoded.error == nil {
            decoder.append(piece)
            do throws(WireError) {
                while let frame = try decoder.next() { decoded.frames.append(frame) }
            } catch {
                decoded.error = error
            }
        }
        return decoded
    }

    private static let good =
        Frame(kind: .control, payload: Array("{}".utf8)).encoded + Frame.data(.stdin, channel: 7, [1, 2, 3]).encoded
        + Frame.data(.stdin, channel: 7, []).encoded + Frame.credit(channel: 7, bytes: 9).encoded
        + Frame(kind: .control, payload: []).encoded

    static let streams: [[UInt8]] = [
        good,
        good + [0, 0, 0, 1, 9, 0],
        good + [0xff, 0xff, 0xff, 0xff, 1],
        [0, 0x20, 0, 1, 1],
        [0, 0x04, 0, 5, 2],
        [0, 0x04, 0, 4, 2],
        [0, 0, 0, 3, 2, 1, 1, 1],
        [0, 0, 0, 0, 5],
        [0, 0, 0, 0, 0],
        Array("GET / HTTP/1.1\r\n".utf8),
        Array(good.dropLast()),
    ]

    @Test(arguments: streams)
    func agreesWithTheWiresDecoder(_ stream: [UInt8]) throws {
        let whole = try byHandler([stream])
        #expect(whole == byDecoder([stream]))
        #expect(whole == (try byHandler(stream.map { [$0] })))
        #expect(whole == byDecoder(stream.map { [$0] }))
    }

    /// What the handler's user has taken out of the socket itself does not come again.
    @Test func theRestOfAFrameMayGoAnotherWay() throws {
        let channel = EmbeddedChannel()
        let (recorder, frames) = (Recorder(), FrameHandler())
        var offers: [Int] = []
        frames.onRest = { number, bytes in
            #expect(number == 7)
            offers.append(bytes)
            return offers.count == 1 ? 4 : 0
        }
        try channel.pipeline.syncOperations.addHandlers([frames, recorder] as [any ChannelHandler])
        let whole = Frame.data(.stdin, channel: 7, Array(1...10)).encoded
        // Two bytes come, four are taken, and the other four come; then the next frame.
        try channel.writeInbound(ByteBuffer(bytes: whole.prefix(Frame.headerBytes + 4 + 2)))
        try channel.writeInbound(ByteBuffer(bytes: whole.suffix(4) + Self.good))
        _ = try? channel.finish(acceptAlreadyClosed: true)
        #expect(offers == [8])
        #expect(recorder.decoded.error == nil)
        #expect(recorder.decoded.frames.first == Frame.data(.stdin, channel: 7, [1, 2, 7, 8, 9, 10]))
        #expect(recorder.decoded.frames.count == 6)
    }

    @Test func largestFramesPass() throws {
        let control = Frame(kind: .control, payload: .init(repeating: 32, count: Frame.maximumControlBytes))
        let data = Frame(kind: .stdin, payload: .init(repeating: 1, count: Frame.maximumDataBytes))
        #expect(try byHandler([control.encoded + data.encoded]).frames == [control, data])
    }

    @Test func randomBytesAgree() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            var stream: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<60) {
                // Small numbers, so that some of them are headers.
                stream.append(UInt8.random(in: 0...6, using: &generator))
            }
            #expect(try byHandler([stream]) == byDecoder([stream]), "\(stream)")
        }
    }

    @Test func halfAFrameAndSilenceIsAnError() throws {
        let channel = EmbeddedChannel()
        let recorder = Recorder()
        let handler = FrameHandler(patience: .zero)
        try channel.pipeline.syncOperations.addHandlers([handler, recorder] as [any ChannelHandler])
        try channel.writeInbound(ByteBuffer(bytes: Self.good))
        channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        #expect(!recorder.timedOut)
        try channel.writeInbound(ByteBuffer(bytes: [0, 0]))
        channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        #expect(recorder.timedOut)
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }
}
