import SandboxModel
import SandboxPolicy
import Testing

@Suite("Inheritance")
struct InheritanceTests {
    @Test("a child's keys replace, lists too; limits and variables one by one")
    func merge() throws {
        let set = try load([
            "base": minimal + "environment: { pass: [A, B], set: { X: \"1\", Y: \"2\" } }\ncommands: { deny: [rm] }\n",
            "child":
                "version: 1\nextends: base\nlimits: { memory: 2MiB }\nenvironment: { pass: [C], set: { Y: \"3\" } }\n",
        ])
        let child = try #require(set["child"])
        #expect(child.limits.memoryBytes == 2 << 20)
        #expect(child.limits.wallMilliseconds == 10_000)
        #expect(try child.environment(requested: ["C": "c"]) == ["C=c", "X=1", "Y=3"])
        #expect(throws: EnvironmentRefusal.self) { try child.environment(requested: ["A": "a"]) }
        #expect(child.judge(argv: ["rm"]) != .allowed(rule: nil))
        #expect(child.origin(of: "limits.memory")?.description == "child.yaml:3")
        #expect(child.origin(of: "limits.timeout")?.description == "base.yaml:3")
        #expect(child.origin(of: "environment.set.X")?.description == "base.yaml:4")
        #expect(child.origin(of: "environment.set.Y")?.description == "child.yaml:4")
        #expect(child.origin(of: "network") == nil)
        #expect(child.origin(of: "no.such") == nil)
    }

    @Test("unknown parents, cycles, depth")
    func chains() {
        #expect(
            problems("version: 1\nextends: defualt\n") == ["2:10: 'extends': there is no policy 'defualt' (? default)"])
        #expect(problems("version: 1\nextends: bad\n") == ["2:10: 'extends': a policy cannot extend itself"])
        let cycle = problems([
            "a": "version: 1\nextends: b\n", "b": "version: 1\nextends: c\n", "c": "version: 1\nextends: a\n",
        ])
        #expect(cycle == ["2:10: 'extends': 'a' extends 'c' itself, by way of a, b, c"])
        let deep: (Int) -> [(name: String, contents: [UInt8])] = { count in
            (1...count).map { ("p\($0)", Array("version: 1\nextends: \($0 == 1 ? "default" : "p\($0 - 1)")\n".utf8)) }
        }
        #expect(throws: Never.self) { try PolicySet.load(files: deep(8), over: try builtIn.get()) }
        #expect(throws: PolicyErrors.self) { try PolicySet.load(files: deep(9), over: try builtIn.get()) }
    }

    @Test("a file takes the place of a built-in, for its children too, and not twice")
    func override() throws {
        let set = try load(["default": minimal.replacing("timeout: 10s", with: "timeout: 7s")])
        #expect(set["default"]?.limits.wallMilliseconds == 7000)
        #expect(set["shell"]?.origin(of: "filesystem.read")?.description == "default.yaml:2")
        #expect(set.names == ["build", "default", "deny-all", "python", "python-only", "readonly", "shell"])
        #expect(problems(["a": minimal, "a": minimal]) == ["1:1: there are two files for the policy 'a'"])
    }

    /// What a parent gives and marks final, a child that narrows it, one that widens it, and why that is refused.
    static let finals: [(parent: String, narrower: String, wider: String, reason: String)] = [
        (
            "", "limits: { memory: 1GiB }", "limits: { memory: 2GiB }",
            "'limits.memory' may only be narrowed: 2 GiB is more than 1 GiB"
        ),
        ("", "limits: { cpus: 2 }", "limits: { cpus: 2.5 }", "'limits.cpus' may only be narrowed: 2.5 is more than 2"),
        (
            "", "limits: { timeout: 1s }", "limits: { timeout: 11s }",
            "'limits.timeout' may only be narrowed: 11s is more than 10s"
        ),
        // Silence is 0 here: whoever sets one widens.
        (
            "", "limits: { swap: 0B }", "limits: { swap: 1MiB }",
            "'limits.swap' may only be narrowed: 1 MiB is more than 0 B"
        ),
        (
            "", "limits: { grace: 0s }", "limits: { grace: 1ms }",
            "'limits.grace' may only be narrowed: 1ms is more than 0s"
        ),
        // And no limit here.
        ("", "limits: { stdout: 9MiB, stderr: 1B, read-rate: 1TiB, write-rate: 64KiB, idle: 1h }", "", ""),
        ("", "workspace: { size: 1TiB, inodes: 2 }", "", ""),
        (
            "workspace: { size: 1MiB }", "workspace: { size: 1MiB }", "workspace: { size: 2MiB }",
            "'workspace.size' may only be narrowed: 2 MiB is more than 1 MiB"
        ),
        (
            "workspace: { inodes: 10 }", "workspace: { inodes: 9 }", "workspace: { inodes: 11 }",
            "'workspace.inodes' may only be narrowed: 11 is more than 10"
        ),
        ("network: loopback", "network: none", "", ""),
        (
            "network: none", "network: none", "network: loopback",
            "'network' may only be narrowed: 'loopback' is wider than 'none'"
        ),
        ("", "network: none", "network: loopback", "'network' may only be narrowed: 'loopback' is wider than 'none'"),
        (
            "workspace: { mode: read }", "workspace: { mode: none }", "workspace: { mode: write }",
            "'workspace.mode' may only be narrowed: 'write' is wider than 'read'"
        ),
        (
            "workspace: { execute: false }", "workspace: { execute: false }", "workspace: { execute: true }",
            "'workspace.execute' may only be narrowed: true is wider than false"
        ),
        (
            "workspace: { roots: [/srv] }", "workspace: { roots: [/srv/a] }", "workspace: { roots: [/srvx] }",
            "'workspace.roots' may only be narrowed: '/srvx' is added"
        ),
        (
            "", "filesystem: { read: [/usr/lib] }", "filesystem: { read: [/usr, /opt] }",
            "'filesystem.read' may only be narrowed: '/opt' is added"
        ),
        ("", "filesystem: { hide: [/usr/a] }", "", ""),
        (
            "environment: { pass: [\"LC_*\"] }", "environment: { pass: [\"LC_A*\", LC_ALL] }",
            "environment: { pass: [\"*\"] }", "'environment.pass' may only be narrowed: '*' is added"
        ),
        (
            "environment: { set: { A: x } }", "environment: { set: { A: x } }", "environment: { set: { A: z } }",
            "'environment.set' may only be narrowed: 'A' is changed"
        ),
        (
            "syscalls: { deny: [ptrace] }", "syscalls: { deny: [debug, bpf] }", "syscalls: { deny: [bpf] }",
            "'syscalls.deny' may only be narrowed: 'ptrace' would be allowed"
        ),
        (
            "syscalls: { deny: [debug] }", "syscalls: { allow: [kill] }", "syscalls: { allow: [ptrace] }",
            "'syscalls.deny' may only be narrowed: 'ptrace' would be allowed"
        ),
        (
            "syscalls: { allow: [kcmp] }", "syscalls: { allow: [] }", "syscalls: { allow: [acct] }",
            "'syscalls.allow' may only be narrowed: 'acct' would be allowed"
        ),
        (
            "syscalls: { allow: [host] }", "syscalls: { allow: [acct, syslog] }", "syscalls: { allow: [debug] }",
            "'syscalls.allow' may only be narrowed: 'kcmp' would be allowed"
        ),
        ("commands: { deny: [rm] }", "commands: { deny: [] }", "", ""),
        (
            "commands: { undecided: deny }", "commands: { undecided: deny }", "commands: { undecided: allow }",
            "'commands.undecided' may only be narrowed: 'allow' is wider than 'deny'"
        ),
        (
            "commands: { write-execute-memory: false }", "commands: { write-execute-memory: false }",
            "commands: { write-execute-memory: true }",
            "'commands.write-execute-memory' may only be narrowed: true is wider than false"
        ),
        ("", "commands: { execute: [/usr/bin/jq] }", "", ""),
        (
            "commands: { execute: [/usr/bin/, /bin/sh] }", "commands: { execute: [/usr/bin/jq, /usr/bin/sh] }",
            "commands: { execute: [/usr/lib/jq] }", "'commands.execute' may only be narrowed: '/usr/lib/jq' is added"
        ),
        (
            "commands: { execute: [/usr/bin/jq] }",
            "commands: { execute: [/usr/bin/jq], libraries: [/lib/x86_64-linux-gnu/x] }",
            "commands: { libraries: [/usr/lib] }", "'commands.libraries' may only be narrowed: '/usr/lib' is added"
        ),
        ("", "tenants: { users: [root] }", "", ""),
        (
            "tenants: { users: [root, 12] }", "tenants: { users: [12] }", "tenants: { users: [\"0\"] }",
            "'tenants.users' may only be narrowed: '0' is added"
        ),
        (
            "tenants: { groups: [staff] }", "tenants: { groups: [] }", "tenants: { users: [root] }",
            "'tenants.users' may only be narrowed: 'root' is added"
        ),
        (
            "commands: { allow: [ls, cat] }", "commands: { allow: [ls] }", "commands: { allow: [sh] }",
            "'commands.allow' may only be narrowed: the rule for 'sh' is added"
        ),
        ("", "commands: { allow: [ls] }", "", ""),
    ]

    @Test("final: only narrower", arguments: finals.indices)
    func final(index: Int) {
        let (parent, narrower, wider, reason) = Self.finals[index]
        let everything =
            "final: [backend, filesystem, workspace, commands, environment, network, syscalls, "
            + "limits, tenants]\n"
        let base = minimal.replacing("filesystem:", with: "\(parent)\nfilesystem:") + everything
        // A base with its own `filesystem` is the minimal one.
        #expect(problems(["base": base, "child": "version: 1\nextends: base\n\(narrower)\n"]) == [])
        guard !wider.isEmpty else { return }
        let found = problems(["base": base, "child": "version: 1\nextends: base\n\(wider)\n"])
        #expect(found.count == 1)
        #expect(found.first?.contains("\(reason) (final in base.yaml:5") == true, "\(found)")
        // A key of its own is not enough: without `final` the same child is fine.
        let open = base.replacing(everything, with: "")
        #expect(problems(["base": open, "child": "version: 1\nextends: base\n\(wider)\n"]) == [])
    }

    @Test("final: each limit that only some policies have", arguments: ["stdout", "stderr", "read-rate", "write-rate"])
    func finalLimits(key: String) {
        let base = minimal.replacing("timeout: 10s", with: "timeout: 10s, \(key): 1MiB") + "final: [limits]\n"
        func found(_ amount: String) -> [String] {
            problems(["base": base, "child": "version: 1\nextends: base\nlimits: { \(key): \(amount) }\n"])
        }
        #expect(found("1MiB") == [] && found("64KiB") == [])
        #expect(found("2MiB").map { $0.contains("'limits.\(key)' may only be narrowed: 2 MiB") } == [true])
    }

    @Test("system calls: each of the two lists can be final by itself")
    func systemCalls() {
        let base = minimal + "syscalls: { allow: [acct], deny: [debug] }\nfinal: [syscalls.KEY]\n"
        func found(_ key: String, _ lines: String) -> [String] {
            problems([
                "base": base.replacing("KEY", with: key), "own": "version: 1\nextends: base\nsyscalls: { \(lines) }\n",
            ])
        }
        // What `deny` refuses stays refused; `allow` is open.
        #expect(found("deny", "allow: [acct, syslog]") == [])
        #expect(
            found("deny", "allow: [ptrace]").map { $0.contains("'ptrace' would be allowed (final in base.yaml:5)") }
                == [true])
        #expect(found("deny", "deny: [ptrace]").count == 1)
        #expect(found("deny", "deny: [debug, sync]") == [])
        // Nothing may come by `allow`; that `deny` refuses less is another matter.
        #expect(found("allow", "deny: []") == [])
        #expect(found("allow", "allow: [acct, syslog]").map { $0.contains("'syslog' would be allowed") } == [true])
        #expect(found("allow", "allow: [acct, ptrace]").map { $0.contains("'ptrace' would be allowed") } == [true])
        #expect(found("allow", "allow: []") == [])
    }

    @Test("final holds for grandchildren, by key or by section")
    func grandchildren() {
        let base = minimal + "final: [limits.memory]\n"
        let found = problems([
            "base": base, "middle": "version: 1\nextends: base\nlimits: { memory: 2MiB, processes: 9 }\n",
            "leaf": "version: 1\nextends: middle\nlimits: { memory: 3MiB }\n",
        ])
        #expect(
            found == [
                "3:11: 'limits.memory' may only be narrowed: 3 MiB is more than 2 MiB (final in base.yaml:4, its value is "
                    + "from middle.yaml:3)"
            ])
    }
}
