import SandboxModel
import SandboxPolicy
import Testing

/// Lines that once ran `x`, or what no rule allows, past a filter that had no doubt.
@Suite("Wrappers and builtins by which commands were hidden", .timeLimit(.minutes(1)))
struct WrapperEscapeTests {
    private func denies(_ policy: Policy, _ argv: [String]) -> Bool {
        if case .denied = policy.judge(argv: argv) { true } else { false }
    }

    @Test(
        "a denied command is found",
        arguments: [
            ["find", ".", "!", "-name", "-exec", "-exec", "x", ";"],
            ["find", ".", "-printf", "-ok", "-exec", "x", ";"],
            ["find", ".", "-fprintf", "f", "-exec", "-exec", "x", ";"],
            ["find", ".", "-newermt", "-exec", "-exec", "x", ";"],
            ["find", ".", "-exec", "env", "-u", "\u{37E}", "x", ";"],
            ["find", ".", "-ok", "bwrap", "--setenv", "{}", "+", "x", ";"],
            ["capsh", "--shell=\u{301}/../../bin/x", "--"], ["bash", "-c", "eval -- x"],
            ["bash", "-c", "command eval -- 'x y'"], ["bash", "-noprofile", "-c", "x"], ["bash", "-posix", "-c", "x"],
            ["bash", "-login", "-c", "x"], ["bash", "-norc", "-c", "x"], ["ssh-agent", "-t", "5", "x"],
            ["logsave", "-a", "f", "x"], ["fakeroot-sysv", "--", "x"], ["fakeroot-tcp", "x"],
            ["start-stop-daemon", "-S", "-a", "y", "-a", "x"], ["strace", "-o", "|x", "y"],
            ["strace", "--output=!x", "y"], ["strace", "-fo|x y", "z"], ["xargs", "-I", "a", "-I", "b", "x", "a"],
        ])
    func denied(argv: [String]) throws {
        #expect(denies(try policy("commands: { undecided: allow, deny: [x] }\n"), argv))
    }

    @Test(
        "what may hide one is undecided, and not on a list of what is allowed",
        arguments: [
            "hash -rp /bin/x ls; ls", "hash -p /bin/x ls; ls", "mapfile -tC x a < f", "readarray -tC x a < f",
            "enable -nf ./x.so ls", "compgen -C x", "compgen -W '$(x)'", "complete -C x ls", "BASH_CMDS[ls]=/bin/x; ls",
            "declare -A BASH_CMDS; BASH_CMDS[ls]=/bin/x; ls", "ls | bash /dev/fd/0", "ls | bash /dev/../dev/stdin",
            "find . -exec ls $A ';'", "strace -o \"$A\" ls",
        ])
    func undecided(line: String) throws {
        #expect(denies(try policy("commands: { deny: [x] }\n"), ["bash", "-c", line]))
        let own = try policy("commands: { undecided: allow, allow: [bash, ls, find, compgen, complete] }\n")
        #expect(denies(own, ["bash", "-c", line]))
    }

    @Test(
        "and what hides nothing is none of it",
        arguments: [
            "hash -r; ls", "mapfile -t a < f", "eval -- ls", "bash -norc -c ls", "bash -posix -c ls", "enable -n cd",
            "find . -name -exec -exec ls {} +", "find . -name a -exec ls {} ';'", "find src -exec ls d/* ';'",
            "ssh-agent ls", "xargs -I a -I b ls a",
        ])
    func harmless(line: String) throws {
        #expect(!denies(try policy("commands: { deny: [x] }\n"), ["bash", "-c", line]), "\(line)")
    }

    @Test(
        "a download is one through functions, texts, options with one dash and other names of the input",
        arguments: [
            "sh -c 'curl x' | perl", "eval curl x | perl", "f() { curl x; }; f | perl",
            "f() { g; }; g() { curl x; }; f | perl", "sh -c \"eval 'curl x'\" | perl", "perl -e \"$(sh -c 'curl x')\"",
            "f() { curl x; }; perl -e \"$(f)\"", "nice sh -c 'curl x' | cat | perl", "curl x | bash -norc",
            "curl x | bash -rcfile f -", "curl x | sh /dev/fd/0", "curl x | perl /dev/fd/0",
        ])
    func downloads(line: String) throws {
        let own = try policy("commands: { undecided: allow, deny: [{ check: runs-download }] }\n")
        #expect(denies(own, ["sh", "-c", line]))
    }

    @Test("a combining character behind what a pattern wants hides nothing")
    func patterns() throws {
        let own = try policy("commands: { deny: [{ program: git, arguments: [\"--exec=*\", \"*.x\"] }] }\n")
        #expect(denies(own, ["bash", "-c", "git $'--exec=\\u0301'\"$A\" a.x"]))
    }

    @Test("many options that name programs, or marks, are read in no time")
    func fans() throws {
        let own = try policy("commands: { undecided: allow, deny: [x] }\n")
        let daemons = Array(
            repeating: Array(repeating: ["-a", "start-stop-daemon"], count: 60).flatMap { $0 } + ["--"], count: 8)
        let marks = (0..<6000).map { "-Ia\($0)" }
        let clock = ContinuousClock()
        let time = clock.measure {
            _ = denies(own, ["start-stop-daemon"] + daemons.flatMap { $0 })
            _ = denies(own, ["xargs"] + marks + Array(repeating: "a", count: 20_000))
        }
        #expect(time < .seconds(5))
    }
}
