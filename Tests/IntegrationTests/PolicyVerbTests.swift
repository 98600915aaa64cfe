import FoundationEssentials
import SandboxModel
import SandboxTestSupport
import Testing

/// `sandboxctl policy` as people and CI use it, without a service.
@Suite struct PolicyVerbTests {
    private let directory = TemporaryDirectory()

    private func policy(_ arguments: [String]) throws -> Ran {
        // Neither a service of this machine's nor its own policies may answer.
        let asks = ["list", "show", "explain"].contains(arguments[0]) && !arguments.contains("--directory")
        return try Ran(
            [BuiltProducts.path("sandboxctl"), "policy", arguments[0]] + (asks ? ["--built-in"] : [])
                + arguments.dropFirst())
    }

    @Test func `check reports all errors of all files at once, as a compiler does`() throws {
        try directory.write("a.yaml", "version: 1\nextends: default\nlimits: { timeuot: 3s }\nnetwork: loop\n")
        try directory.write("b.yaml", "version: 1\nextends: a\nworkspace: { mode: all }\n")
        let ran = try policy(["check", directory.path])
        #expect(ran.status == 1 && ran.output == "")
        let path = directory.path
        #expect(
            ran.errors == """
                \(path)/a.yaml:3:11: error: unknown key 'timeuot' in 'limits'; did you mean 'timeout'?
                  limits: { timeuot: 3s }
                            ^
                \(path)/a.yaml:4:10: error: 'network' must be one of none, loopback, not 'loop'
                  network: loop
                           ^
                \(path)/b.yaml:3:20: error: 'workspace.mode' must be one of none, read, write, not 'all'
                  workspace: { mode: all }
                                     ^

                """)
        let lines = try policy(["check", "--json", "\(path)/a.yaml"]).output.split(separator: "\n")
        #expect(lines.count == 2 && lines[0].contains(#""column":11,"file":"\#(path)/a.yaml","line":3"#), "\(lines)")
    }

    @Test func `check warns and succeeds`() throws {
        try directory.write("a.yaml", "version: 1\nextends: default\nworkspace: { roots: [/] }\n")
        let ran = try policy(["check", "\(directory.path)/a.yaml"])
        #expect(ran.status == 0 && ran.output == "\(directory.path)/a.yaml: ok, 1 warning\n")
        #expect(ran.errors.hasPrefix("\(directory.path)/a.yaml:3:22: warning: 'workspace.roots': "))
        #expect(try policy(["check", "\(directory.path)/missing.yaml"]).status == 125)
    }

    @Test func `what show --effective prints is a policy with the same digest`() throws {
        try directory.write(
            "team.yaml", "version: 1\nextends: python-only\nlimits: { memory: 9MiB }\nsyscalls: { deny: [debug] }\n")
        let shown = try policy(["show", "--effective", "\(directory.path)/team.yaml"])
        #expect(shown.status == 0 && shown.output.contains("\n  memory: 9MiB  # team.yaml:3\n"))
        #expect(shown.output.contains("\n    - /usr/bin/python3  # python-only.yaml:"))
        let other = TemporaryDirectory()
        try other.write("team.yaml", shown.output)
        let again = try policy(["show", "--effective", "\(other.path)/team.yaml"])
        let first = shown.output.prefix { $0 != "\n" }
        #expect(first.contains("digest ") && again.output.prefix { $0 != "\n" } == first)
        // By name, from a directory, as a service would read it.
        #expect(try policy(["show", "--effective", "--directory", directory.path, "team"]).output == shown.output)
        let list = try policy(["list", "--directory", directory.path]).output
        #expect(list.contains("team         native   team.yaml  "))
    }

    @Test func `show prints a built-in policy as it was written`() throws {
        let ran = try policy(["show", "python"])
        #expect(ran.status == 0 && ran.output.hasPrefix("# A Python script on a workspace"))
        try directory.write("mine.yaml", ran.output)
        #expect(try policy(["check", "\(directory.path)/mine.yaml"]).status == 0)
        #expect(try policy(["show", "pyhton"]).status == 125)
    }

    @Test func `explain answers by its exit status, and as JSON`() throws {
        let questions: [([String], Int32, String)] = [
            (["--path", "/etc/shadow"], 1, "does not exist in this sandbox"),
            (["--path", "a.py", "--write"], 0, "can be written"),
            (["--path", "/bin/sh", "--execute"], 1, "commands.execute lists only /usr/bin/python3"),
            (["--connect", "example.com:443"], 1, "has no network"),
            (["--syscall", "bpf"], 1, "no policy can allow it"),
            (["--syscall", "socket"], 0, "under a condition"), (["--", "curl", "x"], 1, "python.yaml:"),
            (["--", "python3", "x.py"], 0, "allows"), (["--", "ls"], 1, "commands.execute lists only"),
        ]
        for (question, status, text) in questions {
            let ran = try policy(["explain", "--policy", "python-only"] + question)
            #expect(ran.status == status && ran.output.contains(text), "\(question): \(ran)")
        }
        struct Report: Decodable {
            var policy: String
            var digest: String
            var decision: String
            var allowed: Bool
            var group: String?
        }
        let json = try policy(["explain", "--json", "--syscall", "bpf"]).output
        let report = try JSONDecoder().decode(Report.self, from: Data(json.utf8))
        #expect(report.policy == "default" && report.digest.count == 16 && report.group == "ebpf")
        #expect(report.decision == "never" && !report.allowed)
        #expect(try policy(["explain"]).status == 125)
        #expect(try policy(["explain", "--path", "/x", "--syscall", "read"]).status == 125)
    }

    @Test func `test runs a policy's tests, also of a file beside them`() throws {
        try directory.write("mine.yaml", "version: 1\nextends: python\ncommands: { deny: [ls] }\n")
        let tests =
            "version: 1\npolicy: ./mine.yaml\ntests:\n  - { command: [ls], expect: EXPECTED, rule: \"mine.yaml:3\" }\n"
        try directory.write("good", tests.replacing("EXPECTED", with: "deny"))
        try directory.write("bad", tests.replacing("EXPECTED", with: "allow"))
        let good = try policy(["test", "--verbose", "\(directory.path)/good"])
        #expect(good.status == 0 && good.output == "\(directory.path)/good:4: ok: ls\n1 tests, 0 failed\n")
        let bad = try policy(["test", "\(directory.path)/good", "\(directory.path)/bad"])
        #expect(bad.status == 1 && bad.output == "2 tests, 1 failed\n")
        #expect(
            bad.errors.hasPrefix(
                "\(directory.path)/bad:4:5: error: expected allow, got denied: policy mine denies 'ls'"))
        let missing = try policy(["test", "\(directory.path)/none"])
        #expect(missing.status == 1 && missing.output == "0 tests, 0 failed, 1 files could not be used\n")
    }

    @Test func `schema prints JSON`() throws {
        let ran = try policy(["schema"])
        #expect(ran.status == 0 && (try? JSONDecoder().decode(Schema.self, from: Data(ran.output.utf8))) != nil)
    }

    private struct Schema: Decodable {
        var required: [String]
        var properties: [String: Property]
        struct Property: Decodable { var description: String }
    }
}

/// Policies where no service runs: those that a sandboxd for one call would have.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct HostPolicyTests {
    private let directory = TemporaryDirectory()

    init() throws { try directory.makeDirectory("policies") }

    /// In a mount namespace of its own, where no service runs and `files` are this host's policies.
    private func sandboxctl(_ files: [String: String]?, _ arguments: [String], then: String = "true") throws -> Ran {
        for (name, text) in files ?? [:] { try directory.write("policies/\(name)", text) }
        let script = """
            set -e
            mount -t tmpfs tmpfs /run
            mkdir /run/etc; cp -a /etc/. /run/etc; rm -rf /run/etc/sandboxd
            \(files == nil ? "" : "mkdir -p /run/etc/sandboxd; cp -r \(directory.path)/policies /run/etc/sandboxd")
            mount --bind /run/etc /etc
            \(then)
            exec "$@"
            """
        return try Ran(
            ["/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c", script, "sh"]
                + [BuiltProducts.path("sandboxctl")] + arguments, environment: ["PATH=/usr/bin:/bin:/usr/sbin:/sbin"])
    }

    private static let note =
        "sandboxctl: note: no service runs; this is about the policies in /etc/sandboxd/policies, over the built-in ones\n"
    private static let files = [
        "mine.yaml": "version: 1\nextends: default\ncommands: { deny: [tac] }\n",
        // In the place of a built-in one.
        "readonly.yaml": "version: 1\nextends: default\ncommands: { deny: [sort] }",
        "boxed.yaml": "version: 1\nextends: default\nbackend: docker\ndocker: { image: a }",
    ]

    @Test func `they are the ones that exec takes`() throws {
        for (policy, program) in [("mine", "tac"), ("readonly", "sort")] {
            let ran = try sandboxctl(Self.files, ["exec", "--policy", policy, "--", program])
            #expect(ran.status == 126 && ran.errors.contains("(\(policy).yaml:3)"), "\(ran)")
            let explained = try sandboxctl(Self.files, ["policy", "explain", "--policy", policy, "--", program])
            #expect(explained.status == 1 && explained.output.contains("\(policy).yaml:3"), "\(explained)")
            #expect(explained.errors == Self.note)
        }
        let list = try sandboxctl(Self.files, ["policy", "list"])
        #expect(list.errors == Self.note)
        let rows = Dictionary(
            uniqueKeysWithValues: list.output.split(separator: "\n").map { line in
                let words = line.split(separator: " ").map(String.init)
                return (words[0], Array(words[1...2]))
            })
        #expect(rows["mine"] == ["native", "mine.yaml"] && rows["readonly"] == ["native", "readonly.yaml"])
        #expect(rows["default"] == ["native", "built-in"] && rows["boxed"] == ["docker", "boxed.yaml"])
        let shown = try sandboxctl(Self.files, ["policy", "show", "readonly"])
        #expect(shown.output == Self.files["readonly.yaml"]! + "\n" && shown.errors == Self.note, "\(shown)")
        let builtIn = try sandboxctl(Self.files, ["policy", "show", "--built-in", "readonly"])
        #expect(builtIn.output.hasPrefix("# ") && builtIn.errors == "", "\(builtIn)")
    }

    @Test func `without any there are the built-in ones`() throws {
        let ran = try sandboxctl(nil, ["policy", "list", "--json"])
        #expect(ran.status == 0 && ran.errors == "" && !ran.output.contains(".yaml"), "\(ran)")
    }

    /// As exec, which looks at the one policy that it needs.
    @Test func `one that is wrong is in the way of itself and of a list alone`() throws {
        let files = Self.files.merging(["wrong.yaml": "version: 1\nlimits: { memroy: 1 }\n"]) { one, _ in one }
        #expect(try sandboxctl(files, ["policy", "explain", "--policy", "mine", "--", "tac"]).status == 1)
        for arguments in [["list"], ["show", "wrong"], ["explain", "--policy", "wrong", "--", "true"]] {
            let ran = try sandboxctl(files, ["policy"] + arguments)
            #expect(ran.status == 125 && ran.output == "" && ran.errors.contains("wrong.yaml:2:11"), "\(ran)")
        }
    }

    /// A sandboxd would not start with them either.
    @Test func `files that others can write are not read`() throws {
        let loose = "chmod 777 /etc/sandboxd/policies/mine.yaml"
        for arguments in [["policy", "show", "mine"], ["exec", "--policy", "mine", "--", "true"]] {
            let ran = try sandboxctl(Self.files, arguments, then: loose)
            #expect(ran.status == 125 && ran.output == "", "\(ran)")
            #expect(ran.errors.contains("/etc/sandboxd/policies/mine.yaml: EPERM"), "\(ran)")
        }
    }

    @Test func `a service that was named must answer`() throws {
        let gone = "export SANDBOXD_SOCKET=/run/none"
        for arguments in [["list"], ["show", "default"], ["explain", "--", "true"]] {
            let ran = try sandboxctl(nil, ["policy"] + arguments, then: gone)
            #expect(ran.status == 125 && ran.output == "" && ran.errors.contains("/run/none"), "\(ran)")
        }
    }
}

/// Policies of a running service: who may use them, and what it says of them.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct ServicePolicyTests {
    private let policies = TemporaryDirectory()

    private func service() throws -> ServiceFixture {
        try policies.write(
            "team.yaml", "version: 1\nextends: default\ndescription: Team\ntenants: { users: [12345] }\n")
        try policies.write("staff.yaml", "version: 1\nextends: default\ntenants: { groups: [daemon], users: [root] }\n")
        let service = try ServiceFixture(options: ["--policy-directory", policies.path, "--socket-mode", "0666"])
        try #require(try Ran(["/bin/chmod", "755", service.directory.path]).status == 0)
        return service
    }

    @Test func `only tenants may use a policy`() throws {
        let service = try service()
        func exec(_ uid: UInt32, _ policy: String) throws -> Ran {
            let arguments = ["exec", "--socket", service.socket, "--policy", policy, "--", "echo", "in"]
            if uid == 0 { return try Ran(sandboxctl: arguments) }
            return try Ran(asUser: uid, "sandboxctl", arguments)
        }
        // `daemon` is group 1 on Debian, and the callers' first group is as their number.
        let cases: [(UInt32, String, Bool)] = [
            (12345, "team", true), (12346, "team", false), (0, "team", false), (12345, "staff", false),
            (1, "staff", true),
            (0, "staff", true), (12346, "default", true),
        ]
        for (uid, policy, admitted) in cases {
            let ran = try exec(uid, policy)
            if admitted {
                #expect(ran.status == 0 && ran.output == "in\n", "\(uid) \(policy): \(ran)")
            } else {
                #expect(ran.status == 126 && ran.output == "", "\(uid) \(policy): \(ran)")
                #expect(
                    ran.errors.contains(
                        "policy '\(policy)' (\(policy).yaml:\(policy == "team" ? 4 : 3)) refused uid \(uid)"))
                #expect(ran.errors.contains("ask its operator"))
            }
        }
    }

    @Test func `verify shows nobody the policies of others`() throws {
        let service = try service()
        func verify(_ uid: UInt32, _ arguments: [String]) throws -> Ran {
            try Ran(asUser: uid, "sandboxctl", ["verify", "--socket", service.socket] + arguments)
        }
        let all = try verify(12346, [])
        #expect(all.status == 0 && all.output.contains("default ") && !all.output.contains("team"), "\(all)")
        let unknown = try verify(12346, ["no"])
        #expect(unknown.errors.contains("there are build") && !unknown.errors.contains("team"), "\(unknown)")
        let others = try verify(12346, ["--all-checks", "team"])
        #expect(others.status != 0 && others.output == "" && others.errors.contains("refused uid 12346"), "\(others)")
        #expect(try verify(12345, ["team"]).output.contains("verified"))
    }

    @Test func `the service is asked for its policies, and shows each caller its own`() throws {
        let service = try service()
        func policy(_ arguments: [String]) throws -> Ran {
            try Ran(sandboxctl: ["policy"] + arguments + ["--socket", service.socket])
        }
        let all = try policy(["list"])
        #expect(
            all.output.contains("team         native   team.yaml")
                && all.output.contains("staff        native   staff.yaml"), "\(all)")
        let few = try Ran(asUser: 12346, "sandboxctl", ["policy", "list", "--socket", service.socket])
        #expect(few.status == 0 && few.output.contains("default ") && !few.output.contains("team"), "\(few)")
        let own = try Ran(asUser: 12345, "sandboxctl", ["policy", "list", "--json", "--socket", service.socket])
        let summaries = try JSONDecoder().decode([PolicySummary].self, from: Data(own.output.utf8))
        #expect(
            summaries.contains { $0.name == "team" && $0.description == "Team" }
                && !summaries.contains { $0.name == "staff" })

        let shown = try policy(["show", "--effective", "team"])
        #expect(shown.status == 0 && shown.output.contains("- \"12345\"  # team.yaml:4"), "\(shown)")
        let hidden = try Ran(
            asUser: 12346, "sandboxctl", ["policy", "show", "--effective", "team", "--socket", service.socket])
        #expect(hidden.status == 126 && !hidden.output.contains("12345"), "\(hidden)")

        let digest = try #require(summaries.first { $0.name == "team" }?.digest)
        let explained = try policy(["explain", "--policy", "team", "--path", "/etc/shadow"])
        #expect(explained.status == 1 && explained.output.contains("(default.yaml:"))
        #expect(explained.errors == "sandboxctl: note: the running service's policy team, digest \(digest)\n")
        #expect(
            try policy(["explain", "--policy", "no", "--path", "/x"]).errors.contains("no policy 'no'; there are build")
        )
    }

    @Test func `a name that this host does not have keeps the daemon from starting`() throws {
        try policies.write("team.yaml", "version: 1\nextends: default\ntenants: { users: [root, no-such-user] }\n")
        let ran = try Ran([
            BuiltProducts.path("sandboxd"), "--socket", "\(policies.path)/s", "--policy-directory", policies.path,
        ])
        #expect(ran.status == 78)
        #expect(
            ran.errors.contains(
                "\(policies.path)/team.yaml:3:26: error: 'tenants.users': this host has no user 'no-such-user'"),
            "\(ran.errors)")
    }
}
