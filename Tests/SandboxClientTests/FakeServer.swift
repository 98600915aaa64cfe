import Glibc
import SandboxModel
import SandboxWire

@testable import SandboxClient

/// The daemon's end of a connection, played by a test: it reads and sends what the test says.
actor FakeServer {
    private let socket: Socket
    private var decoder = FrameDecoder()

    private init(descriptor: CInt) { socket = Socket(descriptor: descriptor) }

    /// A client that has said hello, and the server that answered.
    static func connected(capabilities: [String] = ["test"]) async throws -> (SandboxClient, FakeServer) {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ErrorNumber.current
        }
        let server = FakeServer(descriptor: ends[1])
        async let client = SandboxClient(descriptor: ends[0])
        guard case .hello(wireVersion, _) = try await server.message() else { throw Unexpected() }
        try await server.send(.hello(version: wireVersion, capabilities: capabilities, server: "fake 1"))
        return (try await client, server)
    }

    /// A pair of a client's descriptor and a server that has not read anything.
    static func bare() throws -> (CInt, FakeServer) {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ErrorNumber.current
        }
        return (ends[0], FakeServer(descriptor: ends[1]))
    }

    struct Unexpected: Error {}

    /// The next frame; `nil` at end of file.
    func frame() async throws -> Frame? {
        while true {
            if let frame = try decoder.next() { return frame }
            let bytes = try await onThread { [socket] in
                let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
                defer { buffer.deallocate() }
                return socket.receive(into: buffer).map { Array(UnsafeRawBufferPointer(buffer)[..<$0]) }
            }
            guard case .success(let received) = bytes, !received.isEmpty else { return nil }
            decoder.append(received)
        }
    }

    func message() async throws -> ClientMessage {
        guard let frame = try await frame(), frame.kind == .control else { throw Unexpected() }
        return try ControlCoding.decode(ClientMessage.self, from: frame.payload)
    }

    func send(_ message: ServerMessage) async throws { try await send(ControlCoding.frame(message)) }

    func send(_ frame: Frame) async throws { try await send(raw: frame.encoded) }

    func send(raw bytes: [UInt8]) async throws {
        let failure = try await onThread { [socket] in socket.sendAll(bytes) }
        if let failure { throw failure }
    }

    func hangUp() { socket.shutDown() }

    /// Reads a run and takes it. Returns its channel and request.
    func accept(id: String = "r1", stdinWindow: UInt32 = 16) async throws -> (UInt32, RunRequest) {
        guard case .run(let channel, let request, let window) = try await message() else { throw Unexpected() }
        guard window == UInt32(256 << 10) else { throw Unexpected() }
        try await send(.accepted(channel: channel, id: id, stdinWindow: stdinWindow))
        try await send(.started(channel: channel))
        return (channel, request)
    }

    func end(_ channel: UInt32, id: String = "r1", code: Int32 = 0) async throws {
        try await send(.result(channel: channel, result: .test(id: id, code: code)))
    }
}

extension RunResult {
    static func test(id: String = "r1", code: Int32 = 0) -> RunResult {
        RunResult(id: id, policy: "default", outcome: Outcome(reason: .exited, code: code, message: "exited \(code)"))
    }
}
