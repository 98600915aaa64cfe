import Foundation
import SandboxPolicy
import Testing

@Suite("Policies' own tests")
struct PolicyTestFileTests {
    private static let directory = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "policies")

    private static func files(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.appending(path: path).path())
            .filter(PolicyInput.isPolicyFile).map(PolicyInput.name(ofFile:)).sorted()
    }

    @Test("every policy is built in, and every one has tests")
    func complete() throws {
        #expect(try Self.files("") == builtIn.get().names)
        #expect(try Self.files("tests") == builtIn.get().names)
    }

    @Test("what the built-in policies promise holds")
    func promises() throws {
        for name in try builtIn.get().names {
            let path = Self.directory.appending(path: "tests/\(name).yaml").path()
            let file = try PolicyTestFile(path: path, contents: Array(Data(contentsOf: URL(filePath: path))))
            #expect(file.policy == name)
            let outcomes = file.run(on: try #require(try builtIn.get()[name]), host: .unknown)
            #expect(outcomes.count >= 10)
            for outcome in outcomes { #expect(outcome.failure == nil, "\(outcome.failure?.description ?? "")") }
        }
    }

    private func outcomes(_ tests: String, policy lines: String = "") throws -> [PolicyTestFile.Outcome] {
        let text = "version: 1\npolicy: own\ntests:\n" + tests
        return try PolicyTestFile(path: "t/own.yaml", contents: Array(text.utf8)).run(on: policy(lines), host: .unknown)
    }

    @Test(
        "a wrong expectation fails, the right one does not",
        arguments: [
            ("command: [rm, x]", "deny", "allow"), ("command: [ls]", "allow", "deny"), ("shell: ls", "allow", "deny"),
            ("path: /etc/shadow", "deny", "allow"), ("path: /usr/x, access: read", "allow", "deny"),
            ("path: /usr/x, access: write", "deny", "allow"), ("path: /usr/x, access: execute", "allow", "deny"),
            ("connect: \"[::1]:80\"", "allow", "deny"), ("connect: \"a.b:80\"", "deny", "allow"),
            ("syscall: ptrace", "deny", "allow"), ("syscall: read", "allow", "deny"),
            ("syscall: read", "allow", "conditional"),
            ("syscall: clone", "conditional", "deny"), ("syscall: clone", "allow", "never"),
            ("syscall: bpf", "never", "missing"), ("syscall: bpf", "deny", "allow"),
            ("syscall: clone3", "missing", "never"),
            ("variable: LANG", "allow", "deny"), ("variable: LD_PRELOAD", "deny", "allow"),
            ("user: 5", "deny", "allow"),
            ("user: 7, groups: [8]", "allow", "deny"),
        ])
    func expectations(question: String, right: String, wrong: String) throws {
        let lines = """
            commands: { deny: [rm] }
            network: loopback
            syscalls: { deny: [debug] }
            environment: { pass: [LANG] }
            tenants: { users: [7] }

            """
        let found = try outcomes(
            "  - { \(question), expect: \(right) }\n  - { \(question), expect: \(wrong) }\n", policy: lines)
        #expect(found.map { $0.failure == nil } == [true, false])
        #expect(found[1].failure?.description.hasPrefix("t/own.yaml:5:5: error: expected \(wrong), got ") == true)
    }

    @Test("limits, variables, rules and hints")
    func details() throws {
        let lines =
            "commands: { deny: [{ program: rm, hint: use mv }] }\nenvironment: { set: { A: b } }\n"
            + "workspace: { size: 1MiB, inodes: 10 }\n"
        let found = try outcomes(
            """
              - { limit: memory, is: 1GiB }
              - { limit: limits.memory, at-most: 2GiB }
              - { limit: memory, at-most: 1023MiB }
              - { limit: idle, at-most: 10s }
              - { limit: cpus, is: 2 }
              - { limit: swap, is: 0B }
              - { limit: grace, at-most: 5m }
              - { limit: stdout, at-most: 1MiB }
              - { limit: workspace-size, is: 1MiB }
              - { limit: workspace-inodes, is: 10 }
              - { limit: workspace.inodes, is: 9 }
              - { limit: tmp, is: 1MiB }
              - { environment: A, value: b }
              - { environment: A, value: c }
              - { environment: B, value: b }
              - { command: [rm], expect: deny, rule: "own.yaml:4", hint: use mv }
              - { command: [rm], expect: deny, rule: own.yaml }
              - { command: [rm], expect: deny, rule: "own.yaml:5" }
              - { command: [rm], expect: deny, rule: own }
              - { name: why, command: [rm], expect: deny, hint: use cp }
              - { command: [ls], expect: allow, rule: own.yaml }

            """, policy: lines)
        #expect(
            found.map { $0.failure == nil } == [
                true, true, false, false, true, true, true, false, true, true, false, true, true, false, false, true,
                true, false, false, false, false,
            ])
        #expect(
            found[19].test.name == "why" && found[19].failure?.message.hasPrefix("'why': expected 'use cp'") == true)
        #expect(found[17].failure?.location.column == 42)
    }

    @Test(
        "read as strictly as policies",
        arguments: [
            ("policy: a\ntests: [{ shell: x, expect: allow }]\n", "1:1: 'version: 1' is missing"),
            ("version: 1\ntests: [{ shell: x, expect: allow }]\n", "1:1: 'policy' is missing"),
            ("version: 1\npolicy: a\n", "1:1: 'tests' is missing"),
            ("version: 1\npolicy: a\ntests: []\n", "3:8: 'tests' has no test"),
            (
                "version: 1\npolicy: a\ntest: []\ntests: [{ shell: x, expect: deny }]\n",
                "3:1: unknown key 'test' in a file of tests (? tests)"
            ),
            (
                "T{ shell: x, expct: deny }",
                "3:21: unknown key 'expct' in a test (? expect)\n3:9: 'expect' is missing; it is one of allow, deny"
            ),
            (
                "T{ expect: deny }",
                "3:9: a test asks one thing, one of command, shell, path, connect, syscall, variable, environment, limit, user; this asks 0"
            ),
            (
                "T{ shell: x, connect: y, expect: deny }",
                "3:9: a test asks one thing, one of command, shell, path, connect, syscall, variable, environment, limit, user; this asks 2"
            ),
            ("T{ shell: x, expect: missing }", "3:29: 'expect' must be one of allow, deny, not 'missing'"),
            (
                "T{ command: x, expect: deny }",
                "3:20: 'command' must be a list, not a single value\n3:20: 'command' must be a list of words"
            ),
            (
                "T{ path: x, access: reed, expect: deny }",
                "3:28: 'access' must be one of read, write, execute, not 'reed' (? read)"
            ),
            ("T{ shell: x, access: read, expect: deny }", "3:21: 'access' means nothing beside 'shell'"),
            (
                "T{ limit: memry, is: 1MiB }",
                "3:18: there is no limit 'memry'; there are memory, swap, cpus, processes, open-files, file-size, output, stdout, stderr, tmp, workspace-size, workspace-inodes, read-rate, write-rate, timeout, cpu-time, idle, grace, shm (? memory)"
            ),
            (
                "T{ limit: workspace-sise, is: 1MiB }",
                "3:18: there is no limit 'workspace-sise'; there are memory, swap, cpus, processes, open-files, file-size, output, stdout, stderr, tmp, workspace-size, workspace-inodes, read-rate, write-rate, timeout, cpu-time, idle, grace, shm (? workspace-size)"
            ),
            ("T{ limit: memory }", "3:9: 'limit' needs either 'is' or 'at-most'"),
            (
                "T{ limit: memory, is: 1 }",
                "3:30: 'limits.memory': '1' has no unit; write for example 1MiB; the range is 1MiB to 1024TiB"
            ),
            (
                "T{ user: alice, expect: deny }",
                "3:17: 'user' must be a number, not 'alice': names differ from host to host"
            ),
            ("T{ environment: A }", "3:9: 'environment' needs a 'value'; 'variable' asks what a request may set"),
            ("T!!map { shell: x, expect: deny }", "3:9: tags are not allowed; write the value alone"),
        ])
    func strict(text: String, expected: String) {
        let whole = text.hasPrefix("T") ? "version: 1\npolicy: a\ntests: [\(text.dropFirst())]\n" : text
        let errors = #expect(throws: PolicyErrors.self) {
            try PolicyTestFile(path: "a.yaml", contents: Array(whole.utf8))
        }
        let found = errors?.diagnostics.map { problem in
            "\(problem.location.line):\(problem.location.column): \(problem.message)"
                + (problem.suggestion.map { " (? \($0))" } ?? "")
        }
        #expect(found?.sorted() == expected.split(separator: "\n").map(String.init).sorted())
    }
}
