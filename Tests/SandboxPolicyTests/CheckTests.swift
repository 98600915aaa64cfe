import SandboxPolicy
import Testing

@Suite("Check: all problems at once")
struct CheckTests {
    private func found(_ texts: KeyValuePairs<String, String>) throws -> [String] {
        let inputs = texts.map { PolicyInput(name: $0.key, path: "dir/\($0.key).yaml", contents: Array($0.value.utf8)) }
        switch PolicySet.check(inputs, over: try builtIn.get()) {
        case .success: return []
        case .failure(let errors):
            return errors.diagnostics.map { "\($0.description.prefix { $0 != " " }) \($0.message)" }
        }
    }

    @Test("every file, by its path, merging included")
    func everything() throws {
        #expect(
            try found([
                "b": "version: 1\nextends: default\nlimits: { memory: 9 }\nfinal: [network]\n",
                "a": "version: 1\nextends: b\nnetwork: loopback\nsyscalls: { allow: [nope] }\n",
                "c": "version: 1\nextends: missing\n",
            ])
                == [
                    "dir/b.yaml:3:19: 'limits.memory': '9' has no unit; write for example 9MiB; the range is 1MiB to 1024TiB",
                    "dir/a.yaml:3:1: 'network' may only be narrowed: 'loopback' is wider than 'none' (final in b.yaml:4, its value "
                        + "is from default.yaml:\(try line(of: "network"))",
                    "dir/a.yaml:4:21: 'syscalls.allow': 'nope' is neither a system call nor a group of them",
                    "dir/c.yaml:2:10: 'extends': there is no policy 'missing'",
                ].map { $0.hasSuffix(")") || !$0.contains("final in") ? $0 : $0 + ")" })
    }

    private func line(of key: String) throws -> Int {
        try #require(try builtIn.get()["default"]?.origin(of: key)).line
    }

    @Test("what cannot be known is not reported")
    func consequences() throws {
        // A limit that could not be read is not missing; a parent that could not be read is not absent.
        let half = minimal.replacing("memory: 1GiB", with: "memory: much")
        #expect(try found(["a": half, "b": "version: 1\nextends: a\n"]).count == 1)
        #expect(try found(["a": "version: 1\n\u{7}", "b": "version: 1\nextends: a\n"]).count == 1)
        #expect(try found(["a": "version: 1\nlimits: [\n", "b": "version: 1\nextends: a\n"]).count == 1)
        #expect(try found(["a": "version: 1\nextneds: default\n"]).count == 1)
        #expect(try found(["a": "version: 1\nextends: [default]\n"]).count == 1)
        #expect(try found(["a": minimal.replacing("memory: 1GiB", with: "memroy: 1GiB")]).count == 1)
        // A hidden path below a path that could not be read.
        let hidden = minimal.replacing("read: [/usr]", with: "read: [usr], hide: [/usr/x]")
        #expect(try found(["a": hidden]).count == 1)
    }

    @Test("an allowlist beside an executable workspace names both lines, in the file that brings them together")
    func contradiction() throws {
        let listed = "workspace: { execute: false }\ncommands: { execute: [/usr/bin/jq] }\n"
        let message =
            "'commands.execute' (a.yaml:5) allows listed programs only, and 'workspace.execute: true' (b.yaml:3) everything "
            + "that a run writes; set 'workspace.execute: false'"
        #expect(
            try found(["a": minimal + listed, "b": "version: 1\nextends: a\nworkspace: { execute: true }\n"]) == [
                "dir/b.yaml:3:14: \(message)"
            ])
        #expect(try found(["a": minimal + listed, "b": "version: 1\nextends: a\nnetwork: loopback\n"]) == [])
    }

    @Test("deny rules add up, the child's first, and a repeated one changes its reason")
    func denials() throws {
        let set = try load([
            "a": minimal + "commands: { deny: [{ program: rm, reason: old }, dd] }\n",
            "b": "version: 1\nextends: a\ncommands: { deny: [{ program: rm, reason: new }, su] }\n",
            "c": "version: 1\nextends: b\ncommands: { deny: [] }\n",
        ])
        for name in ["b", "c"] {
            let policy = try #require(set[name])
            #expect(policy.explain(argv: ["rm"]).text.hasSuffix("(b.yaml:3): new"))
            #expect(policy.explain(argv: ["dd"]).rule?.description == "a.yaml:4")
            #expect(policy.explain(argv: ["su"]).rule?.description == "b.yaml:3")
            #expect(policy.explain(argv: ["ls"]).allowed)
        }
        #expect(set["b"]?.digest == set["c"]?.digest)
    }
}
