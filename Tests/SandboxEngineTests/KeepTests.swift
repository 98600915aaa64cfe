import Glibc
import SandboxModel
import SandboxWire
import Testing

@testable import SandboxEngine

/// Head and tail of streams, while the run goes on: through the whole server, with real pipes.
@Suite struct KeepTests {
    /// What `flood` writes.
    private static func flood(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 % (251 * 256) % 251) } }

    private func request(_ argv: [String], head: UInt64, tail: UInt64, limits: Limits = Limits()) -> RunRequest {
        RunRequest(argv: argv, limits: limits, keep: OutputKeep(stdout: .init(headBytes: head, tailBytes: tail)))
    }

    @Test func `head, what is missing, tail, result: in this order and byte for byte`() throws {
        let client = try ServerFixture().connect()
        let ended = try client.run(request(["flood", "3000000"], head: 1000, tail: 70_000))
        let all = Self.flood(3_000_000)
        #expect(ended.stdout == Array(all.prefix(1000)) + Array(all.suffix(70_000)))
        #expect(ended.omitted[.stdout]?.bytes == 2_929_000 && ended.omitted[.stdout]?.after == 1000)
        #expect(ended.omitted[.stderr] == nil)
        let usage = try #require(ended.result?.usage)
        #expect(usage.stdoutBytes == 3_000_000 && usage.stdoutTruncated == true && usage.stderrTruncated == false)
        #expect(ended.result?.outcome.reason == .exited)
    }

    @Test func `what fits is whole, whichever part it is in`() throws {
        let client = try ServerFixture().connect()
        for (head, tail) in [(11, 0), (0, 11), (5, 6), (5, 7), (100, 100)] as [(UInt64, UInt64)] {
            let ended = try client.run(request(["echo", "hello", "world"], head: head, tail: tail))
            #expect(String(decoding: ended.stdout, as: UTF8.self) == "hello world", "\(head) \(tail)")
            #expect(ended.omitted.isEmpty && ended.result?.usage.stdoutTruncated == false)
        }
        let one = try client.run(request(["echo", "hello", "world"], head: 5, tail: 5))
        #expect(String(decoding: one.stdout, as: UTF8.self) == "helloworld" && one.omitted[.stdout]?.bytes == 1)
        let none = try client.run(request(["echo", "hello", "world"], head: 0, tail: 0))
        #expect(none.stdout.isEmpty && none.omitted[.stdout]?.bytes == 11 && none.result?.usage.stdoutBytes == 11)
    }

    @Test func `each stream has its own, and one without is whole`() throws {
        let client = try ServerFixture().connect()
        var request = RunRequest(argv: ["both", "abcdefgh", "ABCDEFGH"])
        request.keep = OutputKeep(stderr: .init(headBytes: 1, tailBytes: 2))
        let ended = try client.run(request)
        #expect(String(decoding: ended.stdout, as: UTF8.self) == "abcdefgh")
        #expect(String(decoding: ended.stderr, as: UTF8.self) == "AGH" && ended.omitted[.stderr]?.bytes == 5)
        #expect(ended.result?.usage.stdoutTruncated == false && ended.result?.usage.stderrTruncated == true)
    }

    @Test func `a terminal has one stream`() throws {
        let client = try ServerFixture().connect()
        var request = request(["flood", "5000"], head: 10, tail: 10)
        request.terminal = TerminalSize(columns: 80, rows: 24)
        let ended = try client.run(request)
        #expect(ended.stdout.count == 20 && ended.stderr.isEmpty)
        let usage = try #require(ended.result?.usage)
        #expect(ended.omitted[.stdout]?.bytes == (usage.stdoutBytes ?? 0) - 20)
    }

    @Test func `the run goes on without its client, and its tail waits for it`() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        // A window for the head and one byte of the tail.
        try client.send(.run(channel: 4, request: request(["flood", "9000000"], head: 10, tail: 5000), window: 11))
        var got: [UInt8] = []
        while got.count < 11, let frame = try client.frame() {
            if frame.kind == .stdout { got += frame.payload.dropFirst(4) }
        }
        // The command has ended by now: the first byte of the tail came after its last one.
        let all = Self.flood(9_000_000)
        #expect(got == Array(all.prefix(10)) + [all[all.count - 5000]])
        #expect(try fixture.runCount() == 1)
        client.send(.credit(channel: 4, bytes: 4999))
        let ended = try client.finish(4)
        #expect(ended.stdout == Array(all.suffix(4999)))
        #expect(ended.result?.outcome.reason == .exited && ended.result?.usage.stdoutBytes == 9_000_000)
    }

    @Test func `who takes no output can be told to wait no longer for it`() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        try client.send(.run(channel: 4, request: RunRequest(argv: ["flood", "1000"]), window: 10))
        while let frame = try client.frame(), frame.kind != .stdout {}
        let other = try fixture.connect()
        var state = ""
        for _ in 0..<100 where state != "ending" {
            usleep(20_000)
            try other.send(.list(channel: 1, usage: false))
            guard case .runs(_, let runs)? = try other.message() else { throw Silence() }
            state = runs.first?.state ?? "none"
        }
        #expect(state == "ending")
        try client.send(.cancel(channel: 4, now: false))
        let ended = try client.finish(4)
        // It had ended by itself: the reason stays, and what was not taken is missing.
        #expect(ended.result?.outcome.reason == .exited)
        #expect(ended.result?.usage.stdoutTruncated == true)
        #expect(try fixture.runCount() == 0)
    }

    @Test func `an end by force has its tail, up to the limit that was met`() throws {
        let client = try ServerFixture().connect()
        let limited = try client.run(
            request(["flood", "9000000"], head: 10, tail: 20, limits: Limits(outputBytes: 1_000_000)))
        let all = Self.flood(1_000_000)
        #expect(limited.result?.outcome.reason == .outputLimit && limited.result?.outcome.limit == 1_000_000)
        #expect(limited.stdout == Array(all.prefix(10)) + Array(all.suffix(20)))
        #expect(limited.omitted[.stdout]?.bytes == 999_970)
        #expect(limited.result?.usage.stdoutBytes ?? 0 > 1_000_000)
        // The command writes without end; only the clock can stop it, and its output keeps it from being idle.
        let timed = try client.run(
            request(
                ["flood", "\(1 << 50)"], head: 5, tail: 5, limits: Limits(outputBytes: 64 << 20, wallMilliseconds: 20)))
        let reason = timed.result?.outcome.reason
        #expect(reason == .wallTimeout || reason == .outputLimit)
        #expect(timed.stdout.count == 10)
    }

    @Test func `the memory of the daemon does not grow with the output`() throws {
        let fixture = try ServerFixture()
        let client = try fixture.connect()
        let request = request(["flood", "\(60 << 20)"], head: 0, tail: 1 << 20)
        _ = try client.run(request)
        let before = try residentBytes()
        for _ in 0..<8 { #expect(try client.run(request).stdout.count == 1 << 20) }
        // 480 MiB have gone through; the client of this test holds a MiB at a time.
        #expect(try residentBytes() < before + (48 << 20))
    }

    private func residentBytes() throws -> Int {
        let pages = try readFile("/proc/self/statm").split(separator: " ")
        return (Int(pages[1]) ?? 0) * Int(getpagesize())
    }

    private func readFile(_ path: String) throws -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(file, &buffer, buffer.count)
        guard count > 0 else { throw Silence() }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    @Test func `a user's share of kept output is bounded`() throws {
        var limits = EngineLimits()
        limits.tailBytesPerUser = 1_000_000
        let fixture = try ServerFixture(limits: limits)
        let client = try fixture.connect()
        try client.send(.run(channel: 1, request: request(["sleep"], head: 0, tail: 600_000), window: nil))
        for _ in 0..<2 { _ = try client.message() }
        let error = try client.run(request(["true"], head: 0, tail: 600_000), channel: 2).error
        #expect(error?.code == .overloaded && error?.category == .temporary)
        #expect(error?.message.contains("1000000 bytes of output kept") == true)
        #expect(try client.run(request(["true"], head: 0, tail: 400_000), channel: 2).result != nil)
        // A head is not kept.
        #expect(try client.run(request(["true"], head: 1 << 40, tail: 0), channel: 2).result != nil)
    }
}
