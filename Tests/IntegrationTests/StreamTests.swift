import Glibc
import SandboxClient
import SandboxTestSupport
import Testing

/// Bytes in and out, as they are.
@Suite(.needs(.root), .needs(.cgroup), .serialized, .timeLimit(.minutes(5)))
struct StreamTests {
    private let policies = TemporaryDirectory()
    private let service: ServiceFixture

    init() throws {
        try policies.write("wide.yaml", "version: 1\nextends: default\nlimits: { output: 1TiB }\n")
        service = try ServiceFixture(options: ["--policy-file", "\(policies.path)/wide.yaml"])
    }

    static func random(_ count: Int) -> [UInt8] {
        let file = open("/dev/urandom", O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = read(file, buffer.baseAddress! + filled, count - filled)
                if got <= 0 { break }
                filled += got
            }
        }
    }

    /// `==` of arrays compares element by element in a debug build.
    static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count && memcmp(one, other, one.count) == 0
    }

    private func run(
        _ argv: [String], input: [UInt8]? = nil, keeping bytes: Int = 1 << 20
    ) async throws -> RunOutput {
        try await service.client().run(RunRequest(argv: argv, policy: "wide"), input: input, captureBytes: bytes)
    }

    @Test func `64 MiB of random bytes through cat`() async throws {
        let bytes = Self.random(64 << 20)
        #expect(bytes.count == 64 << 20)
        let output = try await run(["cat"], input: bytes, keeping: bytes.count + 1)
        #expect(Self.areEqual(output.standardOutput, bytes))
        #expect(output.isSuccess && output.standardError.isEmpty)
        #expect(output.result.usage.stdoutBytes == 64 << 20 && output.result.usage.stderrBytes == 0)
        #expect(output.result.usage.stdoutTruncated == false)
    }

    @Test func `every byte on both streams, each on its own`() async throws {
        let script = """
            import os
            for i in range(200):
                os.write(1, bytes(range(256))); os.write(2, bytes(255 - b for b in range(256)))
            os.write(2, bytes(1000))
            """
        let output = try await run(["python3", "-ISc", script])
        let up = (0..<200).flatMap { _ in (0...255).map { UInt8($0) } }
        let down =
            (0..<200).flatMap { _ in (0...255).reversed().map { UInt8($0) } } + [UInt8](repeating: 0, count: 1000)
        #expect(Self.areEqual(output.standardOutput, up))
        #expect(Self.areEqual(output.standardError, down))
    }

    @Test func `single bytes`() async throws {
        let script = "import os\nfor i in range(20000): os.write(1 + i % 2, bytes([i // 2 % 251]))"
        let output = try await run(["python3", "-ISc", script])
        let expected = (0..<10_000).map { UInt8($0 % 251) }
        #expect(Self.areEqual(output.standardOutput, expected))
        #expect(Self.areEqual(output.standardError, expected))
    }

    @Test func `one very long line`() async throws {
        let output = try await run(
            ["sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' x; echo end"], keeping: 32 << 20)
        #expect(output.standardOutput.count == 20_000_004)
        #expect(output.standardOutput.suffix(5) == Array("xend\n".utf8))
        #expect(
            output.standardOutput.dropLast(4).withContiguousStorageIfAvailable { line in
                memcmp(line.baseAddress!, line.baseAddress! + 1, line.count - 1) == 0 && line[0] == UInt8(ascii: "x")
            } == true)
    }

    @Test func `no output, and output without a last newline`() async throws {
        let none = try await run(["true"])
        #expect(none.standardOutput.isEmpty && none.standardError.isEmpty && none.result.usage.stdoutBytes == 0)
        #expect(try await run(["printf", "a\\nb"]).outputText == "a\nb")
    }

    @Test func `output that was written before the end arrives, however soon the end`() async throws {
        // Less than a pipe holds, so that the command never waits for a reader.
        let bytes = 60_000
        for script in ["head -c \(bytes) /dev/zero", "head -c \(bytes) /dev/zero; kill -KILL $$"] {
            for _ in 0..<20 {
                let output = try await run(["sh", "-c", script])
                #expect(output.standardOutput.count == bytes)
            }
        }
        let late = try await service.client().run(
            RunRequest(
                argv: ["sh", "-c", "head -c \(bytes) /dev/zero; exec sleep 60"],
                limits: Limits(wallMilliseconds: 500 * Slowness.factor)))
        #expect(late.result.outcome.reason == .wallTimeout && late.standardOutput.count == bytes)
    }

    /// The other runs would wait for ever where one waits for another.
    @Test func `a client that stops reading stops only its own command`() async throws {
        let client = try await service.client()
        let other = try await service.client()
        let stopped = try await client.start(
            RunRequest(argv: ["sh", "-c", "head -c 8000000 /dev/zero; echo >&2 done"], policy: "wide"))
        var events = stopped.events.makeAsyncIterator()
        var count = 0
        while count == 0, let event = try await events.next() {
            if case .standardOutput(let bytes) = event { count += bytes.count }
        }
        for number in 0..<10 {
            #expect(try await client.run("echo", "\(number)").outputText == "\(number)\n")
            #expect(try await other.run("echo", "\(number)").outputText == "\(number)\n")
        }
        // A large one beside it, too.
        let large = try await client.run(RunRequest(argv: ["head", "-c", "3000000", "/dev/zero"], policy: "wide"))
        #expect(large.standardOutput.count == 3_000_000)
        #expect(try await other.runs().map(\.id) == [stopped.id])
        var errors = ""
        while let event = try await events.next() {
            switch event {
            case .standardOutput(let bytes): count += bytes.count
            case .standardError(let bytes): errors += String(decoding: bytes, as: UTF8.self)
            case .started, .usage, .omitted: break
            case .result(let result): #expect(result.outcome.code == 0)
            }
        }
        #expect(count == 8_000_000 && errors == "done\n")
    }

    @Test func `a client that never reads again still gets its deadline`() async throws {
        let traces = try await SandboxTraces(service)
        let client = try await service.client()
        let run = try await client.start(
            RunRequest(argv: ["yes"], policy: "wide", limits: Limits(wallMilliseconds: 1000)))
        try await Task.sleep(for: .milliseconds(2500))
        #expect(try await eventually { try traces.isIdle() })
        var reason: Outcome.Reason?
        for try await event in run.events { if case .result(let result) = event { reason = result.outcome.reason } }
        #expect(reason == .wallTimeout)
    }
}
