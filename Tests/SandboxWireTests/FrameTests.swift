import Testing

@testable import SandboxWire

@Suite struct FrameTests {
    private static let frames: [Frame] = [
        Frame(kind: .control, payload: Array("{}".utf8)),
        .data(.stdin, channel: 1, []),
        .data(.stdout, channel: 0xFFFF_FFFF, [1, 2, 3]),
        .data(.stderr, channel: 7, [UInt8](repeating: 9, count: 256 << 10)),
        .credit(channel: 2, bytes: 0x0102_0304),
    ]

    @Test func headerIsLengthThenType() {
        #expect(Frame.data(.stdout, channel: 258, [65]).encoded == [0, 0, 0, 5, 3, 0, 0, 1, 2, 65])
        #expect(Frame.credit(channel: 1, bytes: 256).encoded == [0, 0, 0, 8, 5, 0, 0, 0, 1, 0, 0, 1, 0])
    }

    @Test func framesComeBack() throws {
        var decoder = FrameDecoder()
        for frame in Self.frames { decoder.append(frame.encoded) }
        for frame in Self.frames { #expect(try decoder.next() == frame) }
        #expect(try decoder.next() == nil)
        #expect(decoder.pendingBytes == 0)
    }

    @Test func framesComeBackByteByByte() throws {
        var decoder = FrameDecoder()
        var received: [Frame] = []
        for byte in Self.frames.flatMap(\.encoded) {
            decoder.append(CollectionOfOne(byte))
            while let frame = try decoder.next() { received.append(frame) }
        }
        #expect(received == Self.frames)
    }

    @Test func channelAndCredit() {
        #expect(Frame.credit(channel: 3, bytes: 4).channel == 3)
        #expect(Frame.credit(channel: 3, bytes: 4).creditBytes == 4)
        #expect(Frame(kind: .credit, payload: [1, 2]).channel == nil)
        #expect(Frame(kind: .credit, payload: [0, 0, 0, 1, 0]).creditBytes == nil)
    }

    @Test func oversizeIsRefusedBeforeItIsStored() {
        for kind in Frame.Kind.allCases {
            let length = UInt32(Frame.maximumBytes(kind) + 1)
            var bytes: [UInt8] = []
            bytes.appendBigEndian(length)
            var decoder = FrameDecoder()
            decoder.append(bytes + [kind.rawValue])
            #expect(throws: WireError.oversized(kind: kind, bytes: Int(length), maximum: Int(length) - 1)) {
                try decoder.next()
            }
        }
    }

    @Test func unknownAndTruncatedAreRefused() {
        var unknown = FrameDecoder()
        unknown.append([0, 0, 0, 0, 200] as [UInt8])
        #expect(throws: WireError.unknownFrame(type: 200)) { try unknown.next() }
        var short = FrameDecoder()
        short.append([0, 0, 0, 3, 3] as [UInt8])
        #expect(throws: WireError.truncated(kind: .stdout)) { try short.next() }
    }

    @Test func aFrameThatIsNotWholeWaits() throws {
        var decoder = FrameDecoder()
        decoder.append(Frame.data(.stdout, channel: 1, [1, 2, 3]).encoded.dropLast())
        #expect(try decoder.next() == nil)
        decoder.append([3] as [UInt8])
        #expect(try decoder.next() == .data(.stdout, channel: 1, [1, 2, 3]))
    }

    @Test func randomBytesEndInFramesOrErrors() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<10_000 {
            var decoder = FrameDecoder()
            let count = Int.random(in: 0...300, using: &random)
            // Half of them with a small length, so that payloads are reached too.
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            if Bool.random(using: &random), count >= 5 {
                bytes.replaceSubrange(0..<5, with: [0, 0, 0, UInt8.random(in: 0...40, using: &random), 1])
            }
            decoder.append(bytes)
            do {
                while let frame = try decoder.next() {
                    #expect(frame.payload.count <= Frame.maximumBytes(frame.kind))
                    _ = try? ControlCoding.decode(ClientMessage.self, from: frame.payload)
                }
            } catch {
                #expect(!"\(error)".isEmpty)
            }
        }
    }
}
