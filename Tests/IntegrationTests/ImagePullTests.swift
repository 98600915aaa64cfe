import Foundation
import Glibc
import LinuxSystem
import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// `docker.pull: missing`, with an engine that fetches from a registry of the test's own.
@Suite(.needs(.root), .needs(.docker))
struct ImagePullTests {
    /// One repository, `tiny:1`: a busybox. Plain HTTP, which engines speak with registries of the local host.
    private final class Registry {
        let directory = TemporaryDirectory()
        private let program: StartedProgram
        let port: String
        var image: String { "127.0.0.1:\(port)/tiny:1" }

        /// - Parameter delay: seconds before a layer is given.
        init(delay: Int) throws {
            try directory.write("registry.py", Self.script)
            let log = open("\(directory.path)/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            defer { close(log) }
            program = try StartedProgram(
                ["/usr/bin/python3", "\(directory.path)/registry.py", directory.path, "\(delay)"],
                descriptors: [log, log, log])
            for _ in 0..<500 where !directory.has("port") { usleep(20_000) }
            guard directory.has("port") else { throw FixtureError.text(try directory.read("log")) }
            port = try directory.read("port")
        }

        deinit {
            kill(program.pid, SIGKILL)
            program.wait()
            _ = try? DockerEngine.ask("DELETE", "/images/\(image)?force=true")
        }

        /// Requests for layers.
        var fetches: Int { ((try? directory.read("log")) ?? "").split(separator: "\n").count { $0.contains("LAYER") } }

        func policy(_ image: String) throws -> String {
            let path = "\(directory.path)/pulled.yaml"
            try directory.write(
                "pulled.yaml",
                "version: 1\nextends: default\nbackend: docker\ndocker: { image: \"\(image)\", pull: missing }\n")
            return path
        }

        private static let script = """
            import gzip, hashlib, http.server, io, json, os, sys, tarfile, time
            directory, delay = sys.argv[1], int(sys.argv[2])
            tar = io.BytesIO()
            with tarfile.open(fileobj=tar, mode='w') as archive:
                archive.add('/bin/busybox', 'bin/busybox')
                for name in ['sh', 'echo']:
                    link = tarfile.TarInfo('bin/' + name)
                    link.type, link.linkname, link.mode = tarfile.SYMTYPE, 'busybox', 0o777
                    archive.addfile(link)
                # Each test's layer is another one: an engine keeps what it has.
                own = os.urandom(16)
                entry = tarfile.TarInfo('own')
                entry.size = len(own)
                archive.addfile(entry, io.BytesIO(own))
            digest = lambda data: 'sha256:' + hashlib.sha256(data).hexdigest()
            layer = gzip.compress(tar.getvalue(), 1)
            machine = {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(os.uname().machine, os.uname().machine)
            configuration = json.dumps({'architecture': machine, 'os': 'linux', 'config': {'Env': ['PATH=/bin']},
                'rootfs': {'type': 'layers', 'diff_ids': [digest(tar.getvalue())]}}).encode()
            kind = 'application/vnd.docker.distribution.manifest.v2+json'
            manifest = json.dumps({'schemaVersion': 2, 'mediaType': kind,
                'config': {'mediaType': 'application/vnd.docker.container.image.v1+json',
                    'size': len(configuration), 'digest': digest(configuration)},
                'layers': [{'mediaType': 'application/vnd.docker.image.rootfs.diff.tar.gzip',
                    'size': len(layer), 'digest': digest(layer)}]}).encode()
            class Handler(http.server.BaseHTTPRequestHandler):
                protocol_version = 'HTTP/1.1'
                def answer(self, status, body, kind='application/json'):
                    self.send_response(status)
                    self.send_header('Content-Type', kind)
                    self.send_header('Content-Length', str(len(body)))
                    self.send_header('Docker-Content-Digest', digest(body))
                    self.end_headers()
                    if self.command == 'GET':
                        self.wfile.write(body)
                def do_GET(self):
                    name = self.path.rsplit('/', 1)[-1]
                    if self.path == '/v2/':
                        self.answer(200, b'{}')
                    elif self.path.startswith('/v2/tiny/manifests/') and name in ['1', digest(manifest)]:
                        self.answer(200, manifest, kind)
                    elif self.path == '/v2/tiny/blobs/' + digest(configuration):
                        self.answer(200, configuration)
                    elif self.path == '/v2/tiny/blobs/' + digest(layer):
                        print('LAYER', file=sys.stderr, flush=True)
                        time.sleep(delay)
                        self.answer(200, layer, 'application/octet-stream')
                    else:
                        self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')
                do_HEAD = do_GET
            server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
            with open(directory + '/new', 'w') as file:
                file.write(str(server.server_port))
            os.rename(directory + '/new', directory + '/port')
            server.serve_forever()
            """
    }

    private static let environment = [
        "PATH=/usr/bin:/bin", "HOME=/root", "DOCKER_HOST=unix://\(DockerEngine.socket)",
    ]

    private func standalone(_ policy: String) -> [String] {
        [BuiltProducts.path("sandboxctl"), "exec", "--standalone", "--policy", policy, "--", "echo", "ran"]
    }

    @Test func `a daemon of one call waits until its image is there`() throws {
        let registry = try Registry(delay: 3)
        let ran = try Ran(standalone(try registry.policy(registry.image)), environment: Self.environment)
        #expect(ran.status == 0 && ran.output == "ran\n", "\(ran)")
        let lines = ran.errors.split(separator: "\n")
        #expect(
            lines.count == 1 && ran.errors.contains("'\(registry.image)' is not there and is being fetched"), "\(ran)")
        #expect(registry.fetches == 1)
        // It is there now.
        let again = try Ran(standalone(try registry.policy(registry.image)), environment: Self.environment)
        #expect(again.status == 0 && again.output == "ran\n" && again.errors.isEmpty, "\(again)")
    }

    @Test func `a daemon of one call tells why there is no image`() throws {
        let registry = try Registry(delay: 0)
        let image = "127.0.0.1:\(registry.port)/none:1"
        let ran = try Ran(standalone(try registry.policy(image)), environment: Self.environment)
        #expect(ran.status == 125 && ran.output.isEmpty, "\(ran)")
        #expect(ran.errors.contains("\(image), which was not fetched: "), "\(ran)")
        #expect(ran.errors.contains("manifest unknown") && !ran.errors.contains("try again"), "\(ran)")
    }

    @Test(arguments: [SIGINT, SIGKILL])
    func `who does not want to wait any longer leaves nobody behind`(_ signal: Int32) throws {
        let registry = try Registry(delay: 60)
        let directory = TemporaryDirectory()
        let output = open("\(directory.path)/out", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(output) }
        let exec = try StartedProgram(
            standalone(try registry.policy(registry.image)), environment: Self.environment,
            descriptors: [output, output, output])
        for _ in 0..<1000 where registry.fetches == 0 { usleep(20_000) }
        #expect(registry.fetches == 1)
        let daemon = try #require(Self.children(of: exec.pid).first)
        let begin = monotonicNanoseconds()
        kill(exec.pid, signal)
        let status = exec.wait()
        let said = try directory.read("out")
        #expect(status != 0, "\(said)")
        // A killed one's is waited for by nobody.
        for _ in 0..<1000 where kill(daemon, 0) == 0 { usleep(10_000) }
        #expect(kill(daemon, 0) == -1)
        #expect(monotonicNanoseconds() - begin < 10_000_000_000)
    }

    private static func children(of process: pid_t) throws -> [pid_t] {
        try wholeFile("/proc/\(process)/task/\(process)/children").split(separator: " ").compactMap { pid_t($0) }
    }

    @Test func `a service says when to come again, and runs what comes then`() throws {
        let registry = try Registry(delay: 3)
        let service = try ServiceFixture(options: [
            "--policy-file", try registry.policy(registry.image), "--docker-socket", DockerEngine.socket,
        ])
        func run() throws -> Ran {
            try Ran(sandboxctl: ["exec", "--socket", service.socket, "--policy", "pulled", "--", "echo", "ran"])
        }
        let first = try run()
        #expect(first.status == 125 && first.errors.contains("which is being fetched"), "\(first)")
        #expect(first.errors.hasSuffix("; try again in 5 s\n"), "\(first)")
        var last = first
        for _ in 0..<30 where last.status == 125 {
            usleep(1_000_000)
            last = try run()
        }
        #expect(last.status == 0 && last.output == "ran\n", "\(last)")
    }
}
