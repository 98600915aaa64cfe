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
        let sized = try policy("workspace: { mode: write, size: 4MiB }\n").explain(path: "/workspace/a", access: .write)
        #expect(sized.allowed && sized.text.hasSuffix("it is the workspace, 4 MiB at most"), "\(sized.text)")
        let both = try policy("workspace: { mode: write, roots: [~], size: 4MiB, inodes: 9 }\n")
            .explain(path: "/workspace/a", access: .write).text
        let quota = "; a directory of the host needs a project quota of at most this"
        #expect(both.hasSuffix("it is the workspace, 4 MiB and 9 files at most\(quota)"), "\(both)")
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

    @Test(
        "programs, by name and by the file that a name leads to",
        arguments: [
            ("/usr/bin/python3", true), ("/bin/python3", true), ("/usr/bin/python3.11", true), ("/usr/bin/py", true),
            ("/usr/bin/sh", false), ("/bin/sh", false), ("/opt/tools/x", true), ("/opt/tools", false),
            ("/usr/bin/link", false),
            ("/usr/bin/into", true), ("/tmp/python3", false), ("python3", false), ("/usr/bin/../bin/python3", true),
            ("/proc/self/exe", false), ("/etc/hosts", false),
        ])
    func programs(path: String, allowed: Bool) throws {
        let links = [
            "/usr/bin/python3": "/usr/bin/python3.11", "/usr/bin/py": "/usr/bin/python3.11",
            "/usr/bin/link": "/usr/bin/dash",
            "/usr/bin/into": "/opt/tools/y",
        ]
        let host = HostView(
            exists: { _ in true }, resolve: { links[$0] ?? $0 },
            accounts: Accounts(user: { _ in nil }, group: { _ in nil }))
        let text = minimal.replacing("read: [/usr]", with: "read: [/usr, /opt]")
        let lines = "workspace: { mode: read }\ncommands: { execute: [/usr/bin/python3, /opt/tools/] }\n"
        let own = try #require(try load(["own": text + lines])["own"])
        let explanation = own.explain(path: path, access: .execute, on: host)
        #expect(explanation.allowed == allowed, "\(explanation.text)")
        #expect(
            own.explain(argv: ["sh"], on: host).text
                == "/usr/local/bin/sh cannot be executed (own.yaml:5): commands.execute lists only /usr/bin/python3, /opt/tools/; use one of these"
        )
        #expect(own.explain(argv: ["/usr/bin/python3"], on: host).allowed)
        #expect(own.explain(path: "/usr/bin/sh", access: .read, on: host).allowed)
    }

    @Test(
        "system calls: what becomes of them and by which entry",
        arguments: [
            ("read", "allowed", nil, "files", "read of group files is allowed (base list)"),
            ("kcmp", "allowed", "own.yaml:4", "debug", "kcmp of group debug is allowed (kcmp, own.yaml:4)"),
            ("ptrace", "denied", "own.yaml:4", "debug", "ptrace of group debug fails with EPERM (debug, own.yaml:4)"),
            ("acct", "allowed", "own.yaml:4", "host", "acct of group host is allowed (host, own.yaml:4)"),
            ("userfaultfd", "denied", nil, "userfault", "userfaultfd of group userfault fails with EPERM (base list)"),
            (
                "bpf", "never", nil, "ebpf",
                "bpf fails with EPERM, and no policy can allow it (ebpf: programs in the kernel)"
            ),
            ("raed", "unknown", nil, nil, "'raed' is neither a system call nor a group of them; did you mean 'read'?"),
        ] as [(String, String, String?, String?, String)])
    func systemCalls(name: String, decision: String, rule: String?, group: String?, text: String) throws {
        let own = try policy("syscalls: { allow: [kcmp, host], deny: [debug] }\n")
        let found = own.explain(systemCall: name)
        #expect(found.decision.rawValue == decision && found.rule?.description == rule && found.group == group)
        #expect(found.text == text)
        #expect(found.allowed == (decision == "allowed"))
    }

    @Test("system calls with a condition, as if missing, and a whole group")
    func otherSystemCalls() throws {
        let own = try policy("syscalls: { deny: [debug] }\n")
        let clone = own.explain(systemCall: "clone")
        #expect(
            clone.decision == .conditional && clone.allowed && clone.text.contains("under a condition (base list): "))
        #expect(own.explain(systemCall: "clone3").decision == .missing)
        let debug = own.explain(systemCall: "debug")
        #expect(debug.decision == .denied && debug.rule?.description == "own.yaml:4")
        #expect(debug.text.contains("refused: ") && debug.text.contains("ptrace") && !debug.text.contains("allowed: "))
        #expect(own.explain(systemCall: "network-client").decision == .conditional)
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
