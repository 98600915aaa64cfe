import ArgumentParser
import Glibc
import LinuxSystem
import SandboxModel
import SandboxWire

/// A client of one thread that blocks: the protocol, and nothing beside it.
///
/// What is measured through it is the service. Control frames are recognized by their text and decoded after the clock
/// has been stopped.
final class PlainClient {
    private let descriptor: Int32
    /// What has come and is no whole frame yet lies in `buffer[start..<end]`.
    private var buffer = [UInt8](repeating: 0, count: Frame.maximumControlBytes + 64)
    private var start = 0
    private var end = 0

    /// A frame's place in the buffer, without its channel; it is gone with the next one.
    struct Received {
        var kind: UInt8
        var payload: Range<Int>
    }

    init(socket path: String) throws {
        descriptor = try connectStream(path)
        try send(try ControlCoding.frame(ClientMessage.hello(version: wireVersion, capabilities: [])).encoded)
        let hello = try receive()
        guard holds(hello, Self.helloMark) else { throw refusal(hello) }
    }

    deinit { close(descriptor) }

    // MARK: - Requests

    /// The bytes of a request, made once.
    static func request(_ request: RunRequest, channel: UInt32 = 1) throws -> [UInt8] {
        try ControlCoding.frame(ClientMessage.run(channel: channel, request: request, window: nil)).encoded
    }

    /// Sends a request and waits for its result: how long that took, in nanoseconds. Throws unless it ends with status 0.
    func run(_ request: [UInt8]) throws -> UInt64 {
        let start = monotonicNanoseconds()
        try send(request)
        var frame = try receive()
        while !isLast(frame) { frame = try receive() }
        let time = monotonicNanoseconds() - start
        try requireSuccess(frame)
        return time
    }

    func isLast(_ frame: Received) -> Bool {
        frame.kind == Frame.Kind.control.rawValue && (holds(frame, Self.resultMark) || holds(frame, Self.errorMark))
    }

    func isStart(_ frame: Received) -> Bool {
        frame.kind == Frame.Kind.control.rawValue && holds(frame, Self.startedMark)
    }

    /// Of a last frame, without decoding the usual end: under load this would be half of what the client does.
    func failure(ofLast frame: Received) -> String? {
        if holds(frame, Self.exitedMark), holds(frame, Self.statusMark) { return nil }
        do { try requireSuccess(frame) } catch { return "\(error)" }
        return nil
    }

    /// Of a last frame.
    func channel(ofLast frame: Received) throws -> Int {
        let found = buffer.withUnsafeBytes { bytes -> Int? in
            let start = bytes.baseAddress! + frame.payload.lowerBound
            guard let mark = find(Self.channelMark, in: start, frame.payload.count) else { return nil }
            let digits = bytes[(frame.payload.lowerBound + mark + Self.channelMark.count)...]
            return Int(String(decoding: digits.prefix { (0x30...0x39).contains($0) }, as: UTF8.self))
        }
        guard let found else { throw ValidationError("an end without a channel") }
        return found
    }

    /// Of a last frame.
    func requireSuccess(_ frame: Received) throws {
        let message = try ControlCoding.decode(ServerMessage.self, from: Array(buffer[frame.payload]))
        switch message {
        case .result(_, let result):
            guard result.outcome.reason == .exited, result.outcome.code == 0 else {
                throw ValidationError("a run did not end well: \(result.outcome.message)")
            }
        case .error(_, let error): throw error
        default: throw ValidationError("\(message) is no end of a run")
        }
    }

    /// Of a control frame.
    func message(_ frame: Received) throws -> ServerMessage {
        try ControlCoding.decode(ServerMessage.self, from: Array(buffer[frame.payload]))
    }

    private func refusal(_ frame: Received) -> any Error {
        guard let message = try? message(frame), case .error(_, let error) = message else {
            return ValidationError("sandboxd does not answer hello")
        }
        return error
    }

    // MARK: - Frames

    /// No other value has these words: a quote inside of a string is escaped.
    private static let helloMark = Array(#""type":"hello""#.utf8)
    private static let startedMark = Array(#""type":"started""#.utf8)
    private static let resultMark = Array(#""type":"result""#.utf8)
    private static let exitedMark = Array(#""reason":"exited""#.utf8)
    private static let statusMark = Array(#""code":0,"#.utf8)
    private static let channelMark = Array(#""channel":"#.utf8)
    private static let errorMark = Array(#""type":"error""#.utf8)

    private func holds(_ frame: Received, _ mark: [UInt8]) -> Bool {
        buffer.withUnsafeBytes { bytes in
            find(mark, in: bytes.baseAddress! + frame.payload.lowerBound, frame.payload.count) != nil
        }
    }

    func send(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try send($0) }
    }

    func send(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let count = Glibc.send(descriptor, part.baseAddress, part.count, Int32(MSG_NOSIGNAL))
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                throw SystemError("write to sandboxd", errno: errno)
            }
        }
    }

    /// The next frame; waits for it.
    func receive() throws -> Received {
        while true {
            if let frame = nextFrame() { return frame }
            if start > 0 {
                buffer.withUnsafeMutableBytes { bytes in
                    _ = memmove(bytes.baseAddress!, bytes.baseAddress! + start, end - start)
                }
                (start, end) = (0, end - start)
            }
            // Not the whole buffer: what is copied above stays in the processor's cache.
            let room = min(buffer.count - end, max(256 << 10, expected - end))
            let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress! + end, room, 0) }
            if count > 0 {
                end += count
            } else if count == 0 || errno != EINTR {
                throw SystemError("read from sandboxd", errno: count == 0 ? ECONNRESET : errno)
            }
        }
    }

    /// Bytes that the frame which has begun needs.
    private var expected: Int { end - start < Frame.headerBytes ? 0 : Frame.headerBytes + Int(word(at: start)) }

    private func nextFrame() -> Received? {
        guard end - start >= Frame.headerBytes, end - start >= expected else { return nil }
        let kind = buffer[start + 4]
        let payload = start + Frame.headerBytes..<start + expected
        start = payload.upperBound
        guard kind != Frame.Kind.control.rawValue else { return Received(kind: kind, payload: payload) }
        return Received(kind: kind, payload: payload.lowerBound + 4..<payload.upperBound)
    }

    func word(at offset: Int) -> UInt32 { buffer[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) } }
}

/// A blocking stream socket that is connected.
func connectStream(_ path: String) throws -> Int32 {
    let descriptor = try system("create a socket") {
        socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let status = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, size) }
    }
    guard status == 0 else {
        let failure = errno
        close(descriptor)
        throw SystemError("connect to", path, errno: failure)
    }
    return descriptor
}

/// Where bytes begin in others. memmem(3), which Glibc's module does not have.
private func find(_ mark: [UInt8], in bytes: UnsafeRawPointer, _ count: Int) -> Int? {
    guard count >= mark.count else { return nil }
    return (0...count - mark.count).first { memcmp(bytes + $0, mark, mark.count) == 0 }
}
