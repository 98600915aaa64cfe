import Foundation
import Glibc
import LinuxSystem
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// An engine of this test's own that is killed and started again.
private final class OwnEngine {
    let directory = TemporaryDirectory()
    private var program: StartedProgram?
    var socket: String { "\(directory.path)/docker.sock" }

    init() throws {
        chmod(directory.path, 0o711)
        try start()
        let images = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Docker/images.sh").path
        let ran = try Ran([images, directory.path, socket, "busybox"])
        guard ran.status == 0 else { throw FixtureError.text("images.sh: \(ran.errors)") }
    }

    func start() throws {
        let log = open("\(directory.path)/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { for descriptor in [log, null] { close(descriptor) } }
        // As with-engine.sh starts it.
        let script = "[ ! -d /run/containerd ] || mount -t tmpfs tmpfs /run/containerd; exec \"$@\""
        program = try StartedProgram(
            [
                "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, "sh",
                "/usr/sbin/dockerd", "--data-root", "\(directory.path)/data", "--exec-root", "\(directory.path)/exec",
                "--pidfile", "\(directory.path)/pid", "--host", "unix://\(socket)", "--group", "root", "--bridge",
                "none", "--iptables=false", "--ip-forward=false", "--ip-masq=false", "--log-level", "warn",
            ], environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], descriptors: [null, log, log])
        for _ in 0..<300 {
            if (try? containers()) != nil { return }
            usleep(100_000)
        }
        throw FixtureError.text("dockerd does not answer: \((try? directory.read("log")) ?? "")")
    }

    /// Its shims, and with them its containers, go on.
    func kill() {
        guard let program else { return }
        Glibc.kill(program.pid, SIGKILL)
        program.wait()
        self.program = nil
        unlink("\(directory.path)/pid")
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
        if let program {
            Glibc.kill(program.pid, SIGTERM)
            program.wait()
        }
        // A killed one's containerd, whose command line names this directory and nobody else's.
        for entry in (try? Directory("/proc").entries()) ?? [] {
            guard let pid = Int32(entry), let line = try? wholeFile("/proc/\(pid)/cmdline"),
                line.contains("\(directory.path)/exec")
            else { continue }
            Glibc.kill(pid, SIGKILL)
        }
    }
}

/// The engine is killed at every moment of a run: the run goes on or ends, requests fail at once, by name and for a while, and
/// when it is there again so is the service, and no container is left.
@Suite(.needs(.root), .needs(.docker), .serialized)
struct EngineRecoveryTests {
    @Test(arguments: [0, 30, 100, 1200])
    func `the engine is killed`(_ moment: Int) async throws {
        let engine = try OwnEngine()
        let files = TemporaryDirectory()
        try files.write(
            "boxed.yaml",
            "version: 1\nextends: default\nbackend: docker\ndocker: { image: \"\(DockerEngine.busybox)\" }\n")
        let service = try ServiceFixture(options: [
            "--policy-file", "\(files.path)/boxed.yaml", "--docker-socket", engine.socket,
        ])
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
        #expect(moment < 1200 ? told == "exited" || told.hasSuffix(" temporary") : told == "exited", "\(told)")
        #expect(meanwhile.hasSuffix(" temporary") && took < .seconds(10), "\(meanwhile) after \(took)")
        try engine.start()
        var last = ""
        for _ in 0..<160 where last != "exited" {
            last = await Self.told(client, ["/bin/true"])
            if last != "exited" { try await Task.sleep(for: .milliseconds(250)) }
        }
        #expect(last == "exited")
        let isClean = try await eventually { try engine.containers().isEmpty }
        #expect(isClean, "\((try? engine.containers()) ?? [])")
        guard let path = getenv("SANDBOX_RECOVERY_TABLE").map({ String(cString: $0) }) else { return }
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        defer { close(file) }
        let line = "| the engine | \(moment) | \(told); another request meanwhile: \(meanwhile) | - | 0 | - |\n"
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
