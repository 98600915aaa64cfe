import ArgumentParser
import SandboxModel
import Testing

@testable import sandboxctl_verbs

/// The limits of `sandboxctl exec`: what no policy could allow is refused at once, with the range.
@Suite struct LimitOptionTests {
    private static let ranges = [
        ("memory", "1MiB to 1024TiB"), ("swap", "0B to 1024TiB"), ("cpus", "0.001 to 1024, with at most 3 decimals"),
        ("processes", "1 to 4194304"), ("open-files", "8 to 1048576"), ("file-size", "1B to 1024TiB"),
        ("output", "1B to 1024TiB"), ("stdout", "1B to 1024TiB"), ("stderr", "1B to 1024TiB"),
        ("tmp", "4KiB to 1024TiB"), ("workspace-size", "4KiB to 1024TiB"), ("workspace-inodes", "2 to 4294967295"),
        ("read-rate", "64KiB to 1024TiB"), ("write-rate", "64KiB to 1024TiB"), ("timeout", "1ms to 720h"),
        ("cpu-time", "1ms to 720h"), ("idle", "1ms to 720h"), ("grace", "0s to 5m"),
    ]

    private func limits(_ options: [String]) throws -> Limits {
        try ExecCommand.parse(options + ["--", "true"]).limits.limits
    }

    @Test(arguments: ranges) func `refused with the range`(option: String, range: String) {
        for text in ["0", "-1", "inf", "9223372036854775808", "1.5.2GiB", "1e9", "", " 5s", "--json"] {
            let error = #expect(throws: (any Error).self) { try limits(["--\(option)", text]) }
            let message = error.map(ExecCommand.message(for:)) ?? ""
            #expect(message.contains("'--\(option)"), "\(option) '\(text)': \(message)")
            #expect(message.contains("the range is \(range)"), "\(option) '\(text)': \(message)")
        }
        #expect(throws: (any Error).self) { try limits(["--\(option)=-1"]) }
    }

    @Test func `each option is its own limit`() throws {
        let words = [
            "--memory", "1MiB", "--swap", "0B", "--cpus", "0.001", "--processes", "4194304", "--open-files", "8",
            "--file-size", "1B", "--output", "1024TiB", "--stdout", "1KB", "--stderr", "1KiB", "--tmp", "4KiB",
            "--workspace-size", "4097B", "--workspace-inodes", "2", "--read-rate", "64KiB", "--write-rate", "10MB",
            "--timeout", "720h", "--cpu-time", "1ms", "--idle", "1m", "--grace", "0s",
        ]
        let expected = Limits(
            memoryBytes: 1 << 20, swapBytes: 0, cpus: 0.001, processes: 4_194_304, openFiles: 8, fileSizeBytes: 1,
            outputBytes: 1 << 50, stdoutBytes: 1000, stderrBytes: 1024, tmpBytes: 4096, workspaceBytes: 4097,
            workspaceInodes: 2, readBytesPerSecond: 65536, writeBytesPerSecond: 10_000_000,
            wallMilliseconds: 2_592_000_000, cpuMilliseconds: 1, idleMilliseconds: 60_000, graceMilliseconds: 0)
        #expect(try limits(words) == expected)
        #expect(try limits([]) == Limits())
        #expect(words.count == 2 * Mirror(reflecting: expected).children.count)
    }
}
