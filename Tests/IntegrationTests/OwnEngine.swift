import Foundation
import Glibc
import LinuxSystem
import SandboxTestSupport

/// An engine of a test's own, to be killed and started again, or in a network of its own. Its containerd is a service of its own and goes on, as with Debian's
/// packages.
final class OwnEngine {
    let directory = TemporaryDirectory()
    private let containerd: StartedProgram
    private var dockerd: StartedProgram?
    /// Bridges, in a network namespace that the host has no part in.
    private let hasNetwork: Bool
    private var log: String { "\(directory.path)/log" }
    var socket: String { "\(directory.path)/docker.sock" }

    init(images: String = "busybox", hasNetwork: Bool = false) throws {
        chmod(directory.path, 0o711)
        self.hasNetwork = hasNetwork
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
                "/usr/bin/unshare", "--mount", hasNetwork ? "--net" : "--mount", "--propagation", "private", "/bin/sh",
                "-c",
                "[ ! -d /run/containerd ] || mount -t tmpfs tmpfs /run/containerd; exec \"$@\"", "sh",
                "/usr/bin/containerd", "--config", "\(path)/containerd.toml",
            ], log: "\(path)/log")
        try start()
        let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Docker/images.sh").path
        let ran = try Ran([script, path, socket, images])
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
                "/usr/bin/nsenter", "--mount=/proc/\(containerd.pid)/ns/mnt", "--net=/proc/\(containerd.pid)/ns/net",
                "/usr/sbin/dockerd",
                "--containerd", "\(directory.path)/containerd.sock",
                "--data-root", "\(directory.path)/data", "--exec-root", "\(directory.path)/exec",
                "--pidfile", "\(directory.path)/pid", "--host", "unix://\(socket)", "--group", "root",
                "--iptables=false", "--ip-forward=false", "--ip-masq=false", "--log-level", "warn",
            ] + (hasNetwork ? [] : ["--bridge", "none"]), log: log)
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

    /// A program in the engine's network; ended with it, at the latest.
    func start(_ arguments: [String]) throws -> StartedProgram {
        try Self.started(["/usr/bin/nsenter", "--net=/proc/\(containerd.pid)/ns/net"] + arguments, log: log)
    }

    /// An answer's body.
    func ask(_ method: String, _ path: String, body: String? = nil) throws -> String {
        let content = body.map { ["--header", "Content-Type: application/json", "--data-binary", $0] } ?? []
        let ran = try Ran(
            [
                "/usr/bin/curl", "-sf", "--globoff", "--max-time", "10", "--unix-socket", socket, "--request", method,
                "http://docker\(path)",
            ] + content)
        guard ran.status == 0 else { throw FixtureError.text("the engine does not answer \(path)") }
        return ran.output
    }

    /// Containers of a policy `boxed`.
    func containers() throws -> [Substring] {
        let filter = "%7B%22label%22%3A%5B%22io.sandboxd.policy%3Dboxed%22%5D%7D"
        return try ask("GET", "/containers/json?all=true&filters=\(filter)")
            .split(separator: "{").filter { $0.hasPrefix("\"Id\"") }
    }

    deinit {
        for program in [dockerd, containerd] {
            guard let program else { continue }
            Glibc.kill(program.pid, SIGTERM)
            program.wait()
        }
    }
}
