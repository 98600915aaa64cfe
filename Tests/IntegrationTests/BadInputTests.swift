import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import SandboxWire
import Testing

/// Input that means harm or is simply wrong: each gets its answer, and nobody else notices.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct BadInputTests {
    private let service: ServiceFixture

    init() throws { service = try ServiceFixture() }

    /// Sends bytes after a proper hello and returns everything that comes until the daemon closes the connection.
    private func answer(_ bytes: [UInt8], hello: Bool = true) throws -> (messages: [ServerMessage], closed: Bool) {
        let socket = try #require(ServiceFixture.connect(service.socket))
        defer { close(socket) }
        var timeout = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let greeting = try ControlCoding.frame(ClientMessage.hello(version: 1, capabilities: []))
        let all = (hello ? greeting.encoded : []) + bytes
        var sent = 0
        while sent < all.count {
            let count = all.withUnsafeBytes {
                send(socket, $0.baseAddress! + sent, all.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { break }
            sent += count
        }
        var decoder = FrameDecoder()
        var messages: [ServerMessage] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(socket, &chunk, chunk.count)
            if count <= 0 { return (messages, count == 0 || errno == ECONNRESET) }
            decoder.append(chunk[0..<count])
            while let frame = try decoder.next() {
                messages.append(try ControlCoding.decode(ServerMessage.self, from: frame.payload))
            }
        }
    }

    private func control(_ json: String) -> [UInt8] { Frame(kind: .control, payload: Array(json.utf8)).encoded }

    @Test func `what is no frame ends the connection with a reason`() throws {
        let deep = "{\"type\":\"run\",\"channel\":1,\"request\":" + String(repeating: "[", count: 10_000)
        let cases: [[UInt8]] = [
            [0, 0, 0, 0, 9],
            [0xff, 0xff, 0xff, 0xff, 1],
            [0xff, 0xff, 0xff, 0xff, 3, 1, 2, 3],
            Array("GET / HTTP/1.1\r\n\r\n".utf8),
            [0, 0, 0, 1, 2, 0],
            control("not json"),
            control("[]"),
            control("{}"),
            control("{\"type\":\"dance\"}"),
            control(deep),
            Frame(kind: .control, payload: [0xff, 0xfe, 0xfd]).encoded,
        ]
        for bytes in cases {
            let (messages, closed) = try answer(bytes)
            #expect(closed, "\(bytes.prefix(40))")
            guard case .error(_, let error)? = messages.last else {
                Issue.record("no reason for \(bytes.prefix(40)): \(messages)")
                continue
            }
            #expect(error.code == .protocolViolation)
        }
        #expect(try answer([0, 0, 0, 2, 1, 123, 125], hello: false).closed)
    }

    @Test func `the daemon serves on, and its memory stays`() async throws {
        let client = try await service.client()
        #expect(try await client.run("echo", "alive").outputText == "alive\n")
    }

    private func error(_ request: RunRequest) async throws -> ServiceError {
        let client = try await service.client()
        do {
            let output = try await client.run(request)
            throw FixtureError.text("it ran: \(output.result.outcome)")
        } catch let error as ServiceError {
            return error
        }
    }

    @Test func `requests that can not be carried out say what is wrong with which object`() async throws {
        let directory = TemporaryDirectory()
        try directory.write("file", "x")
        let cases: [(RunRequest, ServiceError.Code, String)] = [
            (RunRequest(argv: []), .invalidRequest, "argv"),
            (RunRequest(argv: [""]), .invalidRequest, "empty"),
            (RunRequest(argv: ["echo", "a\0b"]), .invalidRequest, "NUL"),
            (RunRequest(argv: ["true"], policy: "no-such"), .unknownPolicy, "no-such"),
            (RunRequest(argv: ["true"], workspace: "/no/such/dir"), .workspaceNotFound, "/no/such/dir"),
            (RunRequest(argv: ["true"], workspace: "\(directory.path)/file"), .workspaceNotDirectory, "file"),
            (RunRequest(argv: ["true"], workspace: "\(directory.path)/../x"), .invalidRequest, ".."),
            (RunRequest(argv: ["true"], workspace: "/etc"), .workspaceDenied, "/etc"),
            (RunRequest(argv: ["true"], environment: ["A=B": "c"]), .invalidRequest, "A=B"),
            (RunRequest(argv: ["true"], environment: ["": "c"]), .invalidRequest, "variable"),
            (RunRequest(argv: ["echo"] + Array(repeating: "x", count: 100_000)), .argumentsTooLong, "100001"),
            (RunRequest(argv: ["echo", String(repeating: "x", count: 200_000)]), .argumentsTooLong, ""),
            (RunRequest(argv: ["true"], limits: Limits(memoryBytes: 0)), .limitNotAllowed, "memory"),
            (RunRequest(argv: ["true"], limits: Limits(memoryBytes: .max)), .limitNotAllowed, "memory"),
            (RunRequest(argv: ["true"], limits: Limits(wallMilliseconds: 0)), .limitNotAllowed, "timeout"),
            (RunRequest(argv: ["true"], limits: Limits(cpus: -1)), .limitNotAllowed, "cpus"),
        ]
        for (request, code, text) in cases {
            let error = try await error(request)
            #expect(error.code == code, "\(error)")
            #expect(text.isEmpty || error.message.contains(text), "\(error)")
            #expect(error.category == .permanent)
        }
    }

    @Test func `a relative workspace over the wire is refused`() throws {
        let json = #"{"type":"run","channel":1,"request":{"argv":["true"],"workspace":"some/dir"}}"#
        let socket = try answer(control(json) + control("{}")).messages
        #expect(
            socket.contains { message in
                if case .error(1, let error) = message {
                    error.code == .invalidRequest && error.message.contains("some/dir")
                } else {
                    false
                }
            })
    }

    @Test func `an unknown key of a request is refused, not ignored`() throws {
        let json = #"{"type":"run","channel":1,"request":{"argv":["true"],"limits":{"memmory_bytes":1}}}"#
        let messages = try answer(control(json) + control("{}")).messages
        #expect(
            messages.contains { message in
                if case .error(1, let error) = message {
                    error.code == .invalidRequest && error.message.contains("memmory_bytes")
                } else {
                    false
                }
            })
    }

    @Test func `from inside a sandbox nobody is served, also with the socket in the workspace`() async throws {
        // A group that is not the caller's, as a host's own sandboxd has, would keep it out before sandboxd could.
        let service = try ServiceFixture(options: ["--socket-mode", "0666", "--group", "root"])
        let script = """
            import socket
            s = socket.socket(socket.AF_UNIX)
            s.connect("/workspace/sandboxd.sock")
            print(s.recv(4096).decode(errors="replace"))
            """
        let output = try await service.client().run("python3", "-c", script, workspace: service.directory.path)
        #expect(output.outputText.contains("inside a sandbox"), "\(output.outputText)\(output.errorText)")
        #expect(!output.outputText.contains("\"hello\""))
    }

    @Test func `another user's workspace is refused to a caller who may not open it`() async throws {
        let service = try ServiceFixture(options: ["--socket-mode", "0666"])
        chmod(service.directory.path, 0o755)
        let secret = TemporaryDirectory()  // 0700, root's
        let arguments = ["exec", "--socket", service.socket]
        let refused = try Ran(asUser: 12345, "sandboxctl", arguments + ["--workspace", secret.path, "--", "true"])
        #expect(refused.status == 125 && refused.errors.contains(secret.path), "\(refused)")
        // One of its own, with its own files.
        let own = TemporaryDirectory()
        chown(own.path, 12345, 12345)
        let ran = try Ran(
            asUser: 12345, "sandboxctl", arguments + ["--workspace", own.path, "--", "sh", "-c", "id -u; touch made"])
        #expect(ran.status == 0 && ran.output == "1000\n", "\(ran)")
        #expect(own.owner(of: "made") == 12345)
    }
}
