import Testing

@testable import SandboxModel
@testable import SandboxWire

/// What becomes of a number in a request's `limits`, as whoever writes JSON by hand or by another language may write it.
@Suite struct LimitNumberTests {
    private static func message(_ limits: String) -> [UInt8] {
        Array(#"{"type":"run","channel":7,"request":{"argv":["true"],"limits":{\#(limits)}}}"#.utf8)
    }

    private func limits(_ text: String) throws -> Limits? {
        guard case .run(_, let request, _) = try ControlCoding.decode(ClientMessage.self, from: Self.message(text))
        else {
            return nil
        }
        return request.limits
    }

    private func refusal(_ text: String) -> ServiceError? {
        do throws(WireError) {
            _ = try ControlCoding.decode(ClientMessage.self, from: Self.message(text))
        } catch {
            if case .request(let refusal) = error { return refusal }
        }
        return nil
    }

    @Test(
        arguments: [
            ("1", 1), ("0", 0), ("10.0", 10), ("1e3", 1000), ("10e-1", 1), ("1E3", 1000), ("-0", 0),
            ("9223372036854775807", UInt64(Int64.max)), ("4503599627370497", 4_503_599_627_370_497),
        ] as [(String, UInt64)])
    func `whole numbers, however written`(text: String, expected: UInt64) throws {
        #expect(try limits("\"memory_bytes\":\(text)")?.memoryBytes == expected)
    }

    /// What is given, as the error tells it.
    private static let bad = [
        ("-1", "-1"), ("-9223372036854775809", "-9.223372036854776e+18"), ("1.5", "1.5"), ("1e-3", "0.001"),
        ("9223372036854775808", "9223372036854775808"), ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", "1.8446744073709552e+19"), ("1e19", "10000000000000000000"), ("1e300", "1e+300"),
        ("1e999", "a number that is too large or too small"), ("-1e999", "a number that is too large or too small"),
        ("1e-999", "0"), ("1e99999999999999999999", "a number that is too large or too small"),
        ("NaN", "the text 'NaN'"), ("Infinity", "the text 'Infinity'"), ("-Infinity", "the text '-Infinity'"),
        ("\"5\"", "the text '5'"),
        ("\"1.5.2GiB\"", "the text '1.5.2GiB'"), ("\"\\u001b[2J\\u202e\"", "the text '?[2J?'"), ("true", "true"),
        ("false", "false"), ("null", "null"), ("[1]", "a list"), ("{}", "an object"), ("{\"x\":1}", "an object"),
    ]

    @Test(arguments: bad) func `no whole number: an error of the request`(text: String, given: String) {
        let accepted = [
            ("memory_bytes", "whole bytes as a number, from 1 up to the policy's"),
            ("swap_bytes", "whole bytes as a number, from 0 up to the policy's"),
            ("processes", "a whole count as a number, from 1 up to the policy's"),
            ("read_bytes_per_second", "whole bytes per second as a number, from 1 up to the policy's"),
            ("grace_ms", "whole milliseconds as a number, from 0 up to the policy's"),
        ]
        for (key, accepted) in accepted {
            let error = refusal("\"\(key)\":\(text)")
            #expect(error?.code == .limitNotAllowed && error?.category == .permanent)
            #expect(error?.message == "limit \(key) of \(given) is not allowed: it takes \(accepted)")
        }
    }

    @Test func `every limit is read so`() throws {
        let every = Limits.CodingKeys.allCases.map(\.stringValue)
        #expect(every.count == Mirror(reflecting: Limits()).children.count)
        for key in every {
            let read = try limits("\"\(key)\":4096")
            let set = Mirror(reflecting: try #require(read)).children.filter { "\($0.value)" != "nil" }
            #expect(set.count == 1, "\(key)")
            for text in ["\"5\"", "null", "true", "1e999", "NaN", "[]"] {
                #expect(refusal("\"\(key)\":\(text)")?.message.hasPrefix("limit \(key) of ") == true, "\(key) \(text)")
            }
        }
        #expect(try limits("") == Limits())
    }

    @Test func `cores are any finite number, for the policy to judge`() throws {
        for (text, cores) in [("1.5", 1.5), ("0", 0), ("-1", -1), ("1e300", 1e300), ("2", 2)] {
            #expect(try limits("\"cpus\":\(text)")?.cpus == cores)
        }
        #expect(
            refusal("\"cpus\":1e999")?.message
                == "limit cpus of a number that is too large or too small is not allowed: it takes cores as a number, from 0.001 up to the policy's"
        )
        #expect(refusal("\"cpus\":Infinity")?.message.hasPrefix("limit cpus of the text 'Infinity' is not") == true)
    }

    private func channel(of payload: [UInt8]) -> UInt32? {
        do throws(ControlCoding.Refusal) {
            _ = try ControlCoding.clientMessage(from: payload)
            return nil
        } catch {
            return error.channel
        }
    }

    @Test func `the channel of a refused message is found`() {
        for text in ["-1", "NaN", "null", "\"5\""] {
            #expect(channel(of: Self.message("\"memory_bytes\":\(text)")) == 7)
        }
        for text in [#"{"type":"hello","version":1}"#, #"{"channel":-1}"#, #"{"channel":"7"}"#, "[]", "", "{"] {
            #expect(channel(of: Array(text.utf8)) == nil)
        }
    }

    /// NaN in a string is text, wherever the string ends.
    @Test func `words in strings stay words`() throws {
        let text =
            #"{"type":"run","channel":7,"request":{"argv":["NaN","\\\"NaN","Infinity\\"],"limits":{"cpus":NaN}}}"#
        #expect(channel(of: Array(text.utf8)) == 7)
        let error = #expect(throws: WireError.self) {
            try ControlCoding.decode(ClientMessage.self, from: Array(text.utf8))
        }
        guard case .request(let refusal)? = error else {
            Issue.record("\(error as Any)")
            return
        }
        #expect(refusal.message.hasPrefix("limit cpus of "))
        let fine = Array(text.replacing("cpus\":NaN", with: "cpus\":1").utf8)
        guard case .run(7, let request, nil) = try ControlCoding.decode(ClientMessage.self, from: fine) else {
            Issue.record("another message")
            return
        }
        #expect(request.argv == ["NaN", #"\"NaN"#, #"Infinity\"#])
    }

    /// Bytes on which Foundation's reader of JSON5 stopped the process.
    @Test func `a key without quotes that is no text`() {
        let bytes = Array(#"{"type":"run","channel":7,"#.utf8) + [0xFF, 0xFF, 0x17] + Array(#":{"cpus":NaN}}"#.utf8)
        #expect(throws: WireError.self) { try ControlCoding.decode(ClientMessage.self, from: bytes) }
        #expect(channel(of: bytes) == nil)
    }

    /// The second look is at limits only: what is not JSON is no message.
    @Test(arguments: [
        #"{"type":"run","channel":1,"request":{"argv":["a"],"limits":{"memory":NaN}}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"limits":{"memory_bytes":0x10}}}"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"limits":{"memory_bytes":+1}}}"#,
        #"{"type":"run","channel":1,"request":{argv:["a"]}}"#, #"{"type":"cancel","channel":NaN}"#,
        "{type:'cancel',channel:1}", #"{"type":"cancel","channel":1}/**/"#,
        #"{"type":"run","channel":1,"request":{"argv":["a"],"limits":[]}}"#,
        #"{"type":"run","channel":-1,"request":{"argv":["a"],"limits":{"memory_bytes":-1}}}"#,
    ]) func `all else is still malformed`(text: String) {
        let error = #expect(throws: WireError.self) {
            try ControlCoding.decode(ClientMessage.self, from: Array(text.utf8))
        }
        if case .malformed = error { return }
        Issue.record("\(error as Any)")
    }

    /// As long as a control frame may be: what is bounded here is the time, which the test run itself would show.
    @Test(arguments: ["9", "0.0", "1e9", "1.5", "-9"]) func `numbers of a million digits`(start: String) {
        let long = start + String(repeating: start.hasSuffix("0") ? "0" : "9", count: 1_000_000) + "1"
        #expect(refusal("\"memory_bytes\":\(long)") != nil)
        // 1.59999... is a number of cores.
        #expect((refusal("\"cpus\":\(long)") == nil) == (start == "1.5"))
    }
}
