import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

/// sandboxd as a service manager starts it: with a socket that listens already, and somebody who wants to hear of it.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct ManagedServiceTests {
    @Test func `it serves the socket that it is given, says when, and leaves it behind`() async throws {
        let service = try ManagedService()
        #expect(try service.hears(within: 20).contains("READY=1"))
        let result = try await SandboxClient.connect(socket: service.path).run("echo", "through it")
        #expect(result.outputText == "through it\n")
        kill(service.daemon.pid, SIGTERM)
        #expect(try service.hears("STOPPING=1", within: 20))
        #expect(service.daemon.wait() == 0)
        // Clients wait there for the next one.
        let waiting = try #require(ServiceFixture.connect(service.path))
        close(waiting)
    }

    @Test func `the watchdog hears of a launcher that hangs, and of its return`() throws {
        let service = try ManagedService(environment: ["WATCHDOG_USEC=400000"])
        for _ in 1...3 { #expect(try service.hears("WATCHDOG=1", within: 20)) }
        let launcher = try service.launcherPid()
        kill(launcher, SIGSTOP)
        defer { kill(launcher, SIGCONT) }
        // One may be on its way.
        _ = try service.hears("WATCHDOG=1", within: 1)
        #expect(try !service.hears("WATCHDOG=1", within: 2))
        kill(launcher, SIGCONT)
        for _ in 1...3 { #expect(try service.hears("WATCHDOG=1", within: 20)) }
    }

    @Test func `what is meant for another process is not taken`() throws {
        let service = try ManagedService(environment: ["LISTEN_PID=1", "WATCHDOG_USEC=100000", "WATCHDOG_PID=1"])
        #expect(try service.hears(within: 20).contains("READY=1"))
        let own = try #require(ServiceFixture.connect("\(service.directory.path)/own.sock"))
        close(own)
        #expect(try !service.hears("WATCHDOG=1", within: 1))
    }

    @Test(arguments: ["2", "65"])
    func `more sockets than it serves are refused`(_ count: String) throws {
        let service = try ManagedService(environment: ["LISTEN_FDS=\(count)"])
        #expect([64, 71].contains(service.daemon.wait()))
    }

    @Test func `a socket that does not listen is refused`() throws {
        let service = try ManagedService(listens: false)
        #expect(service.daemon.wait() == 64)
        #expect(try service.directory.read("log").contains("one listening Unix stream socket"))
    }
}

/// A daemon, and its service manager's ends.
private final class ManagedService {
    let directory = TemporaryDirectory()
    let daemon: StartedProgram
    var path: String { "\(directory.path)/given.sock" }
    private let manager: Int32
    private let listener: Int32

    /// - Parameter environment: beside, and instead of, what is usual.
    init(environment: [String] = [], listens: Bool = true) throws {
        let given = try UnixSocket.bound(SOCK_STREAM, at: "\(directory.path)/given.sock")
        if listens { try system("listen") { listen(given, 16) } }
        listener = given
        manager = try UnixSocket.bound(SOCK_DGRAM, at: "\(directory.path)/notify.sock")
        let log = open("\(directory.path)/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer {
            close(log)
            close(null)
        }
        let usual = ["PATH=/usr/bin:/bin", "LISTEN_FDS=1", "NOTIFY_SOCKET=\(directory.path)/notify.sock"]
        let names = environment.map { $0.prefix { $0 != "=" } }
        // What a service manager knows and nobody else before: the number of the process.
        let script = names.contains("LISTEN_PID") ? "exec \"$0\" \"$@\"" : "LISTEN_PID=$$ exec \"$0\" \"$@\""
        daemon = try StartedProgram(
            ["/bin/sh", "-c", script, BuiltProducts.path("sandboxd"), "--socket", "\(directory.path)/own.sock"],
            environment: usual.filter { !names.contains($0.prefix { $0 != "=" }) } + environment,
            descriptors: [null, log, log, listener])
    }

    deinit {
        kill(daemon.pid, SIGTERM)
        daemon.wait()
        close(listener)
        close(manager)
    }

    /// The next thing that is told, as its lines; none when nothing is.
    func hears(within seconds: Double) throws -> [String] {
        var state = pollfd(fd: manager, events: Int16(POLLIN), revents: 0)
        guard poll(&state, 1, Int32(seconds * 1000)) > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = try system("hear") { recv(manager, &bytes, bytes.count, 0) }
        return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
    }

    func hears(_ line: String, within seconds: Double) throws -> Bool {
        let end = monotonicNanoseconds() + UInt64(seconds * 1e9)
        while true {
            let now = monotonicNanoseconds()
            guard now < end else { return false }
            if try hears(within: Double(end - now) / 1e9).contains(line) { return true }
        }
    }

    func launcherPid() throws -> Int32 {
        let children = try wholeFile("/proc/\(daemon.pid)/task/\(daemon.pid)/children")
        return try #require(children.split(separator: " ").compactMap { Int32($0) }.first)
    }
}
