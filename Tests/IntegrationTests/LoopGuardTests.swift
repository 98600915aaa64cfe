import Glibc
import SandboxClient
import SandboxModel
import SandboxTestSupport
import SandboxWire
import Testing

/// What clients and commands could do to everybody's loop, and what must not keep anybody waiting.
@Suite(.needs(.root), .needs(.cgroup), .needs(.programs), .serialized)
struct LoopGuardTests {
    /// Both hold a pipe's lock while they wait for the other end, and sandboxd, which asks that pipe, would wait with them.
    @Test func `calls that hold a pipe's lock are not made`() async throws {
        let service = try ServiceFixture(options: ["--only-policy", "default"])
        let client = try await service.client()
        let script = """
            import os, socket
            pair = socket.socketpair()
            for call in lambda: os.splice(pair[0].fileno(), 1, 4096), lambda: os.sendfile(1, pair[0].fileno(), None, 4096):
                try: call()
                except OSError as error: os.write(2, b'%d ' % error.errno)
            """
        let output = try await client.run(
            RunRequest(argv: ["python3", "-ISc", script], limits: Limits(wallMilliseconds: 5000)))
        #expect(output.errorText == "22 22 ", "\(output)")
    }

    /// Each packet of a pipe in packet mode is a frame; thousands wait when the client closes, and all of them fail at once.
    @Test func `a client that closes on thousands of frames ends nobody but itself`() async throws {
        let service = try ServiceFixture(options: ["--only-policy", "default"])
        let script = """
            import os, fcntl, threading
            def write(fd):
                while True: os.write(fd, b'x')
            for fd in 1, 2:
                fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_DIRECT)
                threading.Thread(target=write, args=(fd,)).start()
            """
        for _ in 0..<2 {
            do {
                let wire = try WireClient(service)
                for channel in 0..<4 as Range<UInt32> {
                    let request = RunRequest(
                        argv: ["python3", "-ISc", script], limits: Limits(wallMilliseconds: 20_000))
                    try wire.send(.run(channel: channel, request: request, window: nil))
                }
                // It reads nothing, and ends here.
                try await Task.sleep(for: .seconds(2))
                withExtendedLifetime(wire) {}
            }
            try await Task.sleep(for: .milliseconds(300))
            #expect(try await service.client().run("true").result.outcome.code == 0)
        }
    }

    @Test func `policies that have no place in the pool are served all the same`() async throws {
        let service = try ServiceFixture(options: ["--warm", "1"])
        let client = try await service.client()
        for _ in 0..<3 {
            try await withThrowingTaskGroup(of: RunOutput.self) { group in
                for policy in ["default", "shell", "readonly", "default", "build"] {
                    group.addTask { try await client.run(RunRequest(argv: ["true"], policy: policy)) }
                }
                for try await output in group { #expect(output.result.outcome.code == 0, "\(output.result)") }
            }
        }
    }
}
