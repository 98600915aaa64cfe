import Glibc
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// An agent whose service is killed and started again.
@Suite(.needs(.root), .needs(.cgroup))
struct ResilienceTests {
    @Test func `a client outlives its service, and runs no command twice`() async throws {
        let service = try ServiceFixture()
        let workspace = TemporaryDirectory()
        let client = ResilientClient(socket: service.socket)
        let request = RunRequest(argv: ["sh", "-c", "echo x >>made; sleep 1; echo done"], workspace: workspace.path)
        #expect(try await client.run(request).outputText == "done\n")
        // Its connection ends in the middle of a run.
        let running = Task { try await client.run(request) }
        for _ in 0..<500 where try workspace.read("made") != "x\nx\n" { try await Task.sleep(for: .milliseconds(10)) }
        kill(service.daemon.pid, SIGKILL)
        let error = await #expect(throws: ServiceError.self) { try await running.value }
        #expect(error?.code == .notConnected)
        // Whoever asks while there is none is served by the next one.
        let waiting = Task { try await client.run(request).outputText }
        try await Task.sleep(for: .milliseconds(700))
        let next = try StartedProgram(
            [BuiltProducts.path("sandboxd"), "--socket", service.socket]
                + ServiceFixture.backendOptions(in: service.directory),
            descriptors: [0, 1, 2])
        defer {
            kill(next.pid, SIGINT)
            next.wait()
        }
        #expect(try await waiting.value == "done\n")
        #expect(try workspace.read("made") == "x\nx\nx\n")
    }
}
