import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport

/// A real sandboxd with a launcher, on a socket of its own, for as long as the fixture lives.
final class ServiceFixture: Sendable {
    let directory = TemporaryDirectory()
    let daemon: StartedProgram
    var socket: String { "\(directory.path)/sandboxd.sock" }

    init(options: [String] = []) throws {
        let path = "\(directory.path)/sandboxd.sock"
        // Its log is a file: a daemon that outlived its test would keep the test run's own output open.
        let log = open("\(directory.path)/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer {
            close(log)
            close(null)
        }
        daemon = try StartedProgram(
            [BuiltProducts.path("sandboxd"), "--socket", path, "--log-level", "info"] + options
                + Self.backendOptions(in: directory),
            descriptors: [null, log, log])
        for _ in 0..<1000 {
            if let descriptor = Self.connect(path) {
                close(descriptor)
                return
            }
            usleep(10_000)
        }
        throw FixtureError.text("sandboxd does not answer: \((try? directory.read("log")) ?? "")")
    }

    /// For tests in containers `default` is one, and what tests build on it.
    static func backendOptions(in directory: TemporaryDirectory) throws -> [String] {
        guard Backend.current == .docker else { return [] }
        try directory.write("default.yaml", try Backend.containerPolicy())
        // What it adds to `default` cannot be kept in an image.
        try directory.write("python-only.yaml", "version: 1\nextends: python\n")
        let files = ["default", "python-only"].flatMap { ["--policy-file", "\(directory.path)/\($0).yaml"] }
        return files + ["--docker-socket", DockerEngine.socket]
    }

    deinit {
        // Not SIGTERM: nobody waits for what a test has left running.
        kill(daemon.pid, SIGINT)
        daemon.wait()
    }

    /// A connected descriptor, or `nil` when nobody answers.
    static func connect(_ path: String) -> Int32? { try? UnixSocket.connected(SOCK_STREAM, to: path) }

    func client() async throws -> SandboxClient { try await SandboxClient.connect(socket: socket) }

    /// Waits until a sandbox of a policy waits for a request.
    func waitForWarm(_ policy: String, _ client: SandboxClient) async throws {
        for _ in 0..<500 {
            if try await client.serviceStats().warm?.waiting[policy] != nil { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw FixtureError.text("no sandbox of \(policy) is made ahead")
    }

    /// The launcher that this daemon has started.
    func launcherPid() throws -> Int32 {
        for entry in try Directory("/proc").entries() {
            guard let pid = Int32(entry), let status = try? wholeFile("/proc/\(pid)/stat") else { continue }
            let fields = status.split(separator: " ")
            if fields.count > 4, fields[1] == "(sandbox-launche)", Int32(fields[3]) == daemon.pid { return pid }
        }
        throw FixtureError.text("no launcher")
    }

    /// A child of the launcher's, by the beginning of its name.
    func launcherChild(named name: String) throws -> Int32 {
        let launcher = try launcherPid()
        let children = try wholeFile("/proc/\(launcher)/task/\(launcher)/children").split(separator: " ")
        for child in children.compactMap({ Int32($0) })
        where (try? wholeFile("/proc/\(child)/comm"))?.hasPrefix(name) == true { return child }
        throw FixtureError.text("no \(name) among \(children)")
    }
}

enum FixtureError: Error { case text(String) }

/// A program run to its end, with what it wrote.
struct Ran {
    var status: Int32
    var output: String
    var errors: String

    init(
        _ arguments: [String], input: String = "", environment: [String] = ["PATH=/usr/bin:/bin", "HOME=/root"]
    ) throws {
        let directory = TemporaryDirectory()
        try directory.write("in", input)
        let paths = ["in", "out", "err"].map { "\(directory.path)/\($0)" }
        let standard = [
            open(paths[0], O_RDONLY | O_CLOEXEC), open(paths[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0o600),
            open(paths[2], O_WRONLY | O_CREAT | O_CLOEXEC, 0o600),
        ]
        defer { for descriptor in standard { close(descriptor) } }
        status = try StartedProgram(arguments, environment: environment, descriptors: standard).wait()
        output = try directory.read("out")
        errors = try directory.read("err")
    }

    /// A program built with these tests, run by somebody who is not root and may not look into root's home, where the
    /// checkout can be: so a copy of it is run.
    init(asUser uid: UInt32, _ product: String, _ arguments: [String]) throws {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o755)
        // `sandboxctl` is two programs.
        let programs = [product, "\(product)-verbs"].map { BuiltProducts.path($0) }.filter { access($0, F_OK) == 0 }
        let copied = try Self(["/bin/cp"] + programs + [directory.path])
        guard copied.status == 0 else { throw FixtureError.text(copied.errors) }
        let script = """
            import os, sys
            os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
            os.execv(sys.argv[2], sys.argv[2:])
            """
        try self.init(
            ["/usr/bin/python3", "-c", script, "\(uid)", "\(directory.path)/\(product)"] + arguments)
    }

    /// `sandboxctl` as built with these tests.
    init(sandboxctl arguments: [String], input: String = "") throws {
        try self.init([BuiltProducts.path("sandboxctl")] + arguments, input: input)
    }
}
