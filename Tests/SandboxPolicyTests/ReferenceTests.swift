import SandboxPolicy
import Testing

/// Every example of PolicyFormat.md, in its section: what the reference shows must be accepted.
@Suite("Reference")
struct ReferenceTests {
    @Test(
        "examples are read",
        arguments: [
            "filesystem: { read: [/usr, /etc/ssl/certs] }", "filesystem: { hide: [/usr/share/secret] }",
            "filesystem: { tmp: 64MiB, shm: 16MiB }", "workspace: { roots: [~, /srv/agents] }",
            "workspace: { mode: write }",
            "workspace: { execute: false }", "commands: { deny: [sudo, { program: git, arguments: [push] }] }",
            "commands: { allow: [/usr/bin/jq, \"git\"] }",
            "commands: { deny: [{ program: \"mkfs*\", arguments: [\"-*r*\", \"/\"], reason: deletes the root, hint: name a folder below the workspace }] }",
            "environment: { pass: [LANG, \"LC_*\"] }", "environment: { set: { HOME: /tmp } }", "network: loopback",
            "syscalls: { allow: [ptrace] }", "syscalls: { deny: [io_uring_setup] }",
            "limits: { memory: 512MiB, cpus: 1.5, processes: 64, open-files: 256, file-size: 100MiB }",
            "limits: { output: 10MiB, timeout: 30s, cpu-time: 20s, idle: 10s }", "final: [network, limits]",
            "description: Python, no network", "backend: native",
            "description: Builds of the web team\nworkspace: { roots: [/srv/web] }\nnetwork: loopback\nlimits: { memory: 2GiB, timeout: 10m }",
        ])
    func examples(lines: String) {
        #expect(problems("version: 1\nextends: default\n\(lines)\n") == [])
    }
}
