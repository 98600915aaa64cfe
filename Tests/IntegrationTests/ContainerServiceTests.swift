import Glibc
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// sandbox-docker beside what else a launcher starts and ends.
@Suite(.needs(.root), .needs(.docker), .serialized)
struct ContainerServiceTests {
    private let policies = TemporaryDirectory()

    private func service() throws -> ServiceFixture {
        try policies.write(
            "boxed.yaml",
            "version: 1\nextends: default\nbackend: docker\ndocker: { image: \"\(DockerEngine.busybox)\" }\n")
        return try ServiceFixture(options: [
            "--policy-directory", policies.path, "--docker-socket", DockerEngine.socket,
        ])
    }

    private func reason(_ client: SandboxClient, _ policy: String = "boxed", _ argv: [String] = ["/bin/true"])
        async throws
        -> Outcome.Reason
    { try await client.run(RunRequest(argv: argv, policy: policy)).result.outcome.reason }

    @Test func `a reload leaves it, and what it has made, alone`() async throws {
        let service = try service()
        let client = try await service.client()
        #expect(try await reason(client) == .exited)
        let broker = try service.launcherChild(named: "sandbox-docker")
        let running = Task { try await reason(client, "boxed", ["/bin/sh", "-c", "sleep 2"]) }
        try await Task.sleep(for: .milliseconds(600))
        // A native one, and then one more of its own.
        for (name, text) in [
            ("plain", ""), ("more", "backend: docker\ndocker: { image: \"\(DockerEngine.busybox)\" }\n"),
        ] {
            try policies.write("\(name).yaml", "version: 1\nextends: default\n\(text)")
            let reload = try Ran(sandboxctl: ["reload", "--socket", service.socket])
            #expect(reload.status == 0, "\(reload)")
            #expect(try await reason(client, name) == .exited)
            #expect(try await reason(client) == .exited)
        }
        #expect(try await running.value == .exited)
        #expect(try service.launcherChild(named: "sandbox-docker") == broker)
    }

    @Test func `a preparer that is killed leaves it alone`() async throws {
        let service = try service()
        let client = try await service.client()
        #expect(try await reason(client) == .exited)
        let broker = try service.launcherChild(named: "sandbox-docker")
        // The preparer has the launcher's name.
        kill(try service.launcherChild(named: "sandbox-launch"), SIGKILL)
        #expect(try await reason(client) == .exited)
        #expect(try service.launcherChild(named: "sandbox-docker") == broker)
    }
}
