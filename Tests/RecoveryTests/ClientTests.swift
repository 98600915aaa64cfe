import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

#if SANDBOX_FAULTS
    /// What clients are told when who serves them is killed in the middle of a run.
    @Suite(.needs(.root), .needs(.cgroup), .enabled(if: Programs.haveFaults), .serialized)
    struct ClientTests {
        enum Killed: CaseIterable {
            case sandboxd, launcher
        }

        private func kill(_ killed: Killed, of service: RecoveringService) {
            Glibc.kill(killed == .sandboxd ? service.daemon.pid : service.launcher, SIGKILL)
        }

        @Test(arguments: Killed.allCases)
        func `the library throws a temporary error, or says that the run is lost`(_ killed: Killed) async throws {
            let service = try await RecoveringService()
            let client = try await service.client()
            let run = try await client.start(RunRequest(argv: ["sh", "-c", "echo up; sleep 60"]))
            var reason: Outcome.Reason?
            var error: ServiceError?
            do {
                for try await event in run.events {
                    if case .standardOutput = event { kill(killed, of: service) }
                    if case .result(let result) = event { reason = result.outcome.reason }
                }
            } catch let thrown as ServiceError {
                error = thrown
            }
            switch killed {
            case .sandboxd:
                #expect(error?.code == .notConnected && error?.category == .temporary, "\(error as Any)")
            case .launcher: #expect(reason == .lost, "\(error as Any)")
            }
            // Whoever asks this connection for more is told the same, or why it ended.
            let next = await #expect(throws: ServiceError.self) { try await client.run("true") }
            #expect(next?.category == .temporary, "\(next as Any)")
            let codes: [ServiceError.Code] =
                killed == .sandboxd ? [.notConnected] : [.launcherGone, .draining, .notConnected]
            #expect(next.map { codes.contains($0.code) } == true, "\(next as Any)")
        }

        @Test(arguments: Killed.allCases)
        func `sandboxctl says so in one line and exits with 125`(_ killed: Killed) async throws {
            let service = try await RecoveringService()
            let directory = TemporaryDirectory()
            let output = try system("open") { open("\(directory.path)/out", O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
            let errors = try system("open") { open("\(directory.path)/err", O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
            let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
            defer { for descriptor in [output, errors, null] { close(descriptor) } }
            let program = try StartedProgram(
                [
                    BuiltProducts.path("sandboxctl"), "exec", "--socket", service.socket, "--", "sh", "-c",
                    "echo up; sleep 60",
                ],
                descriptors: [null, output, errors])
            #expect(try await eventually { try directory.read("out") == "up\n" })
            kill(killed, of: service)
            #expect(program.wait() == 125)
            let expected =
                switch killed {
                case .sandboxd: "sandboxctl: sandboxd closed the connection\n"
                case .launcher: "sandboxctl: lost: the launcher died; how the command ended is not known\n"
                }
            #expect(try directory.read("err") == expected)
        }
    }
#endif
