import SandboxPolicy
import Testing

@Suite("Lint")
struct LintTests {
    private static let host = HostView(
        exists: { ["/usr", "/usr/bin", "/usr/bin/jq", "/usr/bin/jq1", "/"].contains($0) },
        isDirectory: { ["/usr", "/usr/bin"].contains($0) },
        resolve: { $0 == "/usr/bin/jq1" ? "/opt/jq" : $0 },
        accounts: Accounts(user: { $0 == "alice" ? 1000 : nil }, group: { $0 == "staff" ? 50 : nil }))

    private func warnings(_ lines: String, base: String = minimal) throws -> [String] {
        let set = try load(["own": base + lines])
        return PolicyLint.warnings(in: set, of: ["own"], on: Self.host).map { warning in
            #expect(warning.severity == .warning && warning.description.contains(": warning: "))
            return "\(warning.location.line):\(warning.location.column) \(warning.message)"
        }
    }

    @Test(
        "what is hardly meant",
        arguments: [
            (
                "commands: { deny: [rm, { program: rm, arguments: [\"-r\"] }] }",
                "4:24 this rule never decides: own.yaml:4"
            ),
            ("commands: { deny: [\"mk*\", \"mkfs*\"] }", "4:27 this rule never decides"),
            ("commands: { deny: [dd, /bin/dd] }", "4:24 this rule never decides"),
            (
                "commands: { deny: [{ program: a, arguments: [\"*\"] }, { program: a, arguments: [x] }] }",
                "4:54 this rule never"
            ),
            (
                "commands: { deny: [jq], allow: [/usr/bin/jq] }",
                "4:33 this rule allows nothing: commands.deny (own.yaml:4)"
            ),
            ("commands: { allow: [\"j*\", jq] }", "4:27 this rule adds nothing: own.yaml:4"),
            ("commands: { allow: [jq, /bin/bash] }", "4:25 'commands.allow': '/bin/bash' can start any other program"),
            ("commands: { allow: [strace] }", "4:21 'commands.allow': 'strace' can start any other program"),
            ("commands: { execute: [/usr/bin/nope] }", "4:23 'commands.execute': this host has no '/usr/bin/nope'"),
            (
                "commands: { execute: [/usr/bin] }",
                "4:23 'commands.execute': on this host '/usr/bin' is a directory; write '/usr/bin/'"
            ),
            (
                "commands: { execute: [/usr/bin/jq/] }",
                "4:23 'commands.execute': on this host '/usr/bin/jq' is no directory"
            ),
            (
                "commands: { execute: [/usr/bin/jq1] }",
                "4:23 'commands.execute': on this host '/usr/bin/jq1' leads to '/opt/jq', which"
            ),
            (
                "commands: { execute: [/usr/bin/, /usr/bin/jq] }",
                "4:34 'commands.execute': '/usr/bin/jq' is in '/usr/bin/'"
            ),
            (
                "workspace: { roots: [/], mode: write }",
                "4:22 'workspace.roots': with '/' a run may change any directory"
            ),
            ("workspace: { mode: write }", "4:14 'workspace.mode' is write, and no workspace can be asked for"),
            ("workspace: { roots: [~] }", "4:14 'workspace.roots' means nothing: 'workspace.mode' is none"),
            (
                "workspace: { roots: [/], mode: read, size: 1MiB }",
                "4:38 'workspace.size' means nothing: 'workspace.mode' is read"
            ),
            (
                "workspace: { roots: [~], mode: write, size: 1MiB }",
                "4:39 'workspace.size': a directory of the host needs a project quota of at most this, or the run fails"
            ),
            (
                "workspace: { roots: [~], mode: write, inodes: 9, size: 2GiB }",
                "4:50 'workspace.size' and 'workspace.inodes': a directory of the host needs"
            ),
            ("workspace: { size: 2GiB }", "4:14 'workspace.size' is more than 'limits.memory', in which a workspace"),
            ("workspace: { roots: [/srv], mode: read }", "4:22 'workspace.roots': this host has no '/srv'"),
            ("syscalls: { allow: [read] }", "4:21 'syscalls.allow': 'read' is allowed without it"),
            ("syscalls: { deny: [namespaces] }", "4:20 'syscalls.deny': 'namespaces' is refused without it"),
            ("syscalls: { deny: [files] }", "4:20 'syscalls.deny': without 'read' no program starts (files)"),
            ("syscalls: { deny: [exit_group] }", "4:20 'syscalls.deny': without 'exit_group' no program starts"),
            ("tenants: { users: [alice, bob] }", "4:27 'tenants.users': this host has no user 'bob'"),
            ("tenants: { groups: [staff, wheel] }", "4:28 'tenants.groups': this host has no group 'wheel'"),
        ])
    func found(line: String, expected: String) throws {
        let found = try warnings(line + "\n")
        #expect(found.count == 1 && found[0].hasPrefix(expected), "\(found)")
    }

    @Test("programs that are written below what is shown of the host")
    func shownWorkspaces() throws {
        func with(_ mode: String, _ read: String, _ commands: String = "commands: { allow: [jq] }") throws -> [String] {
            let workspace = "workspace: { roots: [/usr/bin], mode: \(mode) }\n"
            return try warnings("\(workspace)\(commands)\n", base: minimal.replacing("[/usr]", with: "[\(read)]"))
        }
        let found = try with("write", "/usr")
        #expect(
            found.count == 1
                && found[0].hasPrefix("2:22 'filesystem.read': '/usr' holds workspaces of '/usr/bin' or lies in one"),
            "\(found)")
        #expect(try with("write", "/usr/bin/jq").count == 1)
        #expect(try with("read", "/usr") == [])
        #expect(try with("write", "/usr", "commands: { deny: [jq] }") == [])
    }

    @Test(
        "limits that another one makes pointless, and where they do not",
        arguments: [
            ("idle: 10s", "idle: 9s", "'limits.idle' (10s) is never met"),
            ("cpu-time: 20s", "cpu-time: 19s", "'limits.cpu-time' (20s) is never met"),
            ("grace: 10s", "grace: 9s", "'limits.grace' (10s) comes on top of 'limits.timeout': a run may last 20s"),
            ("swap: 1GiB", "swap: 0B", "'limits.swap' (1 GiB) comes on top of 'limits.memory': a run may use 2 GiB"),
            ("stdout: 2MiB", "stdout: 1MiB", "'limits.stdout' (2 MiB) is never met: 'limits.output' ends"),
            ("stderr: 2MiB", "stderr: 1MiB", "'limits.stderr' (2 MiB) is never met: 'limits.output' ends"),
        ])
    func limits(pointless: String, good: String, expected: String) throws {
        func with(_ limits: String) throws -> [String] {
            try warnings("", base: minimal.replacing("timeout: 10s", with: "timeout: 10s, \(limits)"))
        }
        let found = try with(pointless)
        #expect(found.count == 1 && found[0].contains(" \(expected)"), "\(found)")
        #expect(try with(good) == [])
        // A child that inherits all of it has nothing to answer for.
        let base = minimal.replacing("timeout: 10s", with: "timeout: 10s, \(pointless)")
        let set = try load(["base": base, "child": "version: 1\nextends: base\nnetwork: none\n"])
        #expect(PolicyLint.warnings(in: set, of: ["child"], on: Self.host).isEmpty)
    }

    @Test("sizes that do not fit into one another")
    func sizes() throws {
        func with(_ sizes: String, _ lines: String = "") throws -> [String] {
            try warnings(lines, base: minimal.replacing("tmp: 1MiB, shm: 1MiB", with: sizes))
        }
        #expect(
            try with("tmp: 2GiB, shm: 1MiB")
                == ["2:29 'filesystem.tmp' is more than 'limits.memory', in which it is counted"])
        #expect(
            try with("tmp: 1GiB, shm: 4KiB").map { $0.hasPrefix("2:29 'filesystem.tmp' and 'filesystem.shm' (") }
                == [true])
        #expect(try with("tmp: 512MiB, shm: 512MiB") == [])
        #expect(
            try with("tmp: 64KiB, shm: 64KiB", "workspace: { size: 512KiB }\n")
                == ["4:14 'limits.file-size' (1 MiB) is never met: no place has room for more than 512 KiB"])
        #expect(try with("tmp: 64KiB, shm: 64KiB", "workspace: { size: 1MiB }\n") == [])
        #expect(try with("tmp: 1MiB, shm: 64KiB", "workspace: { size: 512KiB }\n") == [])
    }

    @Test("paths that the host lacks")
    func paths() throws {
        let base = minimal.replacing("read: [/usr]", with: "read: [/usr, /opt/x, /usr/lib], hide: [/usr/secret]")
        #expect(
            try warnings("", base: base) == [
                "2:28 'filesystem.read': this host has no '/opt/x'; it is skipped",
                "2:36 'filesystem.read': this host has no '/usr/lib'; it is skipped",
                "2:36 'filesystem.read': '/usr/lib' is in '/usr' already",
                "2:54 'filesystem.hide': this host has no '/usr/secret'; there is nothing to hide",
            ])
    }

    @Test("ordinary policies have none, and what is inherited is its own file's")
    func silence() throws {
        #expect(
            try warnings(
                """
                commands: { deny: [rm, { program: git, arguments: [push] }, { program: "g*", arguments: [pull] }], allow: [ls, jq] }
                workspace: { roots: [~], mode: write }
                syscalls: { deny: [debug] }
                tenants: { users: [alice, 7] }

                """) == [])
        let set = try load(["own": "version: 1\nextends: default\n"])
        #expect(PolicyLint.warnings(in: set, of: ["own"], on: Self.host).isEmpty)
        // The built-in ones: one word about the widest root, and nothing else but what a host may lack.
        let everything = PolicyLint.warnings(in: set, of: set.names, on: .unknown).map(\.message)
        #expect(everything.count { $0.contains("with '/' a run") } == 1)
        #expect(everything.allSatisfy { $0.contains("with '/' a run") || $0.contains("this host has no") })
    }
}
