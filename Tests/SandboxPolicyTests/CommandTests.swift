import SandboxModel
import SandboxPolicy
import Testing

@Suite("Commands")
struct CommandTests {
    private func denial(_ policy: Policy, _ argv: [String]) -> Denial? {
        if case .denied(let denial) = policy.judge(argv: argv) { denial } else { nil }
    }

    @Test("names match in any directory, paths match as given")
    func programs() throws {
        let own = try policy("commands: { deny: [rm, /usr/bin/dd, \"mkfs*\", /opt/*/tool] }\n")
        for argv in [
            ["rm"], ["/bin/rm"], ["./rm"], ["../x/rm"], ["/usr/bin/dd"], ["mkfs"], ["/sbin/mkfs.ext4"], ["/opt/a/tool"],
            ["/opt/./a//tool"],
        ] {
            #expect(denial(own, argv) != nil, "\(argv)")
        }
        for argv in [["rmdir"], ["xrm"], ["dd"], ["/bin/dd"], ["/opt/a/b/tool"], ["mkf"], ["echo", "rm"]] {
            #expect(own.judge(argv: argv) == .allowed(rule: nil), "\(argv)")
        }
    }

    @Test("every pattern must match some argument, in any order")
    func arguments() throws {
        let own = try policy(
            "commands: { deny: [{ program: rm, arguments: [\"-*r*\", \"/\"], reason: why, hint: what }] }\n")
        for argv in [["rm", "-rf", "/"], ["rm", "/", "-fr"], ["rm", "-v", "-r", "x", "/"]] {
            #expect(denial(own, argv) != nil, "\(argv)")
        }
        for argv in [["rm", "-rf", "/x"], ["rm", "/"], ["rm", "-f", "/"], ["rm", "-rf"]] {
            #expect(denial(own, argv) == nil, "\(argv)")
        }
        #expect(
            denial(own, ["rm", "-rf", "/"])
                == Denial(kind: .command, rule: "own.yaml:4", subject: "rm -rf /", hint: "why; what"))
    }

    @Test("deny wins; allow absent is everything, empty is nothing")
    func order() throws {
        let own = try policy(
            "commands:\n  allow: [ls, { program: git }]\n  deny: [{ program: git, arguments: [push] }]\n")
        #expect(
            own.judge(argv: ["git", "log"]) == .allowed(rule: SourceLocation(file: "own.yaml", line: 5, column: 15)))
        #expect(denial(own, ["git", "push"])?.rule == "own.yaml:6")
        #expect(denial(own, ["cat"])?.rule == "own.yaml:5")
        #expect(denial(own, ["cat"])?.hint == "policy own allows only ls, git")
        #expect(denial(own, []) != nil)
        #expect(try policy("").judge(argv: ["cat"]) == .allowed(rule: nil))
        let none = try policy("commands: { allow: [] }\n")
        #expect(denial(none, ["true"])?.hint == "policy own allows no command at all; ask for another policy")
    }

    /// Whoever writes there chooses what it is.
    @Test("a name allows the host's program of that name, and denies any", arguments: ["git", "g*t"])
    func namesAreOfTheHost(_ name: String) throws {
        let theirs = [
            "./git", "git/", "bin/git", "../workspace/git", "/workspace/git", "/sandbox/workspace/git", "/tmp/git",
            "/dev/shm/git", "/proc/self/cwd/git", "/usr/../workspace/git", "/usr/bin/../../tmp/git", "//tmp/git",
            "/dev/fd/3/git", "/usrx/git",
        ]
        let hosts = ["git", "/usr/bin/git", "/bin/git", "/usr/lib/git-core/git"]
        let allowed = try policy("commands: { undecided: allow, allow: [sh, env, \(name)] }\n")
        for word in hosts + theirs {
            for argv in [[word, "log"], ["env", word, "log"], ["sh", "-c", "\(word) log"]] {
                #expect((denial(allowed, argv) == nil) == hosts.contains(word), "\(argv)")
            }
        }
        // A shell of the workspace's own is no shell.
        #expect(denial(allowed, ["./sh", "-c", "git log"]) != nil)
        let denied = try policy("commands: { deny: [\(name)] }\n")
        for word in hosts + theirs { #expect(denial(denied, [word]) != nil, "\(word)") }
        #expect(
            denial(allowed, ["./git"])?.hint == "policy own allows the host's 'git', not another program of that name")
        // Who allows all of them, or one by its path, means it.
        #expect(denial(try policy("commands: { allow: [\"*\"] }\n"), ["./git"]) == nil)
        let path = try policy("commands: { allow: [/workspace/git] }\n")
        #expect(denial(path, ["/workspace/git"]) == nil && denial(path, ["git"]) != nil)
    }

    /// Else the workspace would choose what each name is.
    @Test("with allow, a request changes PATH and the like only where pass names them")
    func changedByRequest() throws {
        func isPassed(_ lines: String, _ variables: [String: String]) throws -> Bool {
            let policy = try policy(lines)
            return (try? policy.environment(requested: variables)) != nil
        }
        let allow = "commands: { allow: [wc] }\n"
        for name in ["PATH", "LD_PRELOAD", "BASH_ENV", "GIT_DIR", "PYTHONPATH"] {
            #expect(try !isPassed(allow + "environment: { pass: [\"*\"] }\n", [name: "/workspace"]), "\(name)")
            #expect(try isPassed(allow + "environment: { pass: [\"*\", \(name)] }\n", [name: "/workspace"]))
            #expect(try isPassed("environment: { pass: [\"*\"] }\n", [name: "/workspace"]))
        }
        #expect(try isPassed(allow + "environment: { pass: [\"*\"] }\n", ["COLOUR": "red"]))
        // What is so already is no change.
        #expect(
            try isPassed(
                allow + "environment: { pass: [\"*\"], set: { PATH: /usr/bin } }\n", ["PATH": "/usr/bin"]))
    }

    @Test("a pattern of paths does not allow detours")
    func detours() throws {
        let own = try policy("commands: { allow: [\"/opt/*/tool\"] }\n")
        #expect(denial(own, ["/opt/a/tool"]) == nil)
        for program in [
            "/opt/../tool", "/opt/./tool", "/opt//tool", "/opt/a/../tool", "/opt/a/b/tool", "/opt//a/tool",
            "/opt/x/../a/tool", "tool",
        ] {
            #expect(denial(own, [program]) != nil, "\(program)")
        }
    }

    @Test("the subject is short and harmless on a terminal")
    func subject() throws {
        let own = try policy("commands: { allow: [] }\n")
        #expect(denial(own, ["a", "\u{1B}[31m\n\u{202E}b"])?.subject == "a \\u{1b}[31m\\u{a}\\u{202e}b")
        let long = try #require(denial(own, ["a", String(repeating: "x", count: 5000)]))
        #expect(long.subject.unicodeScalars.count == 201 && long.subject.hasSuffix("x…"))
    }

    @Test("patterns cost at most their product", .timeLimit(.minutes(1)))
    func cost() throws {
        let pattern = String(repeating: "a*", count: 300) + "b"
        let own = try policy("commands: { deny: [{ program: x, arguments: [\"\(pattern)\"] }] }\n")
        #expect(denial(own, ["x", String(repeating: "a", count: 5000)]) == nil)
        #expect(denial(own, ["x", String(repeating: "a", count: 500) + "b"]) != nil)
    }

    @Test("the built-ins deny the disasters and not ordinary work")
    func builtIns() throws {
        let standard = try #require(try builtIn.get()["default"])
        for argv in [
            ["rm", "-rf", "/"], ["rm", "-R", "-f", "/"], ["rm", "--recursive", "--no-preserve-root", "/"],
            ["sudo", "ls"],
            ["mkfs.ext4", "/dev/sda"], ["dd", "if=/dev/zero", "of=/dev/sda"], ["/sbin/reboot"], ["su", "-"],
        ] {
            #expect(denial(standard, argv)?.hint?.isEmpty == false, "\(argv)")
        }
        for argv in [
            ["rm", "-rf", "build"], ["dd", "if=a", "of=/dev/null"], ["sh", "-c", "ls"], ["/usr/bin/gcc", "a.c"],
        ] {
            #expect(standard.judge(argv: argv) == .allowed(rule: nil), "\(argv)")
        }
        let python = try #require(try builtIn.get()["python"])
        for argv in [
            ["curl", "http://x"], ["pip3", "install", "x"], ["python3", "-m", "pip", "install", "x"],
        ] {
            #expect(denial(python, argv)?.rule.hasPrefix("python.yaml:") == true, "\(argv)")
        }
        // The parent's rules hold too.
        #expect(denial(python, ["rm", "-rf", "/"])?.rule.hasPrefix("default.yaml:") == true)
        #expect(python.judge(argv: ["python3", "-m", "pip", "list"]) == .allowed(rule: nil))
    }
}
