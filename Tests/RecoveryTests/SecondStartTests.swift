import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

#if SANDBOX_FAULTS
    /// One service has its directory to itself, whoever made its socket; and what a service that is dead has left does not keep
    /// the next one from starting.
    @Suite(.needs(.root), .needs(.cgroup), .enabled(if: Programs.haveFaults), .serialized)
    struct SecondStartTests {
        private let sandboxd = BuiltProducts.path("sandboxd")

        /// Its status and what it said.
        private func start(_ arguments: [String], given socket: Int32? = nil) throws -> (status: Int32, log: String) {
            let directory = TemporaryDirectory()
            let log = open("\(directory.path)/log", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
            defer {
                close(log)
                close(null)
            }
            // What a service manager gives; the number of the process is known to nobody else before.
            let script = socket == nil ? "exec \"$0\" \"$@\"" : "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\""
            let program = try StartedProgram(
                ["/bin/sh", "-c", script, sandboxd] + arguments,
                descriptors: [null, log, log] + (socket.map { [$0] } ?? []))
            // One that is not refused would go on for ever.
            for _ in 0..<10_000 where (try? wholeFile("/proc/\(program.pid)/stat"))?.contains(") Z ") == false {
                usleep(1000)
            }
            kill(program.pid, SIGTERM)
            return (program.wait(), try directory.read("log"))
        }

        @Test func `with the same socket, another one beside it, or one of a service manager's`() async throws {
            let service = try await RecoveringService()
            let other = "\(service.directory.path)/other.sock"
            let listening = try Self.listener(at: "\(service.directory.path)/given.sock")
            defer { close(listening) }
            for (arguments, given) in [
                (["--socket", service.socket], nil), (["--socket", other], nil), (["--socket", other], listening),
            ] as [([String], Int32?)] {
                let (status, log) = try start(arguments, given: given)
                #expect(status == 69, "\(arguments): \(log)")
                #expect(
                    log.contains("another sandboxd (pid \(service.daemon.pid)) serves in \(service.directory.path)"),
                    "\(log)")
            }
            #expect(try await service.client().run("echo", "still here").outputText == "still here\n")
        }

        @Test func `in another directory, and for one call, is none`() async throws {
            let first = try await RecoveringService()
            let second = try await RecoveringService()
            #expect(try await first.client().run("echo", "first").outputText == "first\n")
            #expect(try await second.client().run("echo", "second").outputText == "second\n")
            let null = open("/dev/null", O_RDWR | O_CLOEXEC)
            defer { close(null) }
            let standalone = try StartedProgram(
                [BuiltProducts.path("sandboxctl"), "exec", "--standalone", "--", "true"],
                descriptors: [null, null, null])
            #expect(standalone.wait() == 0)
        }

        /// Whoever is killed does not end at once; his successor, started in the same moment, waits for nobody's word.
        @Test func `after a kill is served at once, twenty times in a row`() async throws {
            let service = try await RecoveringService(["--warm", "2"])
            for round in 1...20 {
                kill(service.daemon.pid, SIGKILL)
                if round.isMultiple(of: 2) { kill(service.launcher, SIGKILL) }
                _ = try await service.waitForEnd()
                try service.restart()
                #expect(try await service.client().run("echo", "\(round)").outputText == "\(round)\n")
                try await service.becomeIdle()
            }
            let footprint = try await service.warm(2)
            #expect(footprint.abandoned.isEmpty, "\(footprint)")
        }

        private static func listener(at path: String) throws -> Int32 {
            let socket = try UnixSocket.bound(SOCK_STREAM, at: path)
            try system("listen") { listen(socket, 16) }
            return socket
        }
    }
#endif
