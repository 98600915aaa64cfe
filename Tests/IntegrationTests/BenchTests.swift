import LinuxSystem
import SandboxTestSupport
import Testing

/// That every part of the benchmark runs and says its figures. What they are is nobody's business here: no time is asserted.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct BenchTests {
    private static let small = [
        "--runs", "10", "--seconds", "1", "--slice", "1", "--stream-mib", "4", "--stream-runs", "1", "--echoes", "10",
        "--idle-seconds", "1", "--alive", "30",
    ]

    @Test func `it measures every part with a service of its own`() throws {
        let ran = try Ran([BuiltProducts.path("sandbox-bench"), "--json"] + Self.small)
        #expect(ran.status == 0, "\(ran.errors)")
        let keys = [
            "exec.p50_ratio", "exec.p99_ratio", "cli.p50_ms", "cli.standalone_p50_ms", "throughput.per_second",
            "throughput.failures", "throughput.last_vs_first", "stream.vs_pipe", "stdin.vs_pipe", "echo.added_us",
            "idle.pss_bytes", "idle.wakeups_per_minute", "alive_30.last_vs_first", "alive_30.bytes",
        ]
        for key in keys { #expect(ran.output.contains("\"\(key)\" : {"), "\(key): \(ran.output)") }
    }

    @Test func `it measures a running service, within that one's limits`() throws {
        let service = try ServiceFixture(options: ["--max-runs", "20"])
        let options = ["--socket", service.socket, "--only", "exec,idle,alive"]
        let ran = try Ran([BuiltProducts.path("sandbox-bench")] + options + Self.small)
        #expect(ran.status == 0, "\(ran.errors)")
        #expect(ran.output.contains("exec.p50_ratio") && ran.output.contains("idle.pss_bytes"))
        #expect(ran.output.contains("alive: the service takes 20 runs and no more of 30"))
        #expect(ServiceFixture.connect(service.socket) != nil)
    }
}
