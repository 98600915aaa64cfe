import FoundationEssentials
import LinuxSystem
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// Where the time of a start went, through a real service.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct StartTraceTests {
    private static func parts(_ trace: StartTrace) -> [UInt64?] {
        [
            trace.decodeMicroseconds, trace.checkMicroseconds, trace.queueMicroseconds, trace.launcherMicroseconds,
            trace.sandboxMicroseconds,
        ]
    }

    /// Whatever the machine does meanwhile: no part is counted twice, and none before or after the run.
    @Test(arguments: ["0", "4"]) func `parts add up to no more than what passes`(_ warm: String) async throws {
        let service = try ServiceFixture(options: ["--warm", warm])
        let client = try await service.client()
        if warm != "0" { try await service.waitForWarm("default", client) }
        var warms: Set<Bool> = []
        for number in 0..<40 {
            let request = RunRequest(argv: number % 2 == 0 ? ["true"] : ["sleep", "0.02"], trace: true)
            let begin = monotonicNanoseconds()
            let result = try await client.run(request).result
            let passed = (monotonicNanoseconds() - begin) / 1000
            let trace = try #require(result.trace)
            let parts = Self.parts(trace).compactMap(\.self)
            #expect(parts.count == 5 && parts.reduce(0, +) <= passed, "\(trace) of \(passed)")
            warms.insert(try #require(trace.warm as Bool?))
        }
        // The one that waited at the beginning was found, and nobody makes any where none are to wait.
        #expect(warms.contains(true) == (warm != "0"))
        #expect(try await client.run("true").result.trace == nil)
    }

    @Test func `exec puts it into the report and into the lines of JSON`() throws {
        let service = try ServiceFixture()
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/report"
        let exec = ["exec", "--socket", service.socket]
        #expect(try Ran(sandboxctl: exec + ["--report", path, "--trace", "--", "true"]).status == 0)
        let report = try JSONDecoder().decode(RunResult.self, from: Data(try directory.read("report").utf8))
        #expect(report.trace.map { Self.parts($0).allSatisfy { $0 != nil } } == true)
        #expect(
            try Ran(sandboxctl: exec + ["--json", "--trace", "--", "true"]).output.contains(#""trace":{"check_us":"#))
        // Nobody is told who has not asked, and who has asked for it where it cannot be is told so.
        #expect(try Ran(sandboxctl: exec + ["--report", path, "--", "true"]).status == 0)
        #expect(try !directory.read("report").contains("trace"))
        let nowhere = try Ran(sandboxctl: exec + ["--trace", "--", "true"])
        #expect(nowhere.status == 125 && nowhere.errors.contains("--report"), "\(nowhere)")
    }
}
