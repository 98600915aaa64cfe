import SandboxPolicy
import Testing

@Suite("Explain")
struct ExplainTests {
    @Test(
        "paths of the built-in python policy",
        arguments: [
            ("/usr/bin/python3", PathAccess.read, true), ("/usr/bin/python3", .execute, true),
            ("/usr/bin/python3", .write, false),
            ("/bin/sh", .execute, true), ("/lib64/ld-linux-x86-64.so.2", .read, true), ("/etc/shadow", .read, false),
            ("/etc/passwd", .read, true), ("/etc/passwd", .write, false), ("/etc/hosts", .execute, false),
            ("/tmp/x", .write, true),
            ("/tmp/x", .execute, false), ("/dev/shm/x", .write, true), ("/dev/null", .write, true),
            ("/dev/sda", .read, false),
            ("/proc/self/status", .read, true), ("/proc/sys/kernel/core_pattern", .write, false),
            ("/workspace/a.py", .write, true),
            ("a.py", .write, true), ("/sandbox/workspace/a", .execute, false),
            ("/workspace/../etc/shadow", .read, false),
            ("../../etc/shadow", .read, false), ("/", .read, true), ("/", .write, false), ("/etc", .read, true),
            ("/home/me/.ssh/id_rsa", .read, false), ("/usrx", .read, false), ("/workspacex", .read, false),
        ] as [(String, PathAccess, Bool)])
    func paths(path: String, access: PathAccess, allowed: Bool) throws {
        let python = try #require(try builtIn.get()["python"])
        let explanation = python.explain(path: path, access: access)
        #expect(explanation.allowed == allowed, "\(explanation.text)")
        #expect(!explanation.text.isEmpty && !explanation.text.contains("\n"))
    }

    @Test("the sentence names the rule and a way out")
    func sentences() throws {
        let own = try policy("workspace: { mode: read, execute: true }\n")
        #expect(
            own.explain(path: "/etc/shadow", access: .read)
                == Explanation(
                    allowed: false, rule: SourceLocation(file: "own.yaml", line: 2, column: 15),
                    text: "/etc/shadow does not exist in this sandbox: only paths under filesystem.read (own.yaml:2), "
                        + "/tmp, /dev/shm, /proc, /dev and the workspace do"))
        #expect(
            own.explain(path: "a", access: .write).text
                == "/sandbox/workspace/a cannot be written (own.yaml:4): the workspace is read-only; write below /tmp")
        #expect(own.explain(path: "a", access: .execute).allowed)
        let none = try policy("")
        #expect(!none.explain(path: "/workspace/a", access: .read).allowed)
        #expect(!none.explain(path: "/etc/x", access: .read).text.contains("workspace do"))
    }

    @Test("hidden paths")
    func hidden() throws {
        let own = try #require(
            try load(["own": minimal.replacing("read: [/usr]", with: "read: [/usr], hide: [/usr/lib/secret]")])["own"])
        #expect(!own.explain(path: "/usr/lib/secret/x", access: .read).allowed)
        #expect(!own.explain(path: "/lib/secret", access: .read).allowed)
        #expect(own.explain(path: "/usr/lib/secrets", access: .read).allowed)
    }

    @Test("commands")
    func commands() throws {
        let own = try policy("commands: { deny: [{ program: rm, reason: why }] }\n")
        let denied = own.explain(argv: ["rm", "x"])
        #expect(!denied.allowed && denied.rule == SourceLocation(file: "own.yaml", line: 4, column: 20))
        #expect(denied.text == "policy own denies 'rm x' (own.yaml:4): why")
        let allowed = own.explain(argv: ["ls"])
        #expect(allowed.allowed && allowed.rule == nil)
        #expect(allowed.text == "policy own allows 'ls': no rule of commands.deny matches it")
        let only = try policy("commands: { allow: [ls] }\n")
        #expect(only.explain(argv: ["cat"]).rule == only.origin(of: "commands.allow"))
    }

    @Test(
        "connections",
        arguments: [
            ("localhost:80", true), ("127.0.0.1:8080", true), ("127.9.9.9:1", true), ("[::1]:443", true),
            ("LOCALHOST:80", true),
            ("example.org:443", false), ("10.0.0.1:22", false), ("127.0.0.1.evil.org:80", false), ("[::2]:80", false),
            ("localhost", false), ("localhost:0", false), ("localhost:65536", false), (":80", false), ("", false),
            ("::1:80", false),
        ])
    func connections(target: String, allowed: Bool) throws {
        #expect(try policy("network: loopback\n").explain(connect: target).allowed == allowed)
        #expect(try !policy("network: none\n").explain(connect: target).allowed)
        #expect(try !policy("").explain(connect: target).allowed)
    }
}
