import Glibc
import LinuxSystem
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// A network namespace may serve one sandbox after the other, as long as nothing at all is left in it.
@Suite(.needs(.root), .needs(.cgroup), .needs(.programs), .serialized)
struct NetworkReuseTests {
    private let service: ServiceFixture
    private let client: SandboxClient

    init() async throws {
        service = try ServiceFixture(options: ["--warm", "1", "--only-policy", "default"])
        client = try await service.client()
    }

    /// The namespace's number, after `body` has run in it.
    private func namespace(_ body: String = "", workspace: String? = nil) async throws -> String {
        try await service.waitForWarm("default", client)
        // SO_NETNS_COOKIE: the numbers in /proc/self/ns are given to new ones again.
        let cookie = "print(socket.socket(socket.AF_UNIX).getsockopt(socket.SOL_SOCKET, 71, 8).hex(), flush=True)"
        let script = "import os, socket\n\(cookie)\n\(body)"
        let output = try await client.run(
            RunRequest(argv: ["python3", "-ISc", script], workspace: workspace, limits: Limits()))
        #expect(
            output.result.outcome.code == 0,
            "\(output.result.outcome) \(String(decoding: output.standardError, as: UTF8.self))")
        return String(decoding: output.standardOutput, as: UTF8.self)
    }

    /// The namespaces of some runs that do no harm.
    private func following(_ count: Int) async throws -> [String] {
        var all: [String] = []
        for _ in 0..<count { all.append(try await namespace()) }
        return all
    }

    @Test func `what nobody has used serves again, and is nobody else's meanwhile`() async throws {
        let numbers = try await following(8)
        #expect(Set(numbers).count < numbers.count, "\(numbers)")
        // Two that live at once are in two.
        let first = Task { try await namespace("import time; time.sleep(2)") }
        try await Task.sleep(for: .milliseconds(700))
        let second = try await namespace()
        #expect(try await first.value != second)
    }

    @Test func `a datagram that was not even sent is enough to end it`() async throws {
        _ = try await following(3)
        let used = try await namespace(
            """
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            s.bind(('0.0.0.0', 4242))
            for to in '127.0.0.1', '255.255.255.255', '192.0.2.1':
                try: s.sendmsg([b'x'], [], 0, (to, 9))
                except OSError: pass
            """)
        #expect(!(try await following(6)).contains(used))
    }

    /// The command gives a listening socket away to a process of the host, who keeps it: whoever is in that namespace could be
    /// reached by it.
    @Test func `a socket that somebody outside holds ends it`() async throws {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o755)
        let keeper = try SocketKeeper("\(directory.path)/keeper")
        _ = try await following(3)
        let kept = try await namespace(
            """
            s = socket.socket(socket.AF_UNIX)
            s.bind('\\0left behind')
            s.listen(5)
            k = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            k.connect('keeper')
            socket.send_fds(k, [b'x'], [s.fileno()])
            """, workspace: directory.path)
        let isKept = keeper.keepDescriptor()
        #expect(isKept)
        let later = try await following(6)
        #expect(!later.contains(kept), "\(later)")
        let reached = try await namespace(
            """
            c = socket.socket(socket.AF_UNIX)
            try: c.connect('\\0left behind')
            except OSError: pass
            else: raise SystemExit('reached what another run has left')
            """)
        #expect(reached != kept)
    }
}

/// A socket by which a command can give something away.
private final class SocketKeeper {
    private let socket: OwnedDescriptor

    init(_ path: String) throws {
        socket = OwnedDescriptor(owning: try UnixSocket.bound(SOCK_DGRAM, at: path))
        chmod(path, 0o777)
    }

    /// Takes what came, and keeps it open; for the rest of this program.
    func keepDescriptor() -> Bool {
        guard let message = try? MessageSocket.receive(from: socket.number, maximum: 64, wait: false) else {
            return false
        }
        return message.descriptors.count == 1
    }
}
