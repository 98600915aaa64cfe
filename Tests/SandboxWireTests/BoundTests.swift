import Testing

@testable import SandboxModel
@testable import SandboxWire

/// What a client can make the daemon do by a message that it knows will be refused: the loop that reads it keeps everybody's
/// deadlines. That it is quick is for a measurement to say; that little is stored and nothing read twice is said here.
@Suite struct BoundTests {
    private func document(_ text: String, _ maximum: Int) throws -> JSONDocument {
        try JSONDocument(parsing: Array(text.utf8), maximumValues: maximum)
    }

    private func list(_ count: Int, _ element: String = "1") -> String {
        "[" + Array(repeating: element, count: count).joined(separator: ",") + "]"
    }

    private func object(_ count: Int, _ value: String = "1") -> String {
        "{" + (0..<count).map { "\"k\($0)\":\(value)" }.joined(separator: ",") + "}"
    }

    @Test(arguments: 1...60) func `never more is stored than is allowed, and what follows is there`(_ maximum: Int)
        throws
    {
        for inner in [list(100), object(100), list(100, "[[]]"), list(50, "{\"a\":[1]}"), object(50, "{\"a\":1}")] {
            let text = #"{"request":{"argv":\#(inner),"cwd":"x"},"type":"run","channel":5}"#
            guard let document = try? document(text, maximum) else { continue }
            #expect(document.nodes.count <= maximum)
            let type = try #require(document.member("type", of: 0))
            #expect(document.text(type) == "run")
            let request = try #require(document.member("request", of: 0))
            #expect(document.nodes[request].count == 2)
            #expect(document.nodes.last.map { Int($0.next) } == document.nodes.count)
            #expect(document.next(0) == document.nodes.count)
        }
    }

    @Test func `as many values as are allowed are all there`() throws {
        let all = try document(list(99), 100)
        #expect(all.nodes.count == 100 && !all.nodes.contains { $0.mark })
        #expect(throws: JSONError.tooManyValues(100)) { try document(list(100), 100) }
        #expect(throws: JSONError.tooManyValues(100)) { try document(object(50), 100) }
    }

    @Test func `what is left out is not read as empty`() throws {
        let cut = try document(#"{"request":{"argv":\#(list(1000, "\"a\""))}}"#, 100)
        let request = try #require(cut.member("request", of: 0))
        let argv = try #require(cut.member("argv", of: request))
        #expect(cut.nodes[argv].count == 1000 && cut.nodes[argv].mark)
        #expect(throws: DecodingError.self) { try cut.decode([String: [String: [String]]].self) }
        // A parent that itself has too many keys goes as a whole.
        let keys = try document(#"{"request":\#(object(1000)),"x":1}"#, 100)
        let whole = try #require(keys.member("request", of: 0))
        #expect(keys.nodes[whole].count == 1000 && keys.nodes[whole].mark && keys.member("k0", of: whole) == nil)
        #expect(throws: DecodingError.self) { try keys.decode([String: [String: Int]].self) }
    }

    @Test func `what is wrong behind it is still wrong`() {
        let text = #"{"type":"run","channel":1,"request":{"argv":[\#(list(1000))"#
        for rest in ["]}", "]}}}", "},]", "]},\"type\":1}", "] \u{1} }}"] {
            #expect(throws: JSONError.self) { try document(text + rest, 100) }
        }
    }

    private func refusal(_ request: String) -> ControlCoding.Refusal? {
        let text = #"{"channel":7,"request":\#(request),"type":"run"}"#
        return #expect(throws: ControlCoding.Refusal.self) {
            try ControlCoding.clientMessage(from: Array(text.utf8))
        }
    }

    @Test func `the floods that were measured are answered on their channels`() throws {
        let texts = [
            (#"{"argv":["a"],"limits":\#(object(120_000))}"#, "more values than a message may have"),
            (#"{"argv":["a"],"limits":\#(object(10_000))}"#, "unknown key 'k0'"),
            (#"{"argv":["a"],\#(object(120_000).dropFirst())"#, "more values than a message may have"),
            (#"{"argv":\#(list(400_000))}"#, "400000 arguments and variables exceed the maximum of 16384"),
            (#"{"argv":\#(list(16_385))}"#, "16385 arguments and variables exceed the maximum of 16384"),
            (#"{"argv":["a"],"environment":\#(object(17_000))}"#, "17000 arguments and variables exceed"),
            (#"{"argv":["a"],"environment":\#(object(120_000))}"#, "120000 arguments and variables exceed"),
            (list(600_000), "expected an object"),
        ]
        for (request, text) in texts {
            let refused = try #require(refusal(request))
            #expect(refused.channel == 7 && "\(refused.error)".contains(text), "\(refused)")
        }
        let deep = String(repeating: "[", count: 500_000) + String(repeating: "]", count: 500_000)
        #expect(refusal(deep)?.channel == nil)
    }

    @Test func `as much as a command can take is read`() throws {
        let variables = (0..<RunRequest.maximumStrings - 1).map { ("k\($0)", "v") }
        let request = RunRequest(argv: ["a"], environment: Dictionary(uniqueKeysWithValues: variables))
        let message = ClientMessage.run(channel: 1, request: request, window: 1)
        #expect(try ControlCoding.clientMessage(from: ControlCoding.json(message)) == message)
        let arguments = ClientMessage.run(
            channel: 1, request: RunRequest(argv: Array(repeating: "", count: RunRequest.maximumStrings)), window: nil)
        #expect(try ControlCoding.clientMessage(from: ControlCoding.json(arguments)) == arguments)
    }
}
