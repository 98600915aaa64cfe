import Foundation
import Glibc
import LinuxSystem
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// An engine of this test's own that is killed and started again. Its containerd is a service of its own and goes on, as with Debian's
/// packages.
private final class OwnEngine {
    let directory = TemporaryDirectory()
    private let containerd: StartedProgram
    private var dockerd: StartedProgram?
    private var log: String { "\(directory.path)/log" }
    var socket: String { "\(directory.path)/docker.sock" }

    init() throws {
        chmod(directory.path, 0o711)
        let path = directory.path
        try directory.write(
            "containerd.toml",
            """
            version = 2
            root = "\(path)/containers"
            state = "\(path)/state"
            disabled_plugins = ["io.containerd.grpc.v1.cri"]
            [grpc]
            address = "\(path)/containerd.sock"
            """)
        // Mounts of its own, as Tests/Docker/with-engine.sh has them.
        containerd = try Self.started(
            [
                "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
                "[ ! -d /run/containerd ] || mount -t tmpfs tmpfs /run/containerd; exec \"$@\"", "sh",
                "/usr/bin/containerd", "--config", "\(path)/containerd.toml",
            ], log: "\(path)/log")
        try start()
        let images = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Docker/images.sh").path
        let ran = try Ran([images, path, socket, "busybox"])
        guard ran.status == 0 else { throw FixtureError.text("images.sh: \(ran.errors)") }
    }

    private static func started(_ arguments: [String], log: String) throws -> StartedProgram {
        let log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { for descriptor in [log, null] { close(descriptor) } }
        return try StartedProgram(
            arguments, environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], descriptors: [null, log, log])
    }

    func start() throws {
        for _ in 0..<300 where !directory.has("containerd.sock") { usleep(50_000) }
        dockerd = try Self.started(
            [
                "/usr/bin/nsenter", "--mount=/proc/\(containerd.pid)/ns/mnt", "/usr/sbin/dockerd",
                "--containerd", "\(directory.path)/containerd.sock",
                "--data-root", "\(directory.path)/data", "--exec-root", "\(directory.path)/exec",
                "--pidfile", "\(directory.path)/pid", "--host", "unix://\(socket)", "--group", "root", "--bridge",
                "none", "--iptables=false", "--ip-forward=false", "--ip-masq=false", "--log-level", "warn",
            ], log: log)
        for _ in 0..<300 {
            if (try? containers()) != nil { return }
            usleep(100_000)
        }
        throw FixtureError.text("dockerd does not answer: \((try? directory.read("log")) ?? "")")
    }

    /// Its containers go on, and nobody serves them.
    func kill() {
        guard let dockerd else { return }
        Glibc.kill(dockerd.pid, SIGKILL)
        dockerd.wait()
        self.dockerd = nil
    }

    /// Containers of the test's policy.
    func containers() throws -> [Substring] {
        let filter = "%7B%22label%22%3A%5B%22io.sandboxd.policy%3Dboxed%22%5D%7D"
        let ran = try Ran([
            "/usr/bin/curl", "-sf", "--globoff", "--max-time", "10", "--unix-socket", socket,
            "http://docker/containers/json?all=true&filters=\(filter)",
        ])
        guard ran.status == 0 else { throw FixtureError.text("the engine does not answer") }
        return ran.output.split(separator: "{").filter { $0.hasPrefix("\"Id\"") }
    }

    deinit {
        for program in [dockerd, containerd] {
            guard let program else { continue }
            Glibc.kill(program.pid, SIGTERM)
            program.wait()
        }
    }
}

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

    @Test(arguments: moments)
    func `the engine is killed`(_ moment: Int) async throws {
        let service = try service()
        let client = try await service.client()
        _ = try await client.verify(policy: "boxed")
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
        let client = try await service.client()
        _ = try await client.verify(policy: "boxed")
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
            let client = try await service.client()
            _ = try await client.verify(policy: "boxed")
            let answer = Task { await Self.told(client, ["/bin/sh", "-c", "echo up; sleep 2"]) }
            try await Task.sleep(for: .milliseconds(moment))
            engine.kill()
            kill(service.daemon.pid, SIGKILL)
            _ = await answer.value
        }
        try engine.start()
        let then = try engine.containers().count
        let next = try service()
        let client = try await next.client()
        _ = try await client.verify(policy: "boxed")
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
