import Glibc
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// The engine is killed at every moment of a run: the run goes on or ends, requests fail at once, by name and for a while, and
/// when it is there again so is the service, and no container is left.
@Suite(.needs(.root), .needs(.docker), .serialized)
struct EngineRecoveryTests {
    static let moments = [0, 30, 100, 190, 1200]
    private let engine: OwnEngine
    private let files = TemporaryDirectory()

    init() throws {
        engine = try OwnEngine()
        try files.write(
            "boxed.yaml",
            "version: 1\nextends: default\nbackend: docker\ndocker: { image: \"\(DockerEngine.busybox)\" }\n")
    }

    private func service() throws -> ServiceFixture {
        try ServiceFixture(options: ["--policy-file", "\(files.path)/boxed.yaml", "--docker-socket", engine.socket])
    }

    private func proven(_ service: ServiceFixture) async throws -> SandboxClient {
        let client = try await service.client()
        _ = try await client.verify(policy: "boxed")
        return client
    }

    @Test(arguments: moments)
    func `the engine is killed`(_ moment: Int) async throws {
        let service = try service()
        let client = try await proven(service)
        let answer = Task { await Self.told(client, ["/bin/sh", "-c", "echo up; sleep 2"]) }
        try await Task.sleep(for: .milliseconds(moment))
        engine.kill()
        let began = ContinuousClock.now
        let meanwhile = await Self.told(client, ["/bin/true"])
        let took = ContinuousClock.now - began
        let told = await answer.value
        // What ran already does not need the engine.
        #expect(told == "exited" || moment < 1200 && told.hasSuffix(" temporary"), "\(told)")
        #expect(meanwhile == "engine_unavailable temporary" && took < .seconds(10), "\(meanwhile) after \(took)")
        try engine.start()
        let then = try engine.containers().count
        #expect(try await isServed(client))
        let isClean = try await eventually { try engine.containers().isEmpty }
        #expect(isClean, "\((try? engine.containers()) ?? [])")
        note("the engine", moment, "\(told); another request meanwhile: \(meanwhile)", then)
    }

    /// As it starts it ends all containers that run.
    @Test func `the engine is killed, and is there again while the command runs`() async throws {
        let service = try service()
        let client = try await proven(service)
        let answer = Task { await Self.told(client, ["/bin/sh", "-c", "echo up; sleep 60"]) }
        try await Task.sleep(for: .milliseconds(1200))
        engine.kill()
        try engine.start()
        let told = await answer.value
        #expect(told == "lost", "\(told)")
        #expect(try await isServed(client))
        let isClean = try await eventually { try engine.containers().isEmpty }
        #expect(isClean, "\((try? engine.containers()) ?? [])")
        note("the engine, there again at once", 1200, told, 0)
    }

    @Test(arguments: moments)
    func `the engine and sandboxd are killed`(_ moment: Int) async throws {
        do {
            let service = try service()
            let client = try await proven(service)
            let answer = Task { await Self.told(client, ["/bin/sh", "-c", "echo up; sleep 2"]) }
            try await Task.sleep(for: .milliseconds(moment))
            engine.kill()
            kill(service.daemon.pid, SIGKILL)
            _ = await answer.value
        }
        try engine.start()
        let then = try engine.containers().count
        let next = try service()
        let client = try await proven(next)
        #expect(try await isServed(client))
        let isClean = try await eventually { try engine.containers().isEmpty }
        #expect(isClean, "\((try? engine.containers()) ?? [])")
        let removed = try next.directory.read("log").split(separator: "\n").count {
            $0.contains("that a launcher that is no more has left")
        }
        note("the engine and sandboxd", moment, "-; removed by the next launcher: \(removed)", then)
    }

    private func isServed(_ client: SandboxClient) async throws -> Bool {
        for _ in 0..<160 {
            if await Self.told(client, ["/bin/true"]) == "exited" { return true }
            try await Task.sleep(for: .milliseconds(250))
        }
        return false
    }

    /// A line of the table in Tests/Docker/README.md: `then` are the containers that the engine lists when it is there again.
    private func note(_ victim: String, _ moment: Int, _ told: String, _ then: Int) {
        guard let path = getenv("SANDBOX_RECOVERY_TABLE").map({ String(cString: $0) }) else { return }
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        defer { close(file) }
        let line = "| \(victim) | \(moment) | \(told) | \(then) |\n"
        _ = line.withCString { write(file, $0, strlen($0)) }
    }

    private static func told(_ client: SandboxClient, _ argv: [String]) async -> String {
        do {
            return "\(try await client.run(RunRequest(argv: argv, policy: "boxed")).result.outcome.reason)"
        } catch let error as ServiceError {
            return "\(error.code.rawValue) \(error.category.rawValue)"
        } catch {
            return "\(error)"
        }
    }
}
