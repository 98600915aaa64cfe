import SandboxClient
import SandboxModel
import SandboxWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct FlowTests {
    private let window = 256 << 10

    @Test func consumingGivesCreditOncePerHalfWindow() async throws {
        let (client, server) = try await FakeServer.connected()
        async let starting = client.start(RunRequest(argv: ["yes"]))
        let (channel, _) = try await server.accept()
        let run = try await starting
        let chunk = [UInt8](repeating: 7, count: 64 << 10)
        for _ in 0..<4 { try await server.send(.data(.stdout, channel: channel, chunk)) }
        var events = run.events.makeAsyncIterator()
        var taken = 0
        while taken < window, case let event? = try await events.next() {
            if case .standardOutput(let bytes) = event { taken += bytes.count }
        }
        for _ in 0..<2 {
            #expect(try await server.frame() == .credit(channel: channel, bytes: UInt32(window / 2)))
        }
        try await server.end(channel)
    }

    @Test func megabytesFlowThroughTheWindow() async throws {
        let (client, server) = try await FakeServer.connected()
        async let output = client.run("cat")
        let (channel, _) = try await server.accept()
        let total = 4 << 20
        var credit = window
        var sent = 0
        while sent < total {
            while credit == 0 {
                guard let frame = try await server.frame(), let bytes = frame.creditBytes else {
                    throw FakeServer.Unexpected()
                }
                credit += Int(bytes)
            }
            let count = min(credit, 100_000, total - sent)
            let bytes = (sent..<sent + count).map { UInt8(truncatingIfNeeded: $0) }
            try await server.send(.data(.stdout, channel: channel, bytes))
            sent += count
            credit -= count
        }
        try await server.end(channel)
        let received = try await output.standardOutput
        #expect(received.count == total)
        #expect(received.indices.allSatisfy { received[$0] == UInt8(truncatingIfNeeded: $0) })
    }

    @Test func moreThanTheWindowEndsTheConnection() async throws {
        let (client, server) = try await FakeServer.connected()
        async let starting = client.start(RunRequest(argv: ["yes"]))
        let (channel, _) = try await server.accept()
        let run = try await starting
        // Too little to be credited when it has been consumed, so that it does not matter how fast that is.
        try await server.send(.data(.stdout, channel: channel, [UInt8](repeating: 0, count: window / 2 - 1)))
        try await server.send(.data(.stdout, channel: channel, [UInt8](repeating: 0, count: window)))
        let error = await #expect(throws: ServiceError.self) { for try await _ in run.events {} }
        #expect(error?.code == .protocolViolation)
    }

    @Test func singleBytesAreJoined() async throws {
        let (client, server) = try await FakeServer.connected()
        async let starting = client.start(RunRequest(argv: ["yes"]))
        let (channel, _) = try await server.accept()
        let run = try await starting
        for byte in 0..<100 as Range<UInt8> { try await server.send(.data(.stdout, channel: channel, [byte])) }
        try await server.end(channel)
        var bytes: [UInt8] = []
        for try await event in run.events {
            if case .standardOutput(let more) = event { bytes += more }
        }
        #expect(bytes == Array(0..<100))
    }

    @Test func inputWaitsForCredit() async throws {
        let (client, server) = try await FakeServer.connected()
        let input = Array(0..<40 as Range<UInt8>)
        async let output = client.run(RunRequest(argv: ["cat"]), input: input)
        let (channel, request) = try await server.accept(stdinWindow: 16)
        #expect(request.stdin)
        #expect(try await server.frame() == .data(.stdin, channel: channel, input[..<16]))
        try await server.send(.credit(channel: channel, bytes: 4))
        #expect(try await server.frame() == .data(.stdin, channel: channel, input[16..<20]))
        try await server.send(.credit(channel: channel, bytes: 1000))
        #expect(try await server.frame() == .data(.stdin, channel: channel, input[20...]))
        #expect(try await server.frame() == .data(.stdin, channel: channel, []))
        try await server.end(channel)
        _ = try await output
    }

    @Test func unreadInputDoesNotHoldUpTheEnd() async throws {
        let (client, server) = try await FakeServer.connected()
        async let output = client.run(RunRequest(argv: ["true"]), input: [UInt8](repeating: 0, count: 1 << 20))
        let (channel, _) = try await server.accept(stdinWindow: 16)
        try await server.end(channel)
        #expect(try await output.isSuccess)
    }

    @Test func writingAfterTheEndThrows() async throws {
        let (client, server) = try await FakeServer.connected()
        async let starting = client.start(RunRequest(argv: ["cat"], stdin: true))
        let (channel, _) = try await server.accept(stdinWindow: 16)
        let run = try await starting
        #expect(try await run.inputRoom() == 16)
        try await server.end(channel)
        for try await _ in run.events {}
        await #expect(throws: ServiceError.self) { try await run.write([1]) }
        try await run.closeInput()
    }

    @Test func aDaemonThatDoesNotReadSuspendsWriters() async throws {
        let (client, server) = try await FakeServer.connected()
        async let starting = client.start(RunRequest(argv: ["cat"], stdin: true))
        let (channel, _) = try await server.accept(stdinWindow: 64 << 20)
        let run = try await starting
        let total = 8 << 20
        let writing = Task { try await run.write([UInt8](repeating: 1, count: total)) }
        try await Task.sleep(for: .milliseconds(50))
        var received = 0
        while received < total {
            guard let frame = try await server.frame(), frame.kind == .stdin else { throw FakeServer.Unexpected() }
            received += frame.payload.count - 4
        }
        try await writing.value
        try await server.end(channel)
    }
}
