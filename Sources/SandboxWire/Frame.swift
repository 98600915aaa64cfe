/// One frame: 4 bytes length of the payload (big endian), 1 byte type, the payload.
///
/// `Protocol.md` beside this file describes the whole protocol.
public struct Frame: Sendable, Equatable {
    /// What the payload is. The numbers are on the wire and never change their meaning.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// A JSON object: a `ClientMessage` or a `ServerMessage`.
        case control = 1
        /// Channel number, then bytes for the command's standard input. No bytes: end of file.
        case stdin = 2
        /// Channel number, then bytes of the command's standard output.
        case stdout = 3
        /// Channel number, then bytes of the command's standard error.
        case stderr = 4
        /// Channel number, then 4 bytes: how many more bytes the sender of this frame is ready to take.
        case credit = 5
    }

    public var kind: Kind
    public var payload: [UInt8]

    public init(kind: Kind, payload: [UInt8]) {
        self.kind = kind
        self.payload = payload
    }

    /// Length and type.
    public static let headerBytes = 5
    /// The largest control payload: a request with its arguments and environment.
    public static let maximumControlBytes = 2 << 20
    /// The largest payload of the other frames, channel number included.
    public static let maximumDataBytes = (256 << 10) + 4

    /// The largest payload that a frame of a kind may have.
    public static func maximumBytes(_ kind: Kind) -> Int {
        kind == .control ? maximumControlBytes : maximumDataBytes
    }

    /// Header and payload, ready to be written.
    public var encoded: [UInt8] {
        var bytes = [UInt8]()
        bytes.reserveCapacity(Self.headerBytes + payload.count)
        Self.withHeader(kind, payloadBytes: payload.count) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: payload)
        return bytes
    }

    /// A stdin, stdout or stderr frame for one channel.
    public static func data(_ kind: Kind, channel: UInt32, _ bytes: some Collection<UInt8>) -> Frame {
        var payload = [UInt8]()
        payload.reserveCapacity(4 + bytes.count)
        payload.appendBigEndian(channel)
        payload.append(contentsOf: bytes)
        return Frame(kind: kind, payload: payload)
    }

    /// A credit frame: the other side may send `bytes` more on this channel.
    public static func credit(channel: UInt32, bytes: UInt32) -> Frame {
        var payload = [UInt8]()
        payload.appendBigEndian(channel)
        payload.appendBigEndian(bytes)
        return Frame(kind: .credit, payload: payload)
    }

    /// The channel of a data or credit frame, or `nil` when the payload is too short to have one.
    public var channel: UInt32? { payload.bigEndianWord(at: 0) }

    /// The amount in a credit frame.
    public var creditBytes: UInt32? { payload.count == 8 ? payload.bigEndianWord(at: 4) : nil }

    /// The bytes in front of a payload, for as long as the call.
    static func withHeader(_ kind: Kind, payloadBytes: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        let header = (UInt32(payloadBytes).bigEndian, kind.rawValue)
        withUnsafeBytes(of: header) { body(UnsafeRawBufferPointer(rebasing: $0[..<headerBytes])) }
    }
}

extension [UInt8] {
    mutating func appendBigEndian(_ word: UInt32) {
        append(UInt8(truncatingIfNeeded: word >> 24))
        append(UInt8(truncatingIfNeeded: word >> 16))
        append(UInt8(truncatingIfNeeded: word >> 8))
        append(UInt8(truncatingIfNeeded: word))
    }

    func bigEndianWord(at offset: Int) -> UInt32? {
        guard offset + 4 <= count else { return nil }
        return self[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
