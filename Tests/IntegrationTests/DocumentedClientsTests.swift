import FoundationEssentials
import Glibc
import LinuxSystem
import SandboxTestSupport
import Testing

/// What the documentation shows works as it stands there.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct DocumentedClientsTests {
    private static let root = String(#filePath.split(separator: "/").dropLast(3).joined(separator: "/"))

    @Test func `the Python client of the protocol's documentation`() throws {
        let service = try ServiceFixture()
        let text = try wholeFile("/\(Self.root)/Sources/SandboxWire/Protocol.md")
        let parts = text.split(separator: "```python\n")
        try #require(parts.count == 2, "the documentation has one Python client")
        let client = try #require(parts[1].split(separator: "\n```").first)
        #expect(client.split(separator: "\n").count <= 30)
        func run(_ command: [String]) throws -> Ran {
            try Ran(["/usr/bin/python3", "-c", String(client), service.socket] + command)
        }
        let ran = try run(["sh", "-c", "echo out; echo err >&2; exit 5"])
        #expect(ran.status == 5 && ran.output == "out\n" && ran.errors == "err\n")
        let missing = try run(["no-such-program"])
        #expect(missing.status == 1 && missing.errors.contains("no-such-program"))
        // More than any window, without credit: the socket alone holds the flow.
        #expect(try run(["sh", "-c", "head -c 3000000 /dev/zero | wc -c"]).output == "3000000\n")
        #expect(try run(["sh", "-c", "yes | head -c 900000"]).output.utf8.count == 900_000)
    }

    private struct Answer: Decodable {
        var id: String?
        var ok: Bool
        var reason: String?
        var stdout: String?
        var error: String?
    }

    @Test func `the example agent answers tool calls concurrently`() throws {
        let service = try ServiceFixture()
        let calls = """
            {"id":"slow","tool":"shell","arguments":{"command":"sleep 1; echo slow"}}
            {"id":"sum","tool":"python","arguments":{"code":"print(6 * 7)"}}
            {"id":"in","tool":"shell","arguments":{"command":"wc -c"},"stdin":"hello"}
            {"id":"fail","tool":"shell","arguments":{"command":"exit 3"}}
            not a call
            {"id":"what","tool":"dance","arguments":{}}

            """
        let ran = try Ran([BuiltProducts.path("example-agent"), "--socket", service.socket], input: calls)
        #expect(ran.status == 0, "\(ran.errors)")
        let answers = try ran.output.split(separator: "\n").map {
            try JSONDecoder().decode(Answer.self, from: Data($0.utf8))
        }
        func answer(_ id: String) throws -> Answer { try #require(answers.first { $0.id == id }) }
        #expect(answers.count == 6)
        #expect(try answer("sum").stdout == "42\n" && answer("sum").ok)
        #expect(try answer("in").stdout == "5\n")
        #expect(try !answer("fail").ok && answer("fail").reason == "exited")
        #expect(answers.contains { $0.id == nil && !$0.ok })
        #expect(try answer("what").error != nil)
        // The slow one was asked first and is answered last.
        #expect(answers.last?.id == "slow")
    }
}
