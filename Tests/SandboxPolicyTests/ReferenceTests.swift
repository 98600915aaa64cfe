import Foundation
import SandboxPolicy
import Testing

/// Every example of PolicyFormat.md, in its section: what the reference shows must be accepted.
@Suite("Reference")
struct ReferenceTests {
    static let examples: [String] = [
        "filesystem: { read: [/usr, /etc/ssl/certs] }", "filesystem: { hide: [/usr/share/secret] }",
        "filesystem: { tmp: 64MiB, shm: 16MiB }", "workspace: { roots: [~, /srv/agents] }",
        "workspace: { mode: write }", "workspace: { size: 512MiB, inodes: 100000 }",
        "limits: { swap: 0B, stdout: 8MiB, stderr: 1MiB, grace: 500ms, read-rate: 50MiB, write-rate: 10MiB }",
        "workspace: { execute: false }", "commands: { deny: [sudo, { program: git, arguments: [push] }] }",
        "commands: { allow: [/usr/bin/jq, \"git\"] }",
        "workspace: { execute: false }\ncommands: { execute: [/usr/bin/jq, /usr/local/bin/], libraries: [/usr/lib] }",
        "commands: { undecided: deny, write-execute-memory: false }",
        "tenants: { users: [alice, 1000], groups: [agents] }",
        "commands: { deny: [{ program: \"mkfs*\", arguments: [\"-*r*\", \"/\"], reason: deletes the root, hint: name a folder below the workspace }] }",
        "environment: { pass: [LANG, \"LC_*\"] }", "environment: { set: { HOME: /tmp } }", "network: loopback",
        "syscalls: { allow: [ptrace] }", "syscalls: { deny: [io_uring_setup, debug] }",
        "limits: { memory: 512MiB, cpus: 1.5, processes: 64, open-files: 256, file-size: 100MiB }",
        "limits: { output: 10MiB, timeout: 30s, cpu-time: 20s, idle: 10s }", "final: [network, limits]",
        "description: Python, no network", "backend: native",
        "backend: docker\ndocker: { image: \"registry.example/tools:3@sha256:\(String(repeating: "0a", count: 32))\" }",
        "backend: docker\ndocker: { image: tools, pull: missing, user: 1000:1000, network: agents, ahead: 4 }",
        "description: Builds of the web team\nworkspace: { roots: [/srv/web] }\nnetwork: loopback\nlimits: { memory: 2GiB, timeout: 10m }",
    ]

    @Test("examples are read", arguments: Self.examples)
    func accepted(lines: String) {
        #expect(problems("version: 1\nextends: default\n\(lines)\n") == [])
    }

    private static var text: String {
        get throws {
            let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appending(path: "Sources/SandboxPolicy/PolicyFormat.md")
            return try String(contentsOf: file, encoding: .utf8)
        }
    }

    @Test("whole policies in the reference are read")
    func wholePolicies() throws {
        let blocks = try Self.text.components(separatedBy: "```yaml\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
        // Files of tests begin with the same line.
        let policies = blocks.filter { $0.hasPrefix("version: 1\n") && !$0.contains("\ntests:") }
        #expect(policies.count == 2)
        for policy in policies { #expect(problems(policy) == [], "\(policy)") }
    }

    @Test("the reference has every key of the format, in its section, and no other")
    func keys() throws {
        let text = try Self.text
        let schema = try JSONSerialization.jsonObject(with: Data(PolicySchema.text.utf8)) as? [String: Any]
        let properties = try #require(schema?["properties"] as? [String: [String: Any]])
        for (section, value) in properties {
            guard let keys = value["properties"] as? [String: Any] else {
                #expect(text.contains("| `\(section)`") || text.contains("\n## \(section)\n"), "\(section)")
                continue
            }
            let part = try #require(text.components(separatedBy: "\n## \(section)\n").dropFirst().first, "\(section)")
            let table = part.components(separatedBy: "\n## ")[0].components(separatedBy: "\nA rule is")[0]
            let named = table.split(separator: "\n").compactMap { line -> String? in
                line.hasPrefix("| `") ? String(line.dropFirst(3).prefix { $0 != "`" }) : nil
            }
            #expect(Set(named) == Set(keys.keys), "\(section)")
        }
    }
}
