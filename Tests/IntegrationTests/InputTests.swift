import Glibc
import SandboxClient
import SandboxTestSupport
import Testing

/// Standard input of any size, whoever reads it or not.
@Suite(.needs(.root), .needs(.cgroup), .serialized, .timeLimit(.minutes(5)))
struct InputTests {
    private let service: ServiceFixture
    private static let large = [UInt8](repeating: 0x61, count: 100 << 20)

    init() throws { service = try ServiceFixture() }

    private func run(_ argv: [String], _ limits: Limits = Limits()) async throws -> RunOutput {
        try await service.client().run(RunRequest(argv: argv, limits: limits), input: Self.large)
    }

    @Test func `100 MiB, read to the end`() async throws {
        #expect(try await run(["wc", "-c"]).outputText == "\(100 << 20)\n")
    }

    @Test func `100 MiB for a command that ends at once`() async throws {
        #expect(try await run(["true"]).isSuccess)
    }

    @Test func `100 MiB for a command that takes one byte`() async throws {
        #expect(try await run(["head", "-c", "1"]).outputText == "a")
    }

    @Test func `100 MiB for a command that never reads`() async throws {
        #expect(try await run(["sleep", "0.5"]).isSuccess)
        #expect(try await run(["sleep", "60"], Limits(wallMilliseconds: 500)).result.outcome.reason == .wallTimeout)
    }

    @Test func `100 MiB for a command that closes it`() async throws {
        let output = try await run(["sh", "-c", "exec <&-; sleep 0.3; echo closed"])
        #expect(output.isSuccess && output.outputText == "closed\n")
    }

    @Test func `100 MiB for a program that is not there`() async throws {
        await #expect(throws: ServiceError.self) { try await run(["no-such-program"]) }
    }

    @Test func `input that ends early, and none at all`() async throws {
        let client = try await service.client()
        let run = try await client.start(RunRequest(argv: ["wc", "-c"], stdin: true))
        try await run.write([UInt8](repeating: 0, count: 70_000))
        try await run.closeInput()
        try await run.closeInput()
        var output = ""
        for try await event in run.events {
            if case .standardOutput(let bytes) = event { output += String(decoding: bytes, as: UTF8.self) }
        }
        #expect(output == "70000\n")
        await #expect(throws: ServiceError.self) { try await run.write([1]) }
        #expect(try await client.run(RunRequest(argv: ["wc", "-c"]), input: []).outputText == "0\n")
        #expect(try await client.run("wc", "-c").outputText == "0\n")
    }

    @Test func `a command whose input nobody closes ends all the same`() async throws {
        let client = try await service.client()
        let run = try await client.start(RunRequest(argv: ["sh", "-c", "read line; echo $line"], stdin: true))
        try await run.write(Array("x\n".utf8))
        var events: [RunEvent] = []
        for try await event in run.events { events.append(event) }
        guard case .result(let result)? = events.last else {
            Issue.record("no result")
            return
        }
        #expect(result.outcome.reason == .exited && result.usage.stdoutBytes == 2)
    }

    @Test func `input for one command goes on while another does not read`() async throws {
        let client = try await service.client()
        let deaf = try await client.start(RunRequest(argv: ["sleep", "60"], stdin: true))
        let writing = Task { try await deaf.write(Self.large) }
        let output = try await client.run(
            RunRequest(argv: ["wc", "-c"]), input: [UInt8](repeating: 0, count: 5_000_000))
        #expect(output.outputText == "5000000\n")
        deaf.cancel()
        for try await event in deaf.events {
            if case .result(let result) = event { #expect(result.outcome.reason == .cancelled) }
        }
        // Its writer waits no longer: it is told of the end, or, where the command's death comes much earlier than that, has
        // written the rest to nobody.
        _ = await writing.result
    }
}
