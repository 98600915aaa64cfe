import SandboxClient
import SandboxTestSupport
import Testing

/// What is carried of a stream while its limits count every byte, and each stream's own limit.
@Suite(.needs(.root), .needs(.cgroup), .serialized, .timeLimit(.minutes(3)))
struct OutputKeepTests {
    private let policies = TemporaryDirectory()
    private let service: ServiceFixture

    init() throws {
        try policies.write("wide.yaml", "version: 1\nextends: default\nlimits: { output: 1TiB }\n")
        service = try ServiceFixture(options: ["--policy-file", "\(policies.path)/wide.yaml"])
    }

    private func run(
        _ script: String, _ keep: OutputKeep? = nil, _ limits: Limits = Limits(), keeping bytes: Int = 4 << 20
    ) async throws -> RunOutput {
        try await service.client().run(
            RunRequest(argv: ["sh", "-c", script], policy: "wide", limits: limits, keep: keep), captureBytes: bytes)
    }

    private func part(_ head: UInt64, _ tail: UInt64) -> OutputKeep {
        OutputKeep(stdout: .init(headBytes: head, tailBytes: tail))
    }

    @Test func `head, tail and both`() async throws {
        let numbers = (1...20_000).map { "\($0)\n" }.joined()
        let count = numbers.utf8.count
        for (head, tail) in [(100, 0), (0, 100), (100, 50), (0, 0), (70_000, 3), (1, 30_000)] as [(Int, Int)] {
            let output = try await run("seq 20000; echo whole >&2", part(UInt64(head), UInt64(tail)))
            #expect(output.outputText == String(numbers.prefix(head) + numbers.suffix(tail)), "\(head) \(tail)")
            #expect(output.omittedOutput == UInt64(count - head - tail))
            #expect(output.errorText == "whole\n" && output.omittedErrors == 0)
            let usage = output.result.usage
            #expect(output.isSuccess && usage.stdoutTruncated == true && usage.stderrTruncated == false)
            #expect(usage.stdoutBytes == UInt64(count) && usage.stderrBytes == 6)
        }
    }

    @Test func `what fits is whole`() async throws {
        for (head, tail) in [(1000, 0), (0, 1000), (500, 500), (5, 5), (0, 10), (10, 0)] as [(UInt64, UInt64)] {
            let output = try await run("printf 0123456789", part(head, tail))
            #expect(output.outputText == "0123456789" && output.omittedOutput == 0, "\(head) \(tail)")
            #expect(output.result.usage.stdoutTruncated == false)
        }
        let one = try await run("printf 0123456789", part(5, 4))
        #expect(one.outputText == "012346789" && one.omittedOutput == 1)
    }

    @Test func `each stream as it was asked for`() async throws {
        let keep = OutputKeep(stdout: .init(headBytes: 3), stderr: .init(tailBytes: 4))
        let output = try await run("printf abcdef; printf 123456 >&2", keep)
        #expect(output.outputText == "abc" && output.errorText == "3456")
        #expect(output.omittedOutput == 3 && output.omittedErrors == 2)
        #expect(output.result.usage.stdoutTruncated == true && output.result.usage.stderrTruncated == true)
    }

    @Test func `the head comes while the command runs, the tail when it has ended`() async throws {
        let client = try await service.client()
        let run = try await client.start(
            RunRequest(
                argv: ["sh", "-c", "printf head-middle; read line; printf -- -tail"], stdin: true, keep: part(4, 5)))
        var texts: [String] = []
        for try await event in run.events {
            switch event {
            case .standardOutput(let bytes):
                texts.append(String(decoding: bytes, as: UTF8.self))
                if texts.joined() == "head" { try await run.write(Array("go\n".utf8)) }
            case .omitted(let stream, let bytes):
                #expect(stream == .stdout)
                texts.append("(\(bytes))")
            case .started, .usage, .standardError, .result: break
            }
        }
        #expect(texts.joined() == "head(7)-tail", "\(texts)")
    }

    @Test func `a command that is ended has its tail too`() async throws {
        let output = try await run(
            "seq 10000; printf last; exec sleep 60", part(5, 4),
            Limits(wallMilliseconds: 1500 * Slowness.factor, graceMilliseconds: 0))
        #expect(output.result.outcome.reason == .wallTimeout)
        #expect(output.outputText == "1\n2\n3last")
    }

    @Test func `a lot is dropped, and limits count it`() async throws {
        let output = try await run("head -c 300000000 /dev/zero; printf end", part(10, 10))
        #expect(
            output.isSuccess && output.standardOutput.count == 20
                && output.standardOutput.suffix(3) == Array("end".utf8))
        #expect(output.omittedOutput == 300_000_003 - 20 && output.result.usage.stdoutBytes == 300_000_003)
        let limited = try await run("yes", part(10, 10), Limits(outputBytes: 1_000_000))
        #expect(limited.result.outcome.reason == .outputLimit && limited.result.outcome.limit == 1_000_000)
        #expect(limited.result.outcome.observed ?? 0 > 1_000_000 && limited.standardOutput.count <= 20)
        let idle = try await run(
            "for i in 1 2 3 4 5 6; do echo $i; sleep 0.2; done; sleep 60", part(1, 0),
            Limits(idleMilliseconds: 900 * Slowness.factor))
        #expect(idle.result.outcome.reason == .idleTimeout && idle.result.usage.stdoutBytes == 12)
    }

    @Test func `each stream has a limit of its own`() async throws {
        let out = try await run("yes >&2 & head -c 5001 /dev/zero; sleep 60", nil, Limits(stdoutBytes: 5000))
        #expect(out.result.outcome.reason == .outputLimit && out.result.outcome.limit == 5000)
        #expect(out.result.outcome.observed == 5001 && out.standardOutput.count <= 5000, "\(out.result.outcome)")
        let errors = try await run("head -c 900000 /dev/zero; yes >&2", nil, Limits(stderrBytes: 5000))
        #expect(errors.result.outcome.reason == .outputLimit && errors.result.outcome.limit == 5000)
        #expect(errors.standardOutput.count == 900_000 && errors.standardError.count <= 5000)
        let exact = try await run(
            "head -c 5000 /dev/zero; head -c 6000 /dev/zero >&2", nil, Limits(stdoutBytes: 5000, stderrBytes: 6000))
        #expect(exact.isSuccess && exact.standardOutput.count == 5000 && exact.standardError.count == 6000)
    }
}
