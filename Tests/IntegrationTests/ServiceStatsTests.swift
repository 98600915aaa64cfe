import FoundationEssentials
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// What a real service says of its warm pool.
@Suite(.needs(.root), .needs(.cgroup), .nativeOnly("the pool's capacity is the native backend's"), .serialized)
struct ServiceStatsTests {
    /// The one thing that `sandboxctl stats` prints.
    private func printed(_ service: ServiceFixture) throws -> ServiceStats {
        let ran = try Ran(sandboxctl: ["stats", "--socket", service.socket, "--json"])
        #expect(ran.status == 0 && ran.errors == "", "\(ran)")
        return try JSONDecoder().decode(ServiceStats.self, from: Data(ran.output.utf8))
    }

    @Test func `hits and misses add up to the runs, and nothing waits beyond the capacity`() async throws {
        let service = try ServiceFixture(options: ["--warm", "4"])
        let client = try await service.client()
        // Probes are nobody's runs.
        _ = try await client.verify()
        #expect(try await client.serviceStats().warm?.hits == 0)
        for number in 0..<30 {
            let policy = number % 3 == 0 ? "python" : "default"
            _ = try await client.run("true", policy: policy)
            // A request that comes to nothing has no sandbox, however many wait.
            _ = try? await client.run("true", policy: policy, workspace: "/var/tmp/no-such-directory")
            let warm = try #require(try await client.serviceStats().warm)
            #expect(warm.capacity == 4 && warm.hits + warm.misses == UInt64(number + 1))
            #expect(warm.waiting.values.reduce(0, +) <= 4)
        }
        // It fills up for what was used, and the next run finds what waits.
        try await service.waitForWarm("python", client)
        let before = try #require(try await client.serviceStats().warm)
        _ = try await client.run("true", policy: "python")
        let after = try printed(service)
        #expect(after.warm?.hits == before.hits + 1 && after.warm?.misses == before.misses)
        #expect(after.runs == 0 && after.dying != nil)
    }

    @Test func `runs that are alive are counted, and the table says the same`() async throws {
        let service = try ServiceFixture(options: ["--warm", "1"])
        let client = try await service.client()
        let run = try await client.start(RunRequest(argv: ["sleep", "60"]))
        #expect(try printed(service).runs == 1)
        let ran = try Ran(sandboxctl: ["stats", "--socket", service.socket])
        let rows = ran.output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(ran.status == 0 && rows.contains(["runs", "1"]) && rows.contains { $0.first == "hits" }, "\(ran)")
        run.cancel(now: true)
        for try await _ in run.events {}
    }

    @Test func `without a warm pool nothing is counted`() async throws {
        let service = try ServiceFixture(options: ["--warm", "0"])
        let client = try await service.client()
        for _ in 0..<3 { _ = try await client.run("true") }
        #expect(try await client.serviceStats().warm == WarmStats())
        #expect(try Ran(sandboxctl: ["stats", "--socket", service.socket]).output.contains("no sandbox is made ahead"))
    }
}
