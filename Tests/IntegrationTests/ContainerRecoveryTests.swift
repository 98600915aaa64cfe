import Foundation
import Glibc
import LinuxSystem
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// Who makes, holds or uses containers is killed at every moment of a run: none outlives it, and the next run is served.
@Suite(.needs(.root), .needs(.docker), .serialized)
struct ContainerRecoveryTests {
    enum Victim: String, CaseIterable, Sendable {
        case client
        case broker = "sandbox-docker"
        case launcher
        case daemon = "sandboxd"
        case all = "all three"
    }

    /// Milliseconds after the request: its container is about to be made, is being made, is being started, runs its command.
    static let moments: [Int] = [0, 30, 100, 190, 1200]

    private static let policy = """
        version: 1
        extends: default
        backend: docker
        docker:
          image: \(DockerEngine.busybox)
        """

    /// A service whose only container policy is this test's: nothing is made ahead.
    private func service() throws -> (ServiceFixture, TemporaryDirectory) {
        let files = TemporaryDirectory()
        try files.write("boxed.yaml", Self.policy)
        let options = ["--policy-file", "\(files.path)/boxed.yaml", "--docker-socket", DockerEngine.socket]
        return (try ServiceFixture(options: options), files)
    }

    private func left() throws -> [String] { try DockerEngine.containers(labelled: "io.sandboxd.policy=boxed") }

    private func isNothingLeft(within seconds: Int) async throws -> Bool {
        for _ in 0..<(seconds * 10) {
            if try left().isEmpty { return true }
            try await Task.sleep(for: .milliseconds(100))
        }
        return try left().isEmpty
    }

    /// A request of its own thread, and what it came to.
    private func request(_ client: SandboxClient) -> Task<String, Never> {
        Task {
            do {
                let run = try await client.start(
                    RunRequest(argv: ["/bin/sh", "-c", "echo up; sleep 3"], policy: "boxed"))
                for try await event in run.events {
                    if case .result(let result) = event { return "\(result.outcome.reason)" }
                }
                return "nothing"
            } catch let error as ServiceError {
                return "\(error.code.rawValue) \(error.category.rawValue)"
            } catch {
                return "\(error)"
            }
        }
    }

    @Test(arguments: Victim.allCases, moments)
    func `none outlives its run`(_ victim: Victim, _ moment: Int) async throws {
        #expect(try await isNothingLeft(within: 10), "of an earlier test")
        var told = ""
        var leftThen = 0
        do {
            let (service, files) = try service()
            defer { withExtendedLifetime(files) {} }
            let client = try await service.client()
            _ = try await client.verify(policy: "boxed")
            let launcher = try service.launcherPid()
            let broker = try service.launcherChild(named: "sandbox-docker")
            let answer = request(client)
            try await Task.sleep(for: .milliseconds(moment))
            switch victim {
            case .client: client.close()
            case .broker: kill(broker, SIGKILL)
            case .launcher: kill(launcher, SIGKILL)
            case .daemon: kill(service.daemon.pid, SIGKILL)
            case .all: for pid in [broker, launcher, service.daemon.pid] { kill(pid, SIGKILL) }
            }
            leftThen = try left().count
            told = await answer.value
            if victim == .client || victim == .broker {
                // The service goes on.
                let second = try await service.client()
                var result: RunResult?
                for _ in 0..<40 where result == nil {
                    result = try? await second.run(RunRequest(argv: ["/bin/true"], policy: "boxed")).result
                    if result == nil { try await Task.sleep(for: .milliseconds(250)) }
                }
                #expect(result?.outcome.reason == .exited)
            }
        }
        let isClean = try await isNothingLeft(within: 5)
        let leftAlone = isClean ? 0 : try left().count
        // Whoever is started next clears away what nobody was left to.
        let (next, files) = try service()
        _ = try await next.client().verify(policy: "boxed")
        #expect(try await isNothingLeft(within: 10))
        let result = try await next.client().run(RunRequest(argv: ["/bin/true"], policy: "boxed")).result
        #expect(result.outcome.reason == .exited && result.backend == "docker")
        withExtendedLifetime(files) {}
        note(victim, moment, told, leftThen, leftAlone, try next.directory.read("log"))
    }

    /// A line of the table in Tests/Docker/README.md.
    private func note(_ victim: Victim, _ moment: Int, _ told: String, _ then: Int, _ alone: Int, _ log: String) {
        guard let path = getenv("SANDBOX_RECOVERY_TABLE").map({ String(cString: $0) }) else { return }
        let removed = log.split(separator: "\n").count { $0.contains("that a launcher that is no more has left") }
        let line = "| \(victim.rawValue) | \(moment) | \(told) | \(then) | \(alone) | \(removed) |\n"
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        defer { close(file) }
        _ = line.withCString { write(file, $0, strlen($0)) }
    }
}
