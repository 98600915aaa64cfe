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
        var trace = StartTrace()
        trace.warm = false
        trace.sandboxMicroseconds = 7
        return RunResult(
            id: "r", policy: "p", backend: "docker",
            outcome: Outcome(reason: .memoryLimit, signal: 9, limit: 1, observed: 2, message: "m"), usage: usage,
            limits: Limits(processes: 1), limitsHit: [LimitHit(limit: "processes", value: 1, count: 2)],
            denials: [Denial(kind: .exec, rule: "a.yaml:3", subject: "s", hint: "h")], trace: trace)
    }

    private static var sample: UsageSample {
        var sample = UsageSample()
        sample.elapsedMilliseconds = 1
        sample.memoryBytes = 2
        sample.ioStallMilliseconds = 3
        return sample
    }

    static let clientMessages: [ClientMessage] = [
        .hello(version: 1, capabilities: ["a"]), .run(channel: 1, request: request, window: 5),
        .run(channel: .max, request: RunRequest(argv: []), window: nil),
        .run(channel: 1, request: RunRequest(argv: ["a"], trace: true), window: nil), .cancel(channel: 2, now: false),
        .cancel(channel: 2, now: true),
        .signal(channel: 3, signal: 15), .resize(channel: 4, size: TerminalSize(columns: 1, rows: 2)),
        .list(channel: 5, usage: false), .list(channel: 5, usage: true), .kill(channel: 6, id: "x", now: false),
        .kill(channel: 6, id: "x", now: true), .stats(channel: 8, id: "x"), .host(channel: 9), .service(channel: 10),
        .metrics(channel: 12),
        .verify(channel: 7, policy: nil, allChecks: false),
        .verify(channel: 8, policy: "p", allChecks: true),
        .reload(channel: 9), .policies(channel: 7), .policy(channel: 8, name: "python"),
    ]

    static let serverMessages: [ServerMessage] = [
        .hello(version: 1, capabilities: [], server: "s"), .accepted(channel: 1, id: "r", stdinWindow: 9),
        .started(channel: 1), .usage(channel: 1, usage: sample), .omitted(channel: 1, stream: .stderr, bytes: .max),
        .result(channel: 1, result: result),
        .runs(
            channel: 2,
            runs: [RunSummary(id: "r", policy: "p", program: "sh", state: "running", ageMilliseconds: 7)]),
        .stats(
            channel: 2,
            run: RunSummary(
                id: "r", policy: "p", program: "sh", state: "running", ageMilliseconds: 7, uid: 0, usage: sample,
                limits: Limits(graceMilliseconds: 0))),
        .host(
            channel: 3,
            host: HostReport(findings: [.init(name: "cgroup", isFound: true, detail: "v2", remedy: "none")])),
        .service(channel: 3, service: ServiceStats(runs: 0)),
        .metrics(channel: 3, text: "# TYPE a counter\na{b=\"c\"} 1\n"),
        .service(
            channel: 3,
            service: ServiceStats(
                runs: 1, warm: WarmStats(capacity: 8, waiting: ["p": 2, "q": 1], preparing: 3, hits: 4, misses: 5),
                dying: 6)),
        .killed(channel: 3, id: "r"),
        .verified(
            channel: 7,
            policies: [
                PolicyVerification(
                    policy: "p", digest: "d", state: .failed, milliseconds: 1.5, checkCount: 2,
                    checks: [ProbeCheck(name: "seccomp", passed: false, expected: "2", observed: "0")]),
                PolicyVerification(policy: "q", digest: "e", state: .unproven, reason: "r"),
            ]),
        .reloaded(
            channel: 7,
            reload: ReloadReport(policies: [
                ReloadReport.Entry(policy: "a", change: .changed, digest: "d", state: .failed, reason: "r"),
                ReloadReport.Entry(policy: "b", change: .removed),
            ])),
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

    /// As `Protocol.md` shows them; what an older daemon does not know is only there where it was asked for.
    @Test(arguments: [
        (ClientMessage.cancel(channel: 1, now: false), #"{"channel":1,"type":"cancel"}"#),
        (.cancel(channel: 1, now: true), #"{"channel":1,"now":true,"type":"cancel"}"#),
        (.kill(channel: 1, id: "x", now: false), #"{"channel":1,"id":"x","type":"kill"}"#),
        (.list(channel: 1, usage: false), #"{"channel":1,"type":"list"}"#),
        (.list(channel: 1, usage: true), #"{"channel":1,"type":"list","usage":true}"#),
        (.stats(channel: 1, id: "x"), #"{"channel":1,"id":"x","type":"stats"}"#),
        (.host(channel: 1), #"{"channel":1,"type":"host"}"#),
        (.service(channel: 1), #"{"channel":1,"type":"service"}"#),
        (.metrics(channel: 1), #"{"channel":1,"type":"metrics"}"#),
        (
            .run(
                channel: 1,
                request: RunRequest(
                    argv: ["a"], keep: OutputKeep(stdout: .init(headBytes: 1, tailBytes: 2)),
                    usageIntervalMilliseconds: 100), window: nil),
            #"{"channel":1,"request":{"argv":["a"],"keep":{"stdout":{"head_bytes":1,"tail_bytes":2}},"#
                + #""usage_interval_ms":100},"type":"run"}"#
        ),
        (
            .run(channel: 1, request: RunRequest(argv: ["a"], trace: true), window: nil),
            #"{"channel":1,"request":{"argv":["a"],"trace":true},"type":"run"}"#
        ),
        (
            .run(channel: 1, request: RunRequest(argv: ["a"], acceptWeaker: ["memory"]), window: nil),
            #"{"channel":1,"request":{"accept_weaker":["memory"],"argv":["a"]},"type":"run"}"#
        ),
    ]) func wordsOnTheWire(_ message: ClientMessage, _ text: String) throws {
        #expect(String(decoding: try ControlCoding.json(message), as: UTF8.self) == text)
    }

    @Test func omittedOnTheWire() throws {
        let json = try ControlCoding.json(ServerMessage.omitted(channel: 1, stream: .stderr, bytes: 7))
        #expect(String(decoding: json, as: UTF8.self) == #"{"bytes":7,"channel":1,"stream":"stderr","type":"omitted"}"#)
    }

    @Test func aTraceOnTheWire() throws {
        var trace = StartTrace()
        trace.warm = true
        (trace.decodeMicroseconds, trace.checkMicroseconds, trace.queueMicroseconds) = (1, 2, 3)
        (trace.launcherMicroseconds, trace.sandboxMicroseconds) = (4, 5)
        let text = #"{"check_us":2,"decode_us":1,"launcher_us":4,"queue_us":3,"sandbox_us":5,"warm":true}"#
        #expect(String(decoding: try ControlCoding.json(trace), as: UTF8.self) == text)
        #expect(String(decoding: try ControlCoding.json(StartTrace()), as: UTF8.self) == "{}")
    }

    @Test func aServiceOnTheWire() throws {
        let stats = ServiceStats(
            runs: 2, warm: WarmStats(capacity: 8, waiting: ["default": 4], preparing: 1, hits: 12, misses: 3), dying: 0)
        let json = try ControlCoding.json(ServerMessage.service(channel: 1, service: stats))
        let warm = #"{"capacity":8,"hits":12,"misses":3,"preparing":1,"waiting":{"default":4}}"#
        let text = #"{"channel":1,"service":{"dying":0,"runs":2,"warm":\#(warm)},"type":"service"}"#
        #expect(String(decoding: json, as: UTF8.self) == text)
        let stopping = try ControlCoding.json(ServiceStats(runs: 1, draining: true))
        #expect(String(decoding: stopping, as: UTF8.self) == #"{"draining":true,"runs":1}"#)
    }

    @Test func theChannelOfARunIsReadThoughTheRestIsNot() {
        func channel(_ text: String) -> UInt32? {
            let refusal = #expect(throws: ControlCoding.Refusal.self) {
                try ControlCoding.clientMessage(from: Array(text.utf8))
            }
            return refusal?.channel
        }
        #expect(channel(#"{"type":"run","channel":7,"request":{"argv":["a"],"memroy":1}}"#) == 7)
        #expect(channel(#"{"type":"run","channel":4294967295}"#) == .max)
        for text in [
            "", "x", "[]", "{}", #"{"type":"run"}"#, #"{"type":"run","channel":-1}"#, #"{"type":"run","channel":"1"}"#,
            #"{"type":"list","channel":"1"}"#, #"{"type":"run","channel":1"#,
            #"{"type":"run","channel":1,"channel":2}"#,
        ] {
            #expect(channel(text) == nil, "\(text)")
        }
    }

    @Test func longNonsenseIsEchoedCut() {
        let key = String(repeating: "k", count: 100_000)
        let text = #"{"type":"run","channel":1,"request":{"argv":["a"],"environment":{"\#(key)":1}}}"#
        let error = #expect(throws: WireError.self) {
            try ControlCoding.decode(ClientMessage.self, from: Array(text.utf8))
        }
        #expect("\(error as Any)".utf8.count < 1000)
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
