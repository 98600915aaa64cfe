import SandboxModel
import Testing

@testable import SandboxWire

@Suite struct MessageTests {
    private static let request = RunRequest(
        argv: ["sh", "-c", "echo \"\u{1F600}\"\n"], policy: "python", workspace: "/srv/w", cwd: "sub",
        environment: ["A": "b=c", "E": ""],
        limits: Limits(memoryBytes: 1 << 40, cpus: 1.5, processes: 3, wallMilliseconds: 1), stdin: true,
        terminal: TerminalSize(columns: 80, rows: 24))

    private static var result: RunResult {
        var usage = Usage()
        usage.wallMilliseconds = 12
        usage.queueMilliseconds = 0.25
        usage.stdoutTruncated = true
        return RunResult(
            id: "r", policy: "p", backend: "docker",
            outcome: Outcome(reason: .memoryLimit, signal: 9, limit: 1, observed: 2, message: "m"), usage: usage,
            limits: Limits(processes: 1), limitsHit: [LimitHit(limit: "processes", value: 1, count: 2)],
            denials: [Denial(kind: .exec, rule: "a.yaml:3", subject: "s", hint: "h")])
    }

    private static let clientMessages: [ClientMessage] = [
        .hello(version: 1, capabilities: ["a"]), .run(channel: 1, request: request, window: 5),
        .run(channel: .max, request: RunRequest(argv: []), window: nil), .cancel(channel: 2),
        .signal(channel: 3, signal: 15), .resize(channel: 4, size: TerminalSize(columns: 1, rows: 2)),
        .list(channel: 5), .kill(channel: 6, id: "x"), .verify(channel: 7, policy: nil, allChecks: false),
        .verify(channel: 8, policy: "p", allChecks: true),
        .policies(channel: 7), .policy(channel: 8, name: "python"),
    ]

    private static let serverMessages: [ServerMessage] = [
        .hello(version: 1, capabilities: [], server: "s"), .accepted(channel: 1, id: "r", stdinWindow: 9),
        .started(channel: 1), .result(channel: 1, result: result),
        .runs(
            channel: 2,
            runs: [RunSummary(id: "r", policy: "p", program: "sh", state: "running", ageMilliseconds: 7)]),
        .killed(channel: 3, id: "r"),
        .verified(
            channel: 7,
            policies: [
                PolicyVerification(
                    policy: "p", digest: "d", state: .failed, milliseconds: 1.5, checkCount: 2,
                    checks: [ProbeCheck(name: "seccomp", passed: false, expected: "2", observed: "0")]),
                PolicyVerification(policy: "q", digest: "e", state: .unproven, reason: "r"),
            ]),
        .policies(
            channel: 5, policies: [PolicySummary(name: "a", description: "", digest: "d", origin: "built-in")]),
        .policy(
            channel: 6,
            policy: PolicySummary(name: "a", description: "b", digest: "d", origin: "a.yaml", effective: "version: 1\n")
        ),
        .error(channel: nil, error: ServiceError(.overloaded, "m", category: .temporary)),
        .error(channel: 4, error: ServiceError(.launchFailed, "m", stage: "mount_proc", retryAfterMilliseconds: 3)),
    ]

    @Test(arguments: clientMessages) func clientMessageComesBack(_ message: ClientMessage) throws {
        let frame = try ControlCoding.frame(message)
        #expect(frame.kind == .control)
        #expect(try ControlCoding.decode(ClientMessage.self, from: frame.payload) == message)
    }

    @Test(arguments: serverMessages) func serverMessageComesBack(_ message: ServerMessage) throws {
        let frame = try ControlCoding.frame(message)
        #expect(try ControlCoding.decode(ServerMessage.self, from: frame.payload) == message)
    }

    @Test(arguments: [
        "", "x", "[]", "null", "{}", #"{"type":"fly"}"#, #"{"type":"run","channel":1}"#,
        #"{"type":"cancel","channel":-1}"#, #"{"type":"cancel","channel":4294967296}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"memroy":1}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"limits":{"memory":1}}}"#,
        #"{"type":"run","channel":1,"request":{"argv":"a"}}"#, #"{"type":"hello","version":"1"}"#,
    ]) func malformedMessagesAreErrors(_ text: String) {
        #expect(throws: WireError.self) { try ControlCoding.decode(ClientMessage.self, from: Array(text.utf8)) }
    }

    @Test func deepNestingIsAnError() {
        let open = [UInt8](repeating: UInt8(ascii: "["), count: 10_000)
        let close = [UInt8](repeating: UInt8(ascii: "]"), count: 10_000)
        let inObject = Array(#"{"type":"cancel","channel":1,"x":"#.utf8) + open + close + Array("}".utf8)
        for bytes in [open, open + close, inObject] {
            #expect(throws: WireError.self) { try ControlCoding.decode(ClientMessage.self, from: bytes) }
        }
    }

    @Test func invalidTextIsAnError() {
        let bytes = Array(#"{"type":"kill","channel":1,"id":""#.utf8) + [0xFF, 0xC0, 0x80] + Array(#""}"#.utf8)
        #expect(throws: WireError.self) { try ControlCoding.decode(ClientMessage.self, from: bytes) }
    }
}
