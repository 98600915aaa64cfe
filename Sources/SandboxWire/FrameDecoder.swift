public import SandboxModel

/// Cuts a byte stream into frames, in bounded memory: a header that announces too much is refused before its payload is
/// stored.
public struct FrameDecoder: Sendable {
    private var buffer: [UInt8] = []
    private var start = 0

    public init() {}

    /// Bytes that were received and are not yet part of a returned frame.
    public var pendingBytes: Int { buffer.count - start }

    /// Takes bytes as they were received.
    public mutating func append(_ bytes: some Sequence<UInt8>) {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: true)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole frame, `nil` when more bytes are needed.
    ///
    /// After an error the stream cannot be read any further: where the next frame begins is not known.
    public mutating func next() throws(WireError) -> Frame? {
        guard pendingBytes >= Frame.headerBytes, let length = buffer.bigEndianWord(at: start) else { return nil }
        let code = buffer[start + 4]
        guard let kind = Frame.Kind(rawValue: code) else { throw .unknownFrame(type: code) }
        guard length <= Frame.maximumBytes(kind) else {
            throw .oversized(kind: kind, bytes: Int(length), maximum: Frame.maximumBytes(kind))
        }
        guard kind == .control || length >= 4 else { throw .truncated(kind: kind) }
        let end = start + Frame.headerBytes + Int(length)
        guard buffer.count >= end else { return nil }
        let payload = Array(buffer[start + Frame.headerBytes..<end])
        start = end
        compact()
        return Frame(kind: kind, payload: payload)
    }

    /// Drops what has been read once it is the larger part, so that the cost stays linear.
    private mutating func compact() {
        guard start > 64 << 10, start > buffer.count / 2 else { return }
        buffer.removeFirst(start)
        start = 0
    }
}

/// Why bytes are not a message of the protocol. The connection ends after any of these, except a `run` whose channel can
/// be read.
public enum WireError: Error, Sendable, Equatable, CustomStringConvertible {
    case unknownFrame(type: UInt8)
    case oversized(kind: Frame.Kind, bytes: Int, maximum: Int)
    case truncated(kind: Frame.Kind)
    /// The JSON is not an object of the expected form; the text says where and why.
    case malformed(String)
    /// A message that asks for something impossible, as a limit of -1: the error is the answer, and the connection goes on.
    case request(ServiceError)

    public var description: String {
        switch self {
        case .unknownFrame(let type): "unknown frame type \(type)"
        case .oversized(let kind, let bytes, let maximum):
            "\(kind) frame of \(bytes) bytes exceeds the maximum of \(maximum)"
        case .truncated(let kind): "\(kind) frame is too short"
        case .malformed(let reason): "malformed message: \(reason)"
        case .request(let error): error.message
        }
    }
}
