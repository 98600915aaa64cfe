import SandboxClient
import SandboxTestSupport
import Testing

/// Limits on time hold whatever share of CPU time a run has: its pid 1, which tells the start, has no more than the command.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct QuotaDeadlineTests {
    private let service: ServiceFixture

    init() throws { service = try ServiceFixture() }

    /// Before, the deadline was set when pid 1 had its turn: 17 s after this one.
    @Test func `a crowd that writes nothing and uses up its share at once has its wall time and no more`() async throws
    {
        let crowd = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do (while :; do :; done) & done; wait"
        let client = try await service.client()
        for cores in [0.005, 0.005, 0.02, 0.05] {
            let result = try await client.run(
                RunRequest(
                    argv: ["sh", "-c", crowd],
                    limits: Limits(
                        cpus: cores, processes: 64, wallMilliseconds: 400, graceMilliseconds: 0)))
            #expect(result.result.outcome.reason == .wallTimeout, "\(result.result.outcome)")
            // What was seen when it was decided, not how long the end took on a busy host.
            #expect(result.result.outcome.observed ?? .max < 3000, "\(result.result.outcome)")
        }
    }

    @Test func `what is not there is still not found, however late that is known`() async throws {
        let request = RunRequest(argv: ["no-such-program"], limits: Limits(cpus: 0.005, wallMilliseconds: 20_000))
        await #expect {
            _ = try await service.client().run(request)
        } throws: { ($0 as? ServiceError)?.code == .programNotFound }
    }
}
