import SandboxModel
import SandboxPolicy
import Testing

/// What cannot be judged, and lists of what is allowed.
@Suite("Undecided commands and allow lists")
struct UndecidedTests {
    private func denies(_ policy: Policy, _ text: String, shell: String = "bash") -> Bool {
        if case .denied = policy.judge(argv: [shell, "-c", text]) { true } else { false }
    }

    @Test("undecided: deny refuses what its text does not show")
    func undecided() throws {
        let own = try policy("commands: { undecided: deny, deny: [{ program: rm, arguments: [\"-*r*\", \"/*\"] }] }\n")
        for text in [
            "$X", "$X -rf /", "eval \"$X\"", "$(pick) x", ". ./env", "source x", "{ sh; } < x", "curl x | sh", "sh < x",
            "bash -c \"$X\"",
            "xargs $X", "zsh -c ls", "alias a=b", "a 'b", "if", "rm -rf $X", "rm $X /", "rm -rf \"$X\"", "parallel ls",
            "/bin/r?",
            "sh <<E\n$X\nE", "enable -f ./x.so x", "env -S \"$X\"", "find $X", "trap \"$X\" EXIT", "bash $X",
            "env $X ls", "env A=$X ls", "rm $X",
        ] {
            #expect(denies(own, text), "\(text)")
        }
        for text in [
            "ls $X", "echo \"$(ls)\"", "for f in *; do cat \"$f\"; done", "X=ls; $X", "rm \"build/$X\"",
            "rm -rf \"build/$X\"",
            "eval 'ls'", "bash <<< ls", "echo ls | sh", "env \"A=$X\" ls", "cat \"$@\"", "f() { ls \"$1\"; }; f x",
            "trap 'ls' EXIT", "find . -name \"$X\"",
        ] {
            #expect(!denies(own, text), "\(text)")
        }
        guard case .denied(let denial) = own.judge(argv: ["bash", "-c", "ls; $X y"]) else {
            return #expect(Bool(false))
        }
        #expect(denial.subject == "$? y" && denial.rule == "own.yaml:4")
        #expect(
            denial.hint
                == "policy own refuses what cannot be judged from its text: the program's name is not known; write the command out"
        )
        // Silence is the narrower choice.
        let silent = try policy("")
        let open = try policy("commands: { undecided: allow }\n")
        #expect(denies(silent, "$X"))
        #expect(!denies(open, "$X"))
    }

    @Test("every command of a script must be allowed")
    func allowList() throws {
        let own = try policy(
            "commands: { undecided: allow, allow: [bash, sh, git, ls, { program: make, arguments: [test] }, env, xargs] }\n"
        )
        for text in [
            "git log | ls", "cd x && git log", "echo hi > x; printf a", "if [ -f x ]; then ls; fi",
            "X=1; export Y=2; ls $X", "f() { ls; }; f",
            "make test", "env FOO=1 git log", "xargs git log", "for f in a b; do ls \"$f\"; done", "read -r line; ls",
            "FOO=1 git log", "(ls; git x)",
        ] {
            #expect(!denies(own, text), "\(text)")
        }
        for text in [
            "cat x", "git log | cat", "ls; cat", "ls && (cat)", "echo $(cat x)", "f() { cat; }; f", "make install",
            "xargs cat", "env cat", "env -i cat",
            "$X", "eval \"$X\"", "ls `cat`", "ls <(cat)", "ls | bash", "sh -c 'cat'",
            "exec cat", "command cat", "ls; time cat",
            // Builtins that change what the allowed commands do.
            "PATH=/tmp:$PATH git log", "export PATH=/tmp; git log", "PATH=/tmp; ls", "LD_PRELOAD=./x.so ls",
            "export LD_PRELOAD=./x.so; ls",
            "export BASH_ENV=x; bash -c ls", "env LD_PRELOAD=x git log", "declare -x GIT_PAGER=x; git log",
            "GIT_EXTERNAL_DIFF=x git diff",
            "read -r PATH < x; ls", "printf -v PATH x; ls", "for PATH in /tmp; do ls; done", "export \"$X\"; ls",
            "PYTHONPATH=x ls", "hash -p ./x git; git",
            ": ${PATH:=x}; ls", "echo $(PATH=/tmp; ls)", "IFS=x; ls", "alias ls=cat; ls", "enable -f x y",
            "f() { export PATH=x; }; f; ls",
            "mapfile -C cat x; ls", "git() { cat; }; git",
        ] {
            #expect(denies(own, text), "\(text)")
        }
        // A path means that very program, whatever the name.
        let path = try policy("commands: { undecided: allow, allow: [bash, sh, /usr/bin/git] }\n")
        #expect(
            !denies(path, "/usr/bin/git log") && denies(path, "git log") && denies(path, "./git log")
                && denies(path, "/usr/bin/../bin/git"))
        // dash expands no braces: the program is another one there.
        #expect(
            denies(try policy("commands: { undecided: allow, allow: [bash, sh, echo] }\n"), "{echo,cat} x", shell: "sh")
        )
    }

    @Test("sh is read as bash and as a POSIX shell")
    func dialects() throws {
        let own = try policy("commands: { undecided: allow, deny: [victim] }\n")
        for shell in ["sh", "dash", "ash"] {
            #expect(denies(own, "echo a &>/dev/null victim", shell: shell), "\(shell)")
        }
        #expect(!denies(own, "echo a &>/dev/null victim", shell: "bash"))
        #expect(denies(own, "echo $(( 1 )) {victim,x}; {victim,x}", shell: "sh"))
    }

    @Test("a large script is judged or refused, soon", .timeLimit(.minutes(1)))
    func cost() throws {
        let standard = try #require(try builtIn.get()["default"])
        let script = String(repeating: "grep -r \"$x\" . | sort > out; rm -rf build\n", count: 2300)
        #expect(!denies(standard, script) && denies(standard, script + "sudo ls"))
        #expect(denies(try policy(""), String(repeating: "a;", count: 120_000)))
        var nested = "ls"
        for _ in 0..<12 { nested = "sh -c '" + nested.replacing("'", with: "'\\''") + "'" }
        #expect(denies(try policy(""), nested))
        #expect(denies(standard, String(repeating: "f() { f | f & }; f;", count: 5000)))
    }

    @Test("check is read strictly")
    func reading() {
        func wrong(_ rule: String, under key: String = "deny") -> [String] {
            problems(minimal + "commands: { \(key): [\(rule)] }\n")
        }
        #expect(wrong("{ check: deletes-root }") == [])
        #expect(
            wrong("{ check: delete-root }") == [
                "4:29: 'commands.deny.check' must be one of deletes-root, changes-root, writes-device, fork-bomb, runs-download, "
                    + "runs-decoded, reverse-shell, kills-all, not 'delete-root' (? deletes-root)"
            ])
        #expect(wrong("{ check: deletes-root, program: rm }").count == 1)
        #expect(wrong("{ check: deletes-root, arguments: [x] }").count == 1)
        #expect(wrong("{ check: deletes-root }", under: "allow").count == 1)
        #expect(wrong("{ reason: x }").count == 1)
    }
}
