import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

/// A service that is stopped while runs are alive.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct DrainTests {
    private func running(_ service: ServiceFixture, _ script: String) async throws -> (SandboxClient, Run) {
        let client = try await service.client()
        let run = try await client.start(RunRequest(argv: ["sh", "-c", "echo up; \(script)"]))
        for try await event in run.events { if case .standardOutput = event { break } }
        return (client, run)
    }

    private func outcome(of run: Run) async throws -> Outcome {
        for try await event in run.events { if case .result(let result) = event { return result.outcome } }
        throw FixtureError.text("no result")
    }

    @Test func `runs go on, new ones are refused for the time being, and then it ends`() async throws {
        let service = try ServiceFixture(options: ["--drain", "30s"])
        let (client, run) = try await running(service, "sleep 1; exit 7")
        kill(service.daemon.pid, SIGTERM)
        try await Task.sleep(for: .milliseconds(200))
        // On an open connection, and on a new one.
        for refused in [client, try await service.client()] {
            let error = await #expect(throws: ServiceError.self) { try await refused.run("true") }
            #expect(error?.code == .draining && error?.category == .temporary)
            #expect(error?.retryAfterMilliseconds != nil)
        }
        let reload = await #expect(throws: ServiceError.self) { try await client.reload() }
        #expect(reload?.code == .draining && reload?.category == .temporary && reload?.retryAfterMilliseconds != nil)
        let outcome = try await outcome(of: run)
        #expect(outcome.reason == .exited && outcome.code == 7)
        #expect(service.daemon.wait() == 0)
    }

    @Test func `what takes longer is cancelled`() async throws {
        let service = try ServiceFixture(options: ["--drain", "500ms"])
        let (_, run) = try await running(service, "sleep 60")
        kill(service.daemon.pid, SIGTERM)
        let outcome = try await outcome(of: run)
        #expect(outcome.reason == .cancelled && outcome.message.contains("because sandboxd is stopping"))
        #expect(service.daemon.wait() == 0)
    }

    @Test func `a second signal does not wait`() async throws {
        let service = try ServiceFixture(options: ["--drain", "1h"])
        let (_, run) = try await running(service, "sleep 600")
        kill(service.daemon.pid, SIGTERM)
        try await Task.sleep(for: .milliseconds(200))
        kill(service.daemon.pid, SIGTERM)
        #expect(try await outcome(of: run).reason == .cancelled)
        #expect(service.daemon.wait() == 0)
    }

    @Test func `Ctrl-C does not wait either`() async throws {
        let service = try ServiceFixture(options: ["--drain", "1h"])
        let (_, run) = try await running(service, "sleep 600")
        kill(service.daemon.pid, SIGINT)
        #expect(try await outcome(of: run).reason == .cancelled)
        #expect(service.daemon.wait() == 0)
    }

    @Test func `without runs it ends at once`() throws {
        let service = try ServiceFixture(options: ["--drain", "1h"])
        kill(service.daemon.pid, SIGTERM)
        #expect(service.daemon.wait() == 0)
    }

    @Test(arguments: ["10", "-1s", "2h", "soon"]) func `what is no time is refused`(_ drain: String) throws {
        let ran = try Ran([BuiltProducts.path("sandboxd"), "--socket", "/nowhere/s", "--drain", drain])
        #expect(ran.status == 64)
        #expect(ran.errors.contains("drain"), "\(ran.errors)")
    }
}
