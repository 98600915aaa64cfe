import Foundation
import SandboxPolicy
import Testing
import Yams

@Suite("JSON Schema")
struct SchemaTests {
    private let schema: [String: Any]

    init() throws {
        let parsed = try JSONSerialization.jsonObject(with: Data(PolicySchema.text.utf8))
        schema = try #require(parsed as? [String: Any])
    }

    /// As an editor reads the file: YAML's own types.
    private func problems(of text: String) throws -> [String] {
        try JSONSchemaValidator().problems(try #require(try Yams.load(yaml: text)), schema)
    }

    @Test("the built-in policies are valid, as written and merged")
    func builtIns() throws {
        let set = try builtIn.get()
        for name in set.names {
            #expect(try problems(of: try #require(set.text(of: name))) == [], "\(name)")
            let effective = PolicyRenderer.effective(try #require(set[name]))
            #expect(try problems(of: effective) == [], "\(name), merged")
        }
    }

    @Test("the reference's examples are valid", arguments: ReferenceTests.examples)
    func examples(lines: String) throws {
        #expect(try problems(of: "version: 1\nextends: default\n\(lines)\n") == [])
    }

    @Test(
        "what the reader refuses, the schema refuses at the same key",
        arguments: [
            ("network: loopbak", "network"), ("netwrok: none", "netwrok"), ("extends: ../x", "extends"),
            ("final: [limits.memry]", "final[0]"), ("filesystem: { read: usr }", "filesystem.read"),
            ("filesystem: { read: [usr] }", "filesystem.read[0]"),
            ("filesystem: { read: [/usr/] }", "filesystem.read[0]"),
            ("filesystem: { read: [/usr/../etc] }", "filesystem.read[0]"),
            ("filesystem: { read: [/] }", "filesystem.read[0]"),
            ("filesystem: { read: [/etc] }", "filesystem.read[0]"),
            ("filesystem: { read: [/usr//x] }", "filesystem.read[0]"),
            ("filesystem: { read: [/usr, /usr] }", "filesystem.read"), ("filesystem: { tmp: 64 }", "filesystem.tmp"),
            ("filesystem: { tmp: 64M }", "filesystem.tmp"), ("workspace: { roots: [~root] }", "workspace.roots[0]"),
            ("workspace: { mode: rw }", "workspace.mode"), ("workspace: { execute: 1 }", "workspace.execute"),
            ("workspace: { execute: \"true\" }", "workspace.execute"),
            ("commands: { execute: [jq] }", "commands.execute[0]"),
            ("commands: { undecided: maybe }", "commands.undecided"),
            ("commands: { deny: [{ reason: x }] }", "commands.deny[0]"),
            ("commands: { deny: [{ program: x, hnit: y }] }", "commands.deny[0]"),
            ("commands: { deny: [a b] }", "commands.deny[0]"),
            ("environment: { pass: [\"A*B\"] }", "environment.pass[0]"),
            ("environment: { set: { A: [1] } }", "environment.set.A"),
            ("environment: { set: { 1A: x } }", "environment.set.1A"),
            ("syscalls: { allow: [bpf] }", "syscalls.allow[0]"),
            ("syscalls: { deny: [ptrce] }", "syscalls.deny[0]"), ("limits: { memory: 1 GiB }", "limits.memory"),
            ("limits: { timeout: 30 }", "limits.timeout"), ("limits: { timeout: 1.5s }", "limits.timeout"),
            ("limits: { timeout: 0s }", "limits.timeout"), ("limits: { idle: 00ms }", "limits.idle"),
            ("limits: { memory: 0B }", "limits.memory"), ("limits: { read-rate: 0MiB }", "limits.read-rate"),
            ("limits: { cpus: 0 }", "limits.cpus"), ("limits: { cpus: 1025 }", "limits.cpus"),
            ("limits: { swap: 1 }", "limits.swap"), ("limits: { grace: 500 }", "limits.grace"),
            ("limits: { read-rate: 1MiB/s }", "limits.read-rate"), ("limits: { stdout: 1e3B }", "limits.stdout"),
            ("workspace: { size: 1 }", "workspace.size"), ("workspace: { inodes: 1 }", "workspace.inodes"),
            ("limits: { processes: 0 }", "limits.processes"), ("limits: { open-files: 1.5 }", "limits.open-files"),
            ("tenants: {}", "tenants"), ("tenants: { users: [a b] }", "tenants.users[0]"),
            ("tenants: { users: [4294967295] }", "tenants.users[0]"), ("docker: {}", "docker"),
            ("docker: { image: X }", "docker.image"), ("docker: { image: [x] }", "docker.image"),
            ("docker: { pull: always }", "docker.pull"), ("docker: { user: root }", "docker.user"),
            ("docker: { user: 0 }", "docker.user"), ("docker: { user: \"1:0\" }", "docker.user"),
            ("docker: { network: host }", "docker.network"), ("docker: { network: \"container:x\" }", "docker.network"),
            ("docker: { ahead: 65 }", "docker.ahead"), ("docker: { privileged: true }", "docker.privileged"),
            ("backend: podman", "backend"),
        ])
    func bad(line: String, key: String) throws {
        let parent = line.hasPrefix("extends") ? "" : "extends: default\n"
        let text = "version: 1\n\(parent)\(line)\n"
        #expect(!SandboxPolicyTests.problems(text).isEmpty)
        let found = try problems(of: text)
        #expect(
            !found.isEmpty && found.allSatisfy { $0.hasPrefix("$.\(key):") || $0.hasPrefix("$.\(key).") }, "\(found)")
    }

    @Test("images, as the reader takes them")
    func images() throws {
        let text = "version: 1\n"
        for image in ContainerTests.images {
            #expect(try problems(of: text + "docker: { image: \"\(image)\" }\n") == [], "\(image)")
        }
        // That 64 digits are an id is for the reader to say.
        for image in ContainerTests.noImages where image != String(ContainerTests.digest.dropFirst(7)) {
            #expect(
                try problems(of: text + "docker: { image: \"\(image)\" }\n").count == 1, "\(image)")
        }
    }

    @Test("good ones at the edges")
    func good() throws {
        for line in [
            "backend: docker\ndocker: { image: x, pull: missing, user: 1000, network: web, ahead: 64 }",
            "backend: docker\ndocker: { image: \"x:1\", user: 1000:50, pull: never, ahead: 0 }",
            "limits: { cpus: 1.5, processes: 4194304, timeout: 30s, memory: 256MiB }",
            "limits: { swap: 0B, grace: 0s, stdout: 1B, stderr: 1B, read-rate: 64KiB, write-rate: 1024TiB }",
            "workspace: { size: 4KiB, inodes: 2 }",
            "tenants: { users: [alice, 1000], groups: [] }",
            "syscalls: { allow: [host], deny: [network-client, ptrace, bpf] }",
            "filesystem: { read: [/usr/..x, /usr/.hidden] }",
            "workspace: { roots: [~, /, /srv/a b], execute: false }\ncommands: { execute: [/usr/bin/, /bin/sh], libraries: [/usr/lib] }",
            "environment: { pass: [\"*\", \"LC_*\"], set: { A: 1, B: true, C: \"\" } }",
        ] {
            let text = "version: 1\nextends: default\n\(line)\n"
            #expect(SandboxPolicyTests.problems(text) == [], "\(line)")
            #expect(try problems(of: text) == [], "\(line)")
        }
    }

    @Test("every key is described")
    func descriptions() throws {
        func check(_ schema: [String: Any], _ path: String) throws {
            for (name, value) in schema["properties"] as? [String: [String: Any]] ?? [:] {
                let text = try #require(value["description"] as? String, "\(path).\(name)")
                #expect(text.count > 8 && text.hasSuffix("."), "\(path).\(name)")
                try check(value, "\(path).\(name)")
            }
        }
        try check(schema, "$")
    }
}
