import SandboxPolicy
import Testing

@Suite("Strict reading")
struct StrictReadingTests {
    @Test("a minimal policy is read")
    func accepted() throws {
        #expect(problems(minimal) == [])
    }

    @Test("unknown keys, with the nearest one")
    func unknownKeys() {
        #expect(
            problems("version: 1\nextends: default\nlimits:\n  timeuot: 3s\n") == [
                "4:3: unknown key 'timeuot' in 'limits' (? timeout)"
            ])
        #expect(problems("version: 1\nextends: default\nlimit: {}\n") == ["3:1: unknown key 'limit' (? limits)"])
        #expect(
            problems("version: 1\nextends: default\nmemory: 1GiB\n") == ["3:1: unknown key 'memory' (? limits.memory)"])
        #expect(
            problems("version: 1\nextends: default\nlimits: { open_files: 9 }\n") == [
                "3:11: unknown key 'open_files' in 'limits' (? open-files)"
            ])
        #expect(problems("version: 1\nextends: default\nzzzzzz: 1\n") == ["3:1: unknown key 'zzzzzz'"])
        #expect(
            problems("version: 1\nextends: default\ncommands: { deny: [{ program: x, argument: [] }] }\n") == [
                "3:34: unknown key 'argument' in a rule of 'commands.deny' (? arguments)"
            ])
    }

    @Test("duplicate keys, block and flow, quoted or not, each at its second place")
    func duplicates() {
        #expect(
            problems("version: 1\nextends: default\nnetwork: none\nnetwork: loopback\n") == [
                "4:1: the key 'network' is given twice; the first is in line 3"
            ])
        #expect(
            problems("version: 1\nextends: default\nlimits: { cpus: 1, memory: 1GiB, \"cpus\": 2 }\n") == [
                "3:34: the key 'cpus' is given twice; the first is in line 3"
            ])
        // What else is wrong is still found, and a third occurrence too.
        #expect(
            problems("version: 1\nextends: default\nlimits:\n  cpus: 1\n  cpus: 2\n  cpus: 3\n  idel: 1s\n") == [
                "5:3: the key 'cpus' is given twice; the first is in line 4",
                "6:3: the key 'cpus' is given twice; the first is in line 4",
                "7:3: unknown key 'idel' in 'limits' (? idle)",
            ])
    }

    @Test("YAML that a policy does not use")
    func refusedYAML() {
        let head = "version: 1\nextends: default\n"
        #expect(problems(head + "network: !!str none\n") == ["3:10: tags are not allowed; write the value alone"])
        #expect(problems(head + "network: !!str \"none\"\n") == ["3:10: tags are not allowed; write the value alone"])
        #expect(problems(head + "limits: !mine { cpus: 1 }\n") == ["3:9: tags are not allowed; write the value alone"])
        #expect(problems(head + "network: &net none\n") == ["3:10: anchors and aliases are not allowed"])
        #expect(
            problems(head + "limits: &all { cpus: 1 }\nfinal: *all\n") == [
                "4:8: anchors and aliases are not allowed ('&all' and '*all')"
            ])
        #expect(
            problems(head + "final: *all\n") == [
                "3:8: aliases are not allowed; text that begins with '*' must stand in quotes"
            ])
        #expect(
            problems(head + "environment: { pass: [*] }\n") == [
                "3:24: text that begins with '*' or '&' must stand in quotes"
            ])
        #expect(problems(head + "limits: { <<: { cpus: 1 } }\n") == ["3:11: merge keys are not allowed; use 'extends'"])
        #expect(
            problems(head + "---\nversion: 1\n") == [
                "3:1: a policy file holds one document; this begins a second one"
            ])
        #expect(problems(head + "? [a]\n: b\n") == ["3:3: a key must be plain text"])
        #expect(
            problems(head + "network: none: x\n") == ["3:14: not YAML: mapping values are not allowed in this context"])
    }

    @Test("the version is needed and is 1")
    func version() {
        #expect(problems("extends: default\n") == ["1:1: 'version: 1' is missing"])
        for wrong in ["2", "\"1\"", "one", "1.0", "[1]", ""] {
            #expect(
                problems("version: \(wrong)\nextends: default\n").map {
                    $0.hasSuffix("the only version that this sandboxd reads")
                } == [true])
        }
        #expect(problems("") == ["1:1: the file is empty; a policy begins with 'version: 1'"])
        #expect(problems("# only a comment\n") == ["1:1: the file is empty; a policy begins with 'version: 1'"])
        #expect(
            problems("- version: 1\n") == ["1:1: a policy must be a mapping that begins with 'version: 1', not a list"])
    }

    @Test(
        "wrong types, units and values",
        arguments: [
            (
                "limits: { memory: 512 }",
                "3:19: 'limits.memory': '512' has no unit; write for example 512MiB; the range is 1MiB to 1024TiB"
            ),
            ("limits: { swap: -1 }", "3:17: 'limits.swap': '-1' is negative; the range is 0B to 1024TiB"),
            (
                "limits: { stdout: 0B }", "3:19: 'limits.stdout': '0B' is out of range; the range is 1B to 1024TiB"
            ),
            (
                "limits: { stderr: 1.5.2GiB }",
                "3:19: 'limits.stderr': '1.5.2GiB' is not a whole number with a unit; the range is 1B to 1024TiB"
            ),
            ("limits: { grace: 6m }", "3:18: 'limits.grace': '6m' is out of range; the range is 0s to 5m"),
            (
                "limits: { grace: 0 }",
                "3:18: 'limits.grace': '0' has no unit; write for example 0s; the range is 0s to 5m"
            ),
            (
                "limits: { read-rate: 63KiB }",
                "3:22: 'limits.read-rate': '63KiB' is out of range; the range is 64KiB to 1024TiB"
            ),
            (
                "limits: { write-rate: 10MiB/s }",
                "3:23: 'limits.write-rate': '10MiB/s' is not a whole number with a unit; the range is 64KiB to 1024TiB"
            ),
            (
                "workspace: { size: 4095B }",
                "3:20: 'workspace.size': '4095B' is out of range; the range is 4KiB to 1024TiB"
            ),
            (
                "workspace: { inodes: 1 }",
                "3:22: 'workspace.inodes': '1' is out of range; the range is 2 to 4294967295"
            ),
            ("limits: { red-rate: 1MiB }", "3:11: unknown key 'red-rate' in 'limits' (? read-rate)"),
            ("limits: { memory: [1GiB] }", "3:19: 'limits.memory' must be a single value, not a list"),
            ("limits: { memory: 4KiB }", "3:19: 'limits.memory': '4KiB' is out of range; the range is 1MiB to 1024TiB"),
            ("limits: { processes: 0 }", "3:22: 'limits.processes': '0' is out of range; the range is 1 to 4194304"),
            (
                "limits: { processes: 1.5 }",
                "3:22: 'limits.processes': '1.5' is not a whole number; the range is 1 to 4194304"
            ),
            (
                "limits: { cpus: .inf }",
                "3:17: 'limits.cpus': '.inf' is not a number of cores; the range is 0.001 to 1024, with at most 3 decimals"
            ),
            (
                "limits: { timeout: 30 }",
                "3:20: 'limits.timeout': '30' has no unit; write for example 30s; the range is 1ms to 720h"
            ),
            ("limits: [1]", "3:9: 'limits' must be a mapping, not a list"),
            ("limits:", "3:8: 'limits' must be a mapping, not nothing"),
            ("limits: { memory: }", "3:19: 'limits.memory' must be a single value, not nothing"),
            ("network: null", "3:10: 'network' must be a value, not null; leave the key out instead"),
            ("backend: podman", "3:10: 'backend' must be one of native, docker, not 'podman'"),
            ("backend: dokcer", "3:10: 'backend' must be one of native, docker, not 'dokcer' (? docker)"),
            ("dcoker: { image: x }", "3:1: unknown key 'dcoker' (? docker)"),
            ("network: loopbak", "3:10: 'network' must be one of none, loopback, not 'loopbak' (? loopback)"),
            ("workspace: { mode: rw }", "3:20: 'workspace.mode' must be one of none, read, write, not 'rw'"),
            ("workspace: { execute: \"true\" }", "3:23: 'workspace.execute' must be true or false, without quotes"),
            ("workspace: { execute: yes }", "3:23: 'workspace.execute' must be true or false, without quotes"),
            (
                "workspace: { roots: [~root] }",
                "3:22: 'workspace.roots': '~root': only '~' alone stands for the caller's home"
            ),
            ("workspace: { roots: [srv] }", "3:22: 'workspace.roots': 'srv' is not an absolute path"),
            (
                "environment: { pass: [\"A*B\"] }",
                "3:23: 'environment.pass': 'A*B' is not a variable's name; '*' may stand at its end only"
            ),
            ("environment: { set: { 1A: x } }", "3:23: 'environment.set': '1A' is not a variable's name"),
            (
                "syscalls: { deny: [Ptrace] }",
                "3:20: 'syscalls.deny': 'Ptrace' is neither a system call nor a group of them (? ptrace)"
            ),
            ("syscalls: { deny: [ptrace, ptrace] }", "3:28: 'syscalls.deny': 'ptrace' is given twice"),
            (
                "syscalls: { allow: [namespace] }",
                "3:21: 'syscalls.allow': 'namespace' is neither a system call nor a group of them (? namespaces)"
            ),
            (
                "syscalls: { allow: [bpf] }",
                "3:21: 'syscalls.allow': 'bpf' cannot be allowed by any policy (ebpf: programs in the kernel)"
            ),
            (
                "syscalls: { allow: [kcmp], deny: [kcmp] }",
                "3:21: 'kcmp' is both in 'syscalls.allow' and in 'syscalls.deny' of policy bad"
            ),
            (
                "commands: { deny: [./rm] }",
                "3:20: 'commands.deny': './rm' is neither a program's name nor an absolute path"
            ),
            (
                "commands: { deny: [/bin/../rm] }",
                "3:20: 'commands.deny': '/bin/../rm' is not a normalised path of a program"
            ),
            (
                "commands: { deny: [{ reason: x }] }",
                "3:20: a rule of 'commands.deny' has no 'program'; write '*' for any"
            ),
            ("commands: { deny: rm }", "3:19: 'commands.deny' must be a list, not a single value"),
            (
                "commands: { undecided: maybe }",
                "3:24: 'commands.undecided' must be one of deny, allow, not 'maybe'"
            ),
            (
                "commands: { write-execute-memory: no }",
                "3:35: 'commands.write-execute-memory' must be true or false, without quotes"
            ),
            (
                "workspace: { execute: false }\ncommands: { execute: [python3] }",
                "4:23: 'commands.execute': 'python3' is not an absolute path"
            ),
            (
                "workspace: { execute: false }\ncommands: { execute: [/] }",
                "4:23: 'commands.execute': '/' would allow every program; name the directories, as in /usr/bin/"
            ),
            (
                "workspace: { execute: false }\ncommands: { execute: [/usr/bin//] }",
                "4:23: 'commands.execute': '/usr/bin/' is not normalised; write '/usr/bin'"
            ),
            (
                "workspace: { execute: false }\ncommands: { execute: [/opt/x] }",
                "4:23: 'commands.execute': '/opt/x' is not below a path of 'filesystem.read'"
            ),
            (
                "commands: { libraries: [/usr/lib] }",
                "3:13: 'commands.libraries' says where the programs of 'commands.execute' load code from, and there is no "
                    + "'commands.execute'"
            ),
            ("tenants: {}", "3:10: 'tenants' is empty; write 'users: []' for nobody"),
            ("tenants: [alice]", "3:10: 'tenants' must be a mapping, not a list"),
            ("tenants: { user: [alice] }", "3:12: unknown key 'user' in 'tenants' (? users)"),
            (
                "tenants: { users: [4294967295] }",
                "3:20: 'tenants.users': '4294967295' is neither a name nor a number below 4294967295"
            ),
            ("tenants: { groups: [\"a:b\"] }", "3:21: 'tenants.groups': 'a:b' is not the name of a user or a group"),
            ("final: [limits.memry]", "3:9: unknown key 'limits.memry' in 'final' (? limits.memory)"),
            (
                "filesystem: { read: [/usr], hide: [/opt/x] }",
                "3:36: 'filesystem.hide': '/opt/x' is not below a path of 'filesystem.read'"
            ),
        ])
    func values(line: String, expected: String) {
        #expect(problems("version: 1\nextends: default\n\(line)\n") == [expected])
    }

    @Test(
        "paths that no policy may show",
        arguments: [
            "/", "/proc", "/proc/1", "/sys", "/dev", "/run/secrets", "/var/run/docker.sock", "/root", "/root/.ssh",
            "/etc",
            "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d/x", "/etc/ssh", "/etc/ssh/ssh_host_rsa_key",
            "/etc/security", "/tmp", "/workspace", "/usr/", "/usr//bin", "/usr/./bin", "/usr/../etc/shadow", "usr",
            "/usr/*",
        ])
    func refusedPaths(path: String) {
        let found = problems("version: 1\nextends: default\nfilesystem:\n  read: [\"\(path)\"]\n")
        #expect(found.map { $0.hasPrefix("4:10: 'filesystem.read': ") } == [true])
    }

    @Test("all problems of a file at once, in its order")
    func collected() {
        let found = problems("version: 2\nnetwrk: none\nlimits:\n  memory: 0B\n  cpus: x\nworkspace: { mode: all }\n")
        #expect(found.map { String($0.prefix { $0 != " " }) } == ["1:10:", "2:1:", "3:1:", "4:11:", "5:9:", "6:20:"])
    }

    @Test("no limit by omission")
    func missing() {
        let found = problems("version: 1\nfilesystem: { tmp: 1MiB }\nlimits: { memory: 1GiB, cpus: 1 }\n")
        #expect(
            found == [
                "3:1: 'filesystem.shm', 'limits.processes', 'limits.open-files', 'limits.file-size', 'limits.output', "
                    + "'limits.timeout' missing: a policy sets every limit or inherits it"
            ])
    }

    @Test("a diagnostic shows the line and a caret below the place")
    func caret() throws {
        let problem = try #require(
            try diagnostics(Array("version: 1\nextends: default\nlimits: { timeuot: 3s }\n".utf8)).first)
        #expect(
            problem.description == """
                bad.yaml:3:11: error: unknown key 'timeuot' in 'limits'; did you mean 'timeout'?
                  limits: { timeuot: 3s }
                            ^
                """)
    }
}
