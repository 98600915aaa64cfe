import SandboxClient
import SandboxModel
import SandboxTestSupport
import Testing

/// What `policies/tests` asks of the built-in policies' text, asked of the kernel.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct BuiltInPolicyTests {
    private let service: ServiceFixture
    private let workspace = TemporaryDirectory()

    init() throws { service = try ServiceFixture() }

    private func run(_ policy: String, _ argv: [String]) async throws -> RunOutput {
        try await service.client().run(RunRequest(argv: argv, policy: policy, workspace: workspace.path))
    }

    @Test func `python-only starts Python and no other program`() async throws {
        let script = """
            import subprocess, sys, sqlite3, ssl, multiprocessing
            open("made", "w").write("x")
            print(subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True).stdout.strip())
            for program in ["/bin/sh", "/usr/bin/sort", "/proc/self/root/usr/bin/sort"]:
                try:
                    print(subprocess.run([program]).returncode)
                except PermissionError:
                    print("refused")
            """
        let output = try await run("python-only", ["python3", "-c", script])
        #expect(output.outputText == "42\nrefused\nrefused\nrefused\n", "\(output.outputText)\(output.errorText)")
        #expect(workspace.has("made"))
        #expect(output.result.denials.contains { $0.kind == .exec && $0.rule.hasPrefix("python-only.yaml:") })
    }

    @Test func `readonly reads the workspace and leaves it as it is`() async throws {
        try workspace.write("text", "here\n")
        let script = "cat text; touch new 2>/dev/null && echo wrote; cp /bin/true /tmp/x && /tmp/x || echo refused"
        let output = try await run("readonly", ["sh", "-c", script])
        #expect(output.outputText == "here\nrefused\n", "\(output.errorText)")
        #expect(!workspace.has("new"))
    }

    @Test func `build compiles, runs what it built, and talks to a server of its own`() async throws {
        try workspace.write("main.c", "#include <stdio.h>\nint main(void) { puts(\"built\"); return 0; }\n")
        let server = """
            import http.server, threading, urllib.request
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            print(urllib.request.urlopen("http://127.0.0.1:%d/main.c" % server.server_port).status)
            """
        try workspace.write("server.py", server)
        let output = try await run("build", ["sh", "-c", "cc -o app main.c && ./app && python3 server.py 2>/dev/null"])
        #expect(output.outputText == "built\n200\n", "\(output.errorText)")
    }

    @Test func `deny-all runs nothing`() async throws {
        let output = try await run("deny-all", ["true"])
        #expect(
            output.result.outcome.reason == .denied
                && output.result.denials.first?.rule.hasPrefix("deny-all.yaml:") == true)
    }
}
