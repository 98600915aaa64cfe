import Glibc
import SandboxClient
import SandboxModel
import SandboxWire
import Testing

@testable import SandboxExec

/// The loop with a service whose words are all there before it begins.
@Suite struct ExecLoopTests {
    private static let result = RunResult(
        id: "1", policy: "default", backend: "native",
        outcome: Outcome(reason: .exited, code: 7, message: "the command exited with status 7"), usage: Usage(),
        limits: Limits(), limitsHit: [], denials: [])

    private static func hello(_ capabilities: [String] = []) -> ServerMessage {
        .hello(version: wireVersion, capabilities: capabilities, server: "a test")
    }

    /// What the run came to, and all that was sent.
    private func perform(
        _ options: ExecOptions, _ messages: [ServerMessage], explain: ((PolicySummary) throws -> Void)? = nil
    ) throws -> (result: Result<RunResult, any Error>, sent: [Frame]) {
        var ends: [CInt] = [-1, -1]
        try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        let service = Descriptor(number: ends[1])
        for message in messages { service.write(try ControlCoding.frame(message).encoded) }
        shutdown(service.number, CInt(SHUT_WR))
        var silent: [CInt] = [-1, -1]
        try #require(pipe(&silent) == 0)
        defer { for end in [ends[1]] + silent { close(end) } }
        let result = Result { () throws in
            var loop = try ExecLoop(
                options, ServiceLink(descriptor: ends[0]), try ExecInput("/dev/null"),
                signals: Descriptor(number: silent[0]), explain: explain)
            return try loop.perform()
        }
        close(ends[0])
        var decoder = FrameDecoder()
        decoder.append(try service.readToEnd().get())
        var sent: [Frame] = []
        while let frame = try decoder.next() { sent.append(frame) }
        return (result, sent)
    }

    private func messages(_ frames: [Frame]) throws -> [ClientMessage] {
        try frames.filter { $0.kind == .control }.map { try ControlCoding.clientMessage(from: $0.payload) }
    }

    private var options: ExecOptions {
        var options = ExecOptions()
        options.command = ["true"]
        return options
    }

    @Test func `a run is sent with the hello, and its input ends`() throws {
        let (result, sent) = try perform(
            options,
            [
                Self.hello(), .accepted(channel: 1, id: "1", stdinWindow: 100), .started(channel: 1),
                .result(channel: 1, result: Self.result),
            ])
        #expect(try result.get() == Self.result)
        let request = RunRequest(argv: ["true"], stdin: true)
        #expect(
            try messages(sent) == [
                .hello(version: wireVersion, capabilities: []),
                .run(channel: 1, request: request, window: UInt32(EventQueue.window)),
            ])
    }

    @Test func `what an older service cannot do is not sent`() throws {
        var options = options
        options.usage = 1000
        let (result, sent) = try perform(options, [Self.hello()])
        let error = #expect(throws: ServiceError.self) { try result.get() }
        #expect(error?.message == "a test cannot tell what a run uses: it is older than this client")
        #expect(try messages(sent) == [.hello(version: wireVersion, capabilities: [])])
    }

    @Test func `a policy is asked for and explained before the run`() throws {
        let summary = PolicySummary(
            name: "default", description: "", digest: "d", origin: "o", effective: "version: 1\n")
        var explained: [PolicySummary] = []
        let (result, sent) = try perform(
            options, [Self.hello([WireCapability.policies]), .policy(channel: 1, policy: summary)],
            explain: { explained.append($0) })
        #expect(explained == [summary])
        #expect(try messages(sent).suffix(2).map { "\($0)".prefix { $0 != "(" } } == ["policy", "run"])
        // It has gone without a result.
        #expect(throws: ServiceError.self) { try result.get() }
    }

    @Test func `a refusal, another request's answer, and a service that goes`() throws {
        let refusal = ServiceError(.unknownPolicy, "no policy 'x'")
        func error(_ messages: [ServerMessage]) throws -> ServiceError? {
            let result = try perform(options, [Self.hello()] + messages).result
            return #expect(throws: ServiceError.self) { try result.get() }
        }
        #expect(try error([.error(channel: 1, error: refusal)]) == refusal)
        #expect(try error([.error(channel: nil, error: refusal)]) == refusal)
        #expect(try error([.runs(channel: 1, runs: [])])?.code == .protocolViolation)
        #expect(try error([.accepted(channel: 1, id: "1", stdinWindow: 0)])?.code == .notConnected)
    }

    @Test func `what is rehearsed is a message`() throws {
        let message = try ControlCoding.decode(ServerMessage.self, from: Array(Rehearsal.result.utf8))
        #expect(message.channel == ExecRun.channel)
    }

    @Test func `input is read as far as the run takes it`() throws {
        var ends: [CInt] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        Descriptor(number: ends[1]).write("0123456789")
        var input = try ExecInput("/proc/self/fd/\(ends[0])")
        #expect(input.awaited == nil && input.next() == nil)
        input.takeCredit(4)
        #expect(input.next() == Array("0123".utf8) && input.awaited == nil)
        input.takeCredit(100)
        #expect(input.next() == Array("456789".utf8) && input.next() == nil && input.awaited != nil)
        close(ends[1])
        #expect(input.next() == [] && input.awaited == nil)
    }
}
