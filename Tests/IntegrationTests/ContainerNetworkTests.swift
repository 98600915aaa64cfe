import Glibc
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// `docker.network`, with an engine whose bridges are in a network namespace of its own.
@Suite(.needs(.root), .needs(.docker))
struct ContainerNetworkTests {
    @Test func `a named network is there, and only for the policy that names it`() async throws {
        let engine = try OwnEngine(hasNetwork: true)
        _ = try engine.ask(
            "POST", "/networks/create",
            body: #"{"Name": "lab", "IPAM": {"Config": [{"Subnet": "10.77.0.0/24", "Gateway": "10.77.0.1"}]}}"#)
        try engine.directory.write("page", "of the network")
        let server = try engine.start(
            ["/usr/bin/python3", "-m", "http.server", "8080", "--bind", "10.77.0.1", "-d", engine.directory.path])
        defer {
            kill(server.pid, SIGKILL)
            server.wait()
        }
        let files = TemporaryDirectory()
        let image = "image: \"\(DockerEngine.busybox)\""
        for (name, docker) in [("boxed", image), ("joined", "\(image), network: lab")] {
            try files.write("\(name).yaml", "version: 1\nextends: default\nbackend: docker\ndocker: { \(docker) }\n")
        }
        let service = try ServiceFixture(options: [
            "--policy-file", "\(files.path)/boxed.yaml", "--policy-file", "\(files.path)/joined.yaml",
            "--docker-socket", engine.socket,
        ])
        let client = try await service.client()
        let script = "for n in 1 2 3 4 5; do echo 'GET /page' | nc 10.77.0.1 8080 && break; sleep 1; done 2>&1"
        func said(_ policy: String) async throws -> String {
            try await client.run(RunRequest(argv: ["/bin/sh", "-c", script], policy: policy)).outputText
        }
        #expect(try await said("joined") == "of the network")
        #expect(
            try await said("boxed").split(separator: "\n").last
                == "nc: can't connect to remote host (10.77.0.1): Permission denied")
    }
}
