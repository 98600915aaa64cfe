import SandboxModel
import Testing

@testable import SandboxWire

/// Messages that are written without `Codable`: to the byte what that would write.
@Suite struct WrittenMessageTests {
    private static let strings = ["", "0af9", "\"", "a\\b", "\n\u{1}\u{7F}", "é", "a b", "\u{2028}", "\u{1F600}"]

    private func expectWritten(_ message: ServerMessage) throws {
        let json = try ControlCoding.json(message)
        #expect(try String(decoding: #require(message.written), as: UTF8.self) == String(decoding: json, as: UTF8.self))
        #expect(try ControlCoding.frame(message) == Frame(kind: .control, payload: json))
        #expect(try ControlCoding.decode(ServerMessage.self, from: json) == message)
    }

    @Test func `a start`() throws {
        for channel in [0, 9, 10, UInt32.max] {
            try expectWritten(.started(channel: channel))
            for id in Self.strings {
                try expectWritten(.accepted(channel: channel, id: id, stdinWindow: .max - channel))
            }
        }
    }

    /// Every property has a value: a new one that is not written fails here, or at `isComplete`.
    private static func full() -> RunResult {
        func number() -> UInt64 { .random(in: 0 ... .max) >> UInt64.random(in: 0..<64) }
        // More is no limit that can be read.
        func amount() -> UInt64 { number() >> 11 }
        func size() -> Double {
            // As they are measured, and any other; some of them just not as they are measured.
            let short = [
                0, -0.0, 0.001, 0.01, 0.1, 1e-4, 1.5, 0.0015, 999_999_999.999, 1e9, 1e9 + 0.001, -1.25, 123.45,
            ]
            let number = Double.random(in: 0...1e6)
            let thousandths = (number * 1000).rounded() / 1000
            return [
                number, number * 1e-9, number * 1e12, thousandths, thousandths.nextUp, thousandths.nextDown,
                short.randomElement()!,
            ].randomElement()!
        }
        var usage = Usage()
        let amounts: [WritableKeyPath<Usage, UInt64?>] = [
            \.wallMilliseconds, \.userMilliseconds, \.systemMilliseconds, \.memoryPeakBytes, \.processesPeak,
            \.readBytes,
            \.writeBytes, \.stdoutBytes, \.stderrBytes, \.contextSwitches, \.throttledMilliseconds,
        ]
        for path in amounts { usage[keyPath: path] = number() }
        (usage.stdoutTruncated, usage.stderrTruncated) = (.random(), .random())
        (usage.queueMilliseconds, usage.startMilliseconds) = (size(), 12)
        let limits = Limits(
            memoryBytes: amount(), swapBytes: amount(), cpus: size(), processes: amount(), openFiles: amount(),
            fileSizeBytes: amount(), outputBytes: amount(), stdoutBytes: amount(), stderrBytes: amount(),
            tmpBytes: amount(), workspaceBytes: amount(), workspaceInodes: amount(), readBytesPerSecond: amount(),
            writeBytesPerSecond: amount(), wallMilliseconds: amount(), cpuMilliseconds: amount(),
            idleMilliseconds: amount(), graceMilliseconds: amount())
        let outcome = Outcome(
            reason: .allCases.randomElement()!, code: .random(in: .min ... .max), signal: .random(in: -1...64),
            limit: number(), observed: number(), message: strings.randomElement()!)
        return RunResult(
            id: strings.randomElement()!, policy: strings.randomElement()!, backend: strings.randomElement()!,
            outcome: outcome, usage: usage, limits: limits)
    }

    private func isComplete(_ value: Any) -> Bool {
        Mirror(reflecting: value).children.allSatisfy { child in
            let mirror = Mirror(reflecting: child.value)
            return mirror.displayStyle != .optional || !mirror.children.isEmpty
        }
    }

    @Test func `an end`() throws {
        let sample = Self.full()
        #expect(isComplete(sample.outcome) && isComplete(sample.usage) && isComplete(sample.limits))
        #expect(Mirror(reflecting: sample).children.count == 10)
        for _ in 0..<500 { try expectWritten(.result(channel: .random(in: 0 ... .max), result: Self.full())) }
        let outcome = Outcome(reason: .lost, message: "")
        try expectWritten(.result(channel: 1, result: RunResult(id: "", policy: "", outcome: outcome)))
    }

    @Test func `what is rare is left to Codable`() throws {
        func expectLeft(_ change: (inout RunResult) -> Void) throws {
            var result = Self.full()
            change(&result)
            let message = ServerMessage.result(channel: 1, result: result)
            #expect(message.written == nil)
            #expect(try ControlCoding.decode(ServerMessage.self, from: ControlCoding.frame(message).payload) == message)
        }
        try expectLeft { $0.denials = [Denial(kind: .exec, rule: "r", subject: "s")] }
        try expectLeft { $0.limitsHit = [LimitHit(limit: "processes", value: 1)] }
        try expectLeft { $0.trace = StartTrace() }
        try expectLeft { $0.weaker = ["memory"] }
        #expect(ServerMessage.error(channel: 1, error: ServiceError(.overloaded, "x")).written == nil)
        for number in [Double.nan, .infinity] {
            var result = Self.full()
            result.limits.cpus = number
            #expect(ServerMessage.result(channel: 1, result: result).written == nil)
            #expect(throws: WireError.self) { try ControlCoding.frame(.result(channel: 1, result: result)) }
        }
    }
}

/// Messages in one piece of memory: to the byte their frames behind each other.
@Suite struct ControlFramesTests {
    private let never: (Int) -> ServerMessage = { _ in
        Issue.record("nothing was too large")
        return .started(channel: 0)
    }

    private func bytes(_ frames: borrowing ControlFrames) -> [UInt8] { frames.withBytes { Array($0) } }

    /// Some are written, some are left to `Codable`, and one is larger than the memory was.
    @Test func `several`() throws {
        let messages: [ServerMessage] = [
            .accepted(channel: 1, id: String(repeating: "a\"é", count: 3000), stdinWindow: 7), .started(channel: 1),
            .error(channel: 2, error: ServiceError(.overloaded, String(repeating: "x", count: 5000))),
            .result(channel: 1, result: RunResult(id: "i", policy: "p", outcome: Outcome(reason: .lost, message: "m"))),
        ]
        var frames = ControlFrames()
        for message in messages { try frames.append(message, instead: never) }
        #expect(try bytes(frames) == messages.flatMap { try ControlCoding.frame($0).encoded })
        #expect(frames.count == bytes(frames).count)
    }

    @Test func `too large a one is another`() throws {
        let id = String(repeating: "x", count: Frame.maximumControlBytes)
        let other = ServerMessage.error(channel: 3, error: ServiceError(.overloaded, "too large"))
        var frames = ControlFrames()
        try frames.append(.started(channel: 9), instead: never)
        try frames.append(.accepted(channel: 3, id: id, stdinWindow: 1)) { count in
            #expect(count > Frame.maximumControlBytes)
            return other
        }
        let expected = try [ServerMessage.started(channel: 9), other].flatMap { try ControlCoding.frame($0).encoded }
        #expect(bytes(frames) == expected)
    }

    @Test func `what cannot be written leaves nothing`() throws {
        var result = RunResult(id: "", policy: "", outcome: Outcome(reason: .lost, message: ""))
        result.limits.cpus = .nan
        var frames = ControlFrames()
        try frames.append(.started(channel: 9), instead: never)
        let before = bytes(frames)
        #expect(throws: WireError.self) { try frames.append(.result(channel: 1, result: result), instead: never) }
        #expect(bytes(frames) == before)
        try frames.append(.started(channel: 9), instead: never)
        #expect(bytes(frames) == before + before)
    }
}

/// Messages that are read without `Codable`: what that would read, or not at all.
@Suite struct OrdinaryMessageTests {
    private func ordinary(_ text: String) throws -> ClientMessage? {
        let document = try JSONDocument(parsing: Array(text.utf8))
        guard let message = ClientMessage(ordinary: document) else { return nil }
        #expect(try document.decode(ClientMessage.self) == message, "\(text)")
        return message
    }

    @Test func `what nearly all ask for`() throws {
        var request = RunRequest(argv: ["sh", "-c", "echo \"é\u{1F600}\"\n"])
        func expectOrdinary(window: UInt32? = nil) throws {
            let message = ClientMessage.run(channel: 7, request: request, window: window)
            let json = try String(decoding: ControlCoding.json(message), as: UTF8.self)
            #expect(try ordinary(json) == message)
        }
        try expectOrdinary()
        try expectOrdinary(window: 65536)
        request.policy = "default"
        try expectOrdinary()
        (request.workspace, request.cwd, request.stdin) = ("/srv/w\\", "a b", true)
        try expectOrdinary()
        request.environment = ["A": "1", "": "", "é": "\t"]
        try expectOrdinary()
        request.limits = Limits(
            memoryBytes: 1, processes: 999_999_999_999_999, outputBytes: 0, wallMilliseconds: 5000, cpuMilliseconds: 7,
            idleMilliseconds: 9)
        try expectOrdinary(window: 0)
    }

    /// Each either reads as it does by Codable, or is left to that.
    private static let others = [
        #"{"type":"list","channel":1}"#, #"{"type":"run","channel":1}"#, #"{"channel":1,"request":{"argv":["a"]}}"#,
        #"{"type":"run","channel":1,"request":{}}"#, #"{"type":"run","channel":-1,"request":{"argv":["a"]}}"#,
        #"{"type":"run","channel":4294967296,"request":{"argv":["a"]}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a",1]}}"#,
        #"{"type":"run","channel":1,"request":{"argv":"a"}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"policy":null}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"polcy":"x"}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"stdin":1}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"limits":{"wall_ms":1.5}}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"limits":{"wall_ms":-1}}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"limits":{"wall_ms":9223372036854775808}}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"limits":{"wall_ms":null}}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"limits":{"wall":5}}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"environment":{"A":null}}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"trace":true}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"]},"extra":1}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"]},"window":null}"#,
        #"{"type":"run","channel":NaN,"request":{"argv":["a"]}}"#, #"[]"#, #""run""#, #"7"#,
    ]

    @Test(arguments: others) func `everything else is left`(_ text: String) throws {
        #expect(try ordinary(text) == nil)
    }

    /// Written in another way, it is the same.
    @Test func `numbers and names with escapes and signs`() throws {
        let text =
            #"{"ty\u0070e":"r\u0075n","channel":1e0,"request":{"argv":["\ud83d\ude00"],"limits":{"wall_ms":-0}}}"#
        let expected = ClientMessage.run(
            channel: 1, request: RunRequest(argv: ["\u{1F600}"], limits: Limits(wallMilliseconds: 0)), window: nil)
        #expect(try ordinary(text) == expected)
    }

    /// What is not stored because it is too much has a count all the same.
    @Test func `a list that was not stored as a whole is left`() throws {
        let variables = (0..<16_384).map { "\"k\($0)\":\"\"" }.joined(separator: ",")
        let list = Array(repeating: "\"a\"", count: 300).joined(separator: ",")
        let text = #"{"type":"run","channel":1,"request":{"environment":{\#(variables)},"argv":[\#(list)]}}"#
        let bytes = Array(text.utf8)
        let document = try JSONDocument(parsing: bytes, maximumValues: ControlCoding.maximumClientValues)
        #expect(ClientMessage(ordinary: document) == nil)
        #expect(throws: ControlCoding.Refusal.self) { try ControlCoding.clientMessage(from: bytes) }
    }

    @Test func `too many strings are left to be refused`() throws {
        for (name, list) in [("argv", "[\(Array(repeating: "\"\"", count: 16_385).joined(separator: ","))]")] {
            #expect(try ordinary(#"{"type":"run","channel":1,"request":{"\#(name)":\#(list)}}"#) == nil)
        }
        let variables = (0...16_384).map { "\"k\($0)\":\"\"" }.joined(separator: ",")
        #expect(
            try ordinary(#"{"type":"run","channel":1,"request":{"argv":["a"],"environment":{\#(variables)}}}"#) == nil)
    }
}
