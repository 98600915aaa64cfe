import Foundation
import Glibc
import SandboxTestSupport
import Testing

/// The same race as the launcher's, through a whole service: an ordinary user asks over the public protocol while another
/// process of his exchanges his directory with a link to one of root's.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct WorkspaceRaceTests {
    private let directory = TemporaryDirectory()

    @Test func `a service with thousands of flips under it reaches nothing outside`() throws {
        let path = directory.path
        chmod(path, 0o755)
        for name in ["policies", "roots", "roots/w", "outside"] { try directory.makeDirectory(name) }
        for name in ["roots", "roots/w"] { chown("\(path)/\(name)", 4242, 4242) }
        try directory.write("roots/w/marker", "inside")
        try directory.write("outside/marker", "secret", mode: 0o666)
        chmod("\(path)/outside", 0o777)
        symlink("\(path)/outside", "\(path)/roots/l")
        lchown("\(path)/roots/l", 4242, 4242)
        let policy = """
            version: 1
            extends: default
            workspace: { roots: [\(path)/roots], mode: write }
            """
        try directory.write("policies/race.yaml", policy)
        let before = try outside()
        let service = try ServiceFixture(options: ["--policy-directory", "\(path)/policies", "--socket-mode", "0666"])
        chmod(service.directory.path, 0o755)
        let ran = try Ran(["/usr/bin/python3", "-c", Self.script, service.socket, "\(path)/roots"])
        #expect(ran.status == 0, "\(ran.errors)")
        let counts = ran.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        try #require(counts.count == 4, "\(ran.output)")
        print(
            "race through the service: \(counts[0]) flips, \(counts[1]) worked, \(counts[2]) refused, \(counts[3]) other"
        )
        #expect(counts[0] >= 10_000 && counts[1] > 0 && counts[2] > 0 && counts[3] == 0)
        #expect(try outside() == before)
    }

    private func outside() throws -> [String] {
        try ["outside", "outside/marker"].map { name in
            var status = stat()
            guard lstat("\(directory.path)/\(name)", &status) == 0 else { throw FixtureError.text(name) }
            let contents = name.hasSuffix("marker") ? try directory.read(name) : ""
            let entries =
                name == "outside"
                ? try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/\(name)") : []
            let (changed, modified) = (status.st_ctim, status.st_mtim)
            return "\(name) \(status.st_mode) \(status.st_uid) \(changed) \(modified) \(contents) \(entries)"
        }
    }

    /// Prints flips, and requests that saw the inside, that were refused as a request, and that did anything else.
    private static let script = """
        import ctypes, json, os, socket, struct, sys
        path, roots = sys.argv[1:]
        os.setgroups([]); os.setgid(4242); os.setuid(4242)
        libc = ctypes.CDLL(None, use_errno=True)
        a, b = (roots + "/w").encode(), (roots + "/l").encode()
        stop, told = os.pipe(), os.pipe()
        os.set_blocking(stop[0], False); os.set_blocking(told[0], False)
        flipper = os.fork()
        if flipper == 0:
            os.close(stop[1])
            count = 0
            while True:
                for _ in range(50):
                    if libc.renameat2(-100, a, -100, b, 2) != 0: os._exit(1)
                count += 50
                if count == 10000: os.write(told[1], b".")
                try:
                    if os.read(stop[0], 1) is not None: break
                except BlockingIOError: pass
            os.write(told[1], b"%d" % count)
            os._exit(0)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        stream = connection.makefile("rb")
        def send(kind, payload): connection.sendall(struct.pack(">IB", len(payload), kind) + payload)
        def receive():
            length, kind = struct.unpack(">IB", stream.read(5))
            return kind, stream.read(length)
        send(1, json.dumps({"type": "hello", "version": 1, "capabilities": []}).encode())
        receive()
        worked = refused = other = requests = 0
        enough = False
        while requests < 100000 and not (enough and requests >= 200 and worked >= 5 and refused >= 5):
            requests += 1
            request = {"argv": ["sh", "-c", "cat marker; echo > written" + str(requests)], "policy": "race",
                       "workspace": roots + "/w"}
            send(1, json.dumps({"type": "run", "channel": requests, "request": request}).encode())
            output = b""
            while True:
                kind, payload = receive()
                if kind in (3, 4): output += payload[4:]
                if kind != 1: continue
                message = json.loads(payload)
                if message["type"] == "result":
                    if output == b"inside": worked += 1
                    else:
                        other += 1
                        print(output, message, file=sys.stderr)
                    break
                if message["type"] == "error":
                    if message["error"]["code"].startswith("workspace"): refused += 1
                    else:
                        other += 1
                        print(message, file=sys.stderr)
                    break
            try: enough = enough or os.read(told[0], 1) is not None
            except BlockingIOError: pass
        os.set_blocking(told[0], True)
        os.write(stop[1], b"x")
        os.waitpid(flipper, 0)
        print(int(os.read(told[0], 32)), worked, refused, other)
        """
}
