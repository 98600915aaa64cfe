import Foundation
import Glibc
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// What a service has counted, read by Prometheus' own parser.
@Suite(.needs(.root), .needs(.cgroup))
struct MetricsTests {
    /// Samples by name and labels: `name{a="b"}`.
    private func samples(of text: String) throws -> [String: Double] {
        let script = """
            import json, sys
            from prometheus_client.parser import text_string_to_metric_families
            samples = {}
            for family in text_string_to_metric_families(sys.stdin.read()):
                assert family.documentation and family.type in ("counter", "gauge", "histogram"), family
                for s in family.samples:
                    key = s.name + "{" + ",".join('%s="%s"' % l for l in sorted(s.labels.items())) + "}"
                    assert key not in samples, key
                    samples[key] = s.value
            print(json.dumps(samples))
            """
        let ran = try Ran(["/usr/bin/python3", "-c", script], input: text)
        guard ran.status == 0 else { throw FixtureError.text(ran.errors) }
        return try JSONDecoder().decode([String: Double].self, from: Data(ran.output.utf8))
    }

    private func metrics(_ service: ServiceFixture, asUser uid: UInt32? = nil) throws -> [String: Double] {
        // What is counted is a moment behind its answer.
        usleep(20_000)
        let arguments = ["stats", "--prometheus", "--socket", service.socket]
        let ran = try uid.map { try Ran(asUser: $0, "sandboxctl", arguments) } ?? Ran(sandboxctl: arguments)
        #expect(ran.status == 0 && ran.errors == "", "\(ran)")
        return try samples(of: ran.output)
    }

    @Test func `runs, refusals, denials, output and times are counted`() async throws {
        let service = try ServiceFixture(options: ["--socket-mode", "0666"])
        chmod(service.directory.path, 0o755)
        let client = try await service.client()
        for _ in 0..<3 { _ = try await client.run("sh", "-c", "printf 12345; printf 12 >&2") }
        _ = try await client.run(
            RunRequest(argv: ["sleep", "5"], limits: Limits(wallMilliseconds: 100)))
        _ = try await client.run("python3", "-c", "import ctypes; ctypes.CDLL(None).mount(None, None, None, 0, None)")
        _ = try? await client.run(RunRequest(argv: ["true"], policy: "no-such-policy\"}\n"))
        _ = try? await client.run(RunRequest(argv: ["no-such-program"]))
        let running = try await client.start(RunRequest(argv: ["sleep", "30"]))
        let counted = try metrics(service)
        let own = #"policy="default",reason="#
        #expect(counted[#"sandboxd_runs_total{\#(own)"exited",user="0"}"#] == 4)
        #expect(counted[#"sandboxd_runs_total{\#(own)"wall_timeout",user="0"}"#] == 1)
        #expect(counted[#"sandboxd_refusals_total{code="unknown_policy",user="0"}"#] == 1)
        #expect(counted[#"sandboxd_refusals_total{code="program_not_found",user="0"}"#] == 1)
        #expect(counted[#"sandboxd_output_bytes_total{policy="default",stream="stdout",user="0"}"#] == 15)
        #expect(counted[#"sandboxd_output_bytes_total{policy="default",stream="stderr",user="0"}"#] == 6)
        #expect(counted[#"sandboxd_denials_total{kind="syscall",policy="default",user="0"}"#] == 1)
        #expect(counted[#"sandboxd_run_start_seconds_count{policy="default",user="0"}"#] == 5)
        #expect(counted[#"sandboxd_run_start_seconds_bucket{le="+Inf",policy="default",user="0"}"#] == 5)
        #expect(counted[#"sandboxd_run_wall_seconds_bucket{le="0.025",policy="default",user="0"}"#] ?? 9 <= 4)
        #expect(counted[#"sandboxd_run_wall_seconds_sum{policy="default",user="0"}"#] ?? 0 >= 0.1)
        #expect(counted[#"sandboxd_runs{policy="default",user="0"}"#] == 1)
        #expect(counted["sandboxd_draining{}"] == 0)
        #expect((counted["sandboxd_warm_hits_total{}"] ?? 0) + (counted["sandboxd_warm_misses_total{}"] ?? 0) >= 6)
        // A user sees what is his, and nothing that is everybody's.
        let others = try metrics(service, asUser: 12345)
        #expect(others.isEmpty, "\(others)")
        let ran = try Ran(
            asUser: 12345, "sandboxctl", ["exec", "--socket", service.socket, "--", "true"])
        #expect(ran.status == 0, "\(ran)")
        let his = try metrics(service, asUser: 12345)
        #expect(his[#"sandboxd_runs_total{\#(own)"exited",user="12345"}"#] == 1)
        #expect(his.keys.allSatisfy { $0.contains(#"user="12345""#) }, "\(his)")
        withExtendedLifetime(running) {}
    }
}
