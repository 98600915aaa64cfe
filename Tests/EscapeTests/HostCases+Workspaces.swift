import EscapeAttempts
import Glibc
import SandboxClient
import SandboxTestSupport

extension HostCase {
    /// A service whose only policy of interest lets workspaces be below one directory.
    private static func rooted(_ directory: String, mode: String = "write") throws -> Service {
        try Service(
            policies: [
                "rooted": """
                version: 1
                extends: default
                description: One root
                workspace: { roots: ["\(directory)"], mode: \(mode) }
                """
            ])
    }

    static let workspaces: [HostCase] = [
        HostCase(
            "workspace-becomes-a-link", "CVE-2026-39861, CVE-2024-42472, CVE-2026-34078",
            "a run replaces a directory by a link to /etc; the next request names it as its workspace"
        ) { bench in
            let directory = bench.directory()
            try directory.makeDirectory("sub")
            let service = try rooted(directory.path)
            _ = try await bench.said(
                ["/bin/sh", "-c", "rmdir sub; ln -s \(bench.canary.directory.path) sub"], policy: "rooted",
                workspace: directory.path, service: service)
            let look = ["/bin/sh", "-c", "cat secret"]
            let said = try await bench.said(
                look, policy: "rooted", workspace: directory.path + "/sub", service: service)
            return Judgement(
                bench.bySecret(said), outside: bench.bySecret(try bench.outside(look, in: directory.path + "/sub")))
        },
        HostCase(
            "cwd-becomes-a-link", "CVE-2018-15664, go-judge#176",
            "a run replaces a directory by a link to the host's secret; the next request names it as its cwd"
        ) { bench in
            let directory = bench.directory()
            _ = try await bench.said(
                ["ln", "-s", bench.canary.directory.path, "sub"], workspace: directory.path)
            let look = ["/bin/sh", "-c", "cat secret"]
            let said = try await bench.said(look, workspace: directory.path, cwd: "sub")
            return Judgement(
                bench.bySecret(said), outside: bench.bySecret(try bench.outside(look, in: directory.path + "/sub")))
        },
        HostCase(
            "workspace-exchanged", "CVE-2021-30465, CVE-2024-45310",
            "100 requests (20 without root) for W/flip/d, while W/flip is exchanged with a link to the secret by RENAME_EXCHANGE"
        ) { bench in
            try await exchanged(bench)
        },
        HostCase("workspace-fifo", "go-judge special files", "a FIFO where the next request's workspace should be") {
            bench in
            let directory = bench.directory()
            _ = try await bench.said(["mkfifo", "sub"], workspace: directory.path)
            return Judgement(
                try await bench.refused(
                    RunRequest(argv: ["true"], policy: "widest", workspace: directory.path + "/sub"),
                    [.workspaceNotDirectory, .workspaceDenied]))
        },
        HostCase(
            "absent-settings", "CVE-2026-25725",
            "create .claude/settings.json and .git/hooks in a workspace that is read-only"
        ) { bench in
            let directory = bench.directory()
            let service = try rooted(directory.path, mode: "read")
            let payload = [
                "/bin/sh", "-c", "mkdir -p .claude .git/hooks; echo evil > .claude/settings.json; echo evil > x",
            ]
            _ = try await bench.said(payload, policy: "rooted", workspace: directory.path, service: service)
            let made = [".claude", ".git", "x"].filter { directory.has($0) }
            _ = try bench.outside(payload, in: directory.path)
            return Judgement(
                made.isEmpty ? .stopped("nothing was made") : .escaped("\(made)"),
                outside: directory.has("x") ? .escaped("made") : .stopped("nothing was made"))
        },
        HostCase(
            "workspace-with-dev", "CVE-2026-41579",
            "dev, proc, etc, tmp and sandbox in the workspace as links to a host's directory"
        ) { bench in
            let directory = bench.directory()
            let victim = bench.directory()
            try victim.write("null", "untouched")
            for name in ["dev", "proc", "etc", "tmp", "sandbox", "workspace", "usr", ".mask"] {
                guard symlink(victim.path, "\(directory.path)/\(name)") == 0 else { throw StageError.text("symlink") }
            }
            let payload = ["/bin/sh", "-c", "echo evil > dev/null; rm -f dev/null; touch tmp/made"]
            _ = try await bench.said(payload, workspace: directory.path, cwd: "dev")
            _ = try await bench.said(payload, workspace: directory.path)
            let inside = try bench.outside(["/bin/ls", "-A", victim.path]) + (try victim.read("null"))
            _ = try bench.outside(payload, in: directory.path)
            let outside = try bench.outside(["/bin/ls", "-A", victim.path])
            return Judgement(
                inside == "null\nuntouched" ? .stopped("untouched") : .escaped(inside),
                outside: outside == "null\n" ? .stopped("untouched") : .escaped("changed"))
        },
        HostCase("ghost-files", "srt#139", "files that the sandbox itself leaves in the workspace") { bench in
            let directory = bench.directory()
            _ = try await bench.said(["true"], workspace: directory.path)
            let listed = try bench.outside(["/bin/ls", "-A", directory.path])
            return Judgement(listed.isEmpty ? .stopped("none") : .escaped(listed))
        },
        HostCase(
            "workspace-socket-descriptor", "SCM_RIGHTS",
            "a process of the host serves a socket in the workspace and gives the root directory's descriptor away"
        ) { bench in
            try await descriptorGift(bench)
        },
        HostCase(
            "workspace-socket", "srt#234, agents' sockets",
            "talk to a process of the host through its socket in the workspace"
        ) { bench in
            try await talk(bench, policy: "widest")
        },
        HostCase(
            "workspace-socket-offline", "srt#234, agents' sockets", "the same under a policy that denies network-client"
        ) { bench in
            try await talk(bench, policy: "offline")
        },
        HostCase("sandboxd-socket-in-workspace", "srt#234, docker.sock", "ask sandboxd for a run from inside a run") {
            bench in
            let payload = """
                import socket
                s = socket.socket(socket.AF_UNIX); s.connect("sandboxd.sock")
                hello = b'{"type":"hello","version":1,"capabilities":[]}'
                s.sendall(len(hello).to_bytes(4, "big") + bytes([1]) + hello)
                s.settimeout(5)
                answer = s.recv(4096)
                print("escaped" if b'"hello"' in answer else answer)
                """
            let said = try await bench.said(["python3", "-c", payload], workspace: bench.service.directory.path)
            let outside = try bench.outside(["/usr/bin/python3", "-c", payload], in: bench.service.directory.path)
            return Judgement(bench.byWord(said), outside: bench.byWord(outside))
        },
    ]

    private static func exchanged(_ bench: Bench) async throws -> Judgement {
        let directory = bench.directory()
        let outside = bench.directory()
        try directory.makeDirectory("flip")
        try directory.makeDirectory("flip/d")
        try outside.makeDirectory("d")
        try outside.write("d/secret", bench.canary.secret)
        guard symlink(outside.path, "\(directory.path)/link") == 0 else { throw StageError.text("symlink") }
        let service = try rooted(directory.path)
        let flipper = """
            import ctypes, os, signal
            c = ctypes.CDLL(None); signal.alarm(60)
            while True: c.renameat2(-100, b"flip", -100, b"link", 2)
            """
        let program = try StartedProgram(
            ["/bin/sh", "-c", "cd \(directory.path) && exec /usr/bin/python3 -c '\(flipper)'"], descriptors: [0, 1, 2])
        defer {
            kill(program.pid, SIGKILL)
            program.wait()
        }
        // Without root each request has a daemon of its own, which takes longer than all the rest.
        let requests = if case .service = bench.service.mode { 100 } else { 20 }
        var refused = 0
        for _ in 0..<requests {
            let said = try await bench.said(
                ["/bin/sh", "-c", "cat secret"], policy: "rooted", workspace: directory.path + "/flip/d",
                service: service)
            if said.contains(bench.canary.secret) { return Judgement(.escaped("the secret")) }
            if !said.contains("No such file") { refused += 1 }
        }
        // Check and use by name, as others did it.
        let naive = """
            import os
            for _ in range(200000):
                try:
                    if os.path.realpath("flip/d").startswith("\(directory.path)"): print(open("flip/d/secret").read()); break
                except OSError: pass
            """
        let raced = try bench.outside(["/usr/bin/python3", "-c", naive], in: directory.path)
        return Judgement(.stopped("\(refused) of \(requests) refused, none outside"), outside: bench.bySecret(raced))
    }

    /// Landlock does not lose sight of a descriptor that was opened outside: a path below it is outside.
    private static func talk(_ bench: Bench, policy: String) async throws -> Judgement {
        let directory = bench.directory()
        let server = """
            import os, signal, socket
            signal.alarm(30)
            s = socket.socket(socket.AF_UNIX); s.bind("agent"); os.chmod("agent", 0o777); s.listen()
            while True: s.accept()[0].sendall(b"escaped")
            """
        let payload = """
            import socket
            try:
                s = socket.socket(socket.AF_UNIX); s.connect("agent"); print(s.recv(9).decode())
            except OSError as e: print("stopped", e)
            """
        let program = try StartedProgram(
            ["/bin/sh", "-c", "cd \(directory.path) && exec /usr/bin/python3 -c '\(server)'"], descriptors: [0, 1, 2])
        defer {
            kill(program.pid, SIGKILL)
            program.wait()
        }
        for _ in 0..<300 where !directory.has("agent") { usleep(10_000) }
        let argv = ["/usr/bin/python3", "-c", payload]
        let said = try await bench.said(argv, policy: policy, workspace: directory.path)
        return Judgement(bench.byWord(said), outside: bench.byWord(try bench.outside(argv, in: directory.path)))
    }

    private static func descriptorGift(_ bench: Bench) async throws -> Judgement {
        let directory = bench.directory()
        let server = """
            import os, signal, socket
            signal.alarm(30)
            s = socket.socket(socket.AF_UNIX); s.bind("gift"); os.chmod("gift", 0o777); s.listen()
            root = os.open("/", os.O_PATH)
            while True: socket.send_fds(s.accept()[0], [b"x"], [root])
            """
        let payload = """
            import os, socket, sys
            s = socket.socket(socket.AF_UNIX); s.connect("gift")
            _, fds, _, _ = socket.recv_fds(s, 1, 1)
            for path in sys.argv[1], "etc/shadow":
                try: print(os.read(os.open(path, os.O_RDONLY, dir_fd=fds[0]), 99))
                except OSError as e: print(e)
            os.fchdir(fds[0]); print(os.listdir("root"))
            """
        let program = try StartedProgram(
            ["/bin/sh", "-c", "cd \(directory.path) && exec /usr/bin/python3 -c '\(server)'"], descriptors: [0, 1, 2])
        defer {
            kill(program.pid, SIGKILL)
            program.wait()
        }
        for _ in 0..<300 where !directory.has("gift") { usleep(10_000) }
        let argv = ["/usr/bin/python3", "-c", payload, String(bench.canary.file.dropFirst())]
        let said = try await bench.said(argv, workspace: directory.path)
        guard said.contains("ermission denied") || said.contains(bench.canary.secret) else {
            return Judgement(.error(said))
        }
        return Judgement(
            bench.bySecret(said), outside: bench.bySecret(try bench.outside(argv, in: directory.path)))
    }

    /// What a run leaves on the host's disk, and what the next one or the host makes of it.
    static let leftovers: [HostCase] = [
        HostCase("planted-links", "CVE-2024-28185", "links to a file of root's by every name that a run could write to")
        {
            bench in
            let directory = bench.directory()
            let victim = bench.directory()
            try victim.write("file", "untouched", mode: 0o666)
            let names = [
                "core", "stdout", "stderr", "out", "log", "report.json", ".sandboxd", "tmp", "result", "script.sh",
            ]
            let plant = names.map { "ln -s \(victim.path)/file \($0)" }.joined(separator: "; ")
            _ = try await bench.said(["/bin/sh", "-c", plant], workspace: directory.path)
            let second = ["/bin/sh", "-c", "for f in *; do echo evil > $f; done; kill -SEGV $$"]
            _ = try await bench.said(second, workspace: directory.path)
            let inside = try victim.read("file")
            _ = try bench.outside(second, in: directory.path)
            return Judgement(
                inside == "untouched" ? .stopped("untouched") : .escaped(inside),
                outside: try victim.read("file") == "untouched" ? .stopped("untouched") : .escaped("written"))
        },
        HostCase("owner-through-link", "CVE-2024-28189", "chmod and chown of a file of the host through a link") {
            bench in
            let directory = bench.directory()
            let victim = bench.directory()
            try victim.write("file", "x")
            guard symlink("\(victim.path)/file", "\(directory.path)/link") == 0 else {
                throw StageError.text("symlink")
            }
            let payload = [
                "/bin/sh", "-c", "chmod 777 link; chown 1000 link; chmod -R 777 .; touch -d 1999-01-01 link",
            ]
            _ = try await bench.said(payload, workspace: directory.path)
            func mode() -> UInt32 {
                var status = stat()
                lstat("\(victim.path)/file", &status)
                return status.st_mode & 0o7777
            }
            let inside = mode()
            _ = try bench.outside(payload, in: directory.path)
            return Judgement(
                inside == 0o644 ? .stopped("0644") : .escaped("\(inside)"),
                outside: mode() == 0o644 ? .stopped("0644") : .escaped("0777"))
        },
        HostCase(
            "set-id-by-programs", "set-user-ID files",
            "leave a set-user-ID file by chmod, cp -p, install, tar and Python"
        ) {
            bench in
            let directory = bench.directory()
            let payload = """
                cp /bin/true a; chmod 4755 a; cp -p a b; install -m 4755 /bin/true c; \
                python3 -c 'import os; os.chmod("a", 0o6755)'; chmod u+s a; tar cf t a; rm a; tar xpf t; \
                perl -e 'chmod 04755, "a"'; true
                """
            func found() throws -> String {
                try bench.outside(["/usr/bin/find", directory.path, "-perm", "/6000"])
            }
            _ = try await bench.said(["/bin/sh", "-c", payload], workspace: directory.path)
            let inside = try found()
            _ = try bench.outside(["/bin/sh", "-c", payload], in: directory.path)
            return Judgement(
                inside.isEmpty ? .stopped("none") : .escaped(inside),
                outside: try found().isEmpty ? .stopped("none") : .escaped("set-user-ID files"))
        },
        HostCase("device-by-programs", "mknod(2)", "leave a device by mknod, tar, cp -a and a whiteout") { bench in
            let directory = bench.directory()
            let payload = """
                mknod a c 1 3; mknod b b 7 0; cp -a /dev/null c; (cd /dev; tar cf - null) | tar xf -; \
                python3 -c 'import ctypes; open("d","w"); ctypes.CDLL(None).renameat2(-100, b"d", -100, b"e", 4)'; true
                """
            func found() throws -> String {
                try bench.outside(["/usr/bin/find", directory.path, "-type", "c", "-o", "-type", "b"])
            }
            _ = try await bench.said(["/bin/sh", "-c", payload], workspace: directory.path)
            let inside = try found()
            _ = try bench.outside(["/bin/sh", "-c", payload], in: directory.path)
            return Judgement(
                inside.isEmpty ? .stopped("none") : .escaped(inside),
                outside: try found().isEmpty ? .stopped("none") : .escaped("devices"))
        },
        HostCase("core-file", "core(5)", "a core dump of the command's memory in the workspace") { bench in
            let directory = bench.directory()
            let payload = ["/bin/sh", "-c", "ulimit -c unlimited; sh -c 'kill -SEGV $$'; ls core* && echo escaped"]
            let said = try await bench.said(payload, workspace: directory.path)
            let outside = try bench.outside(payload, in: directory.path)
            return Judgement(bench.byWord(said), outside: bench.byWord(outside))
        },
        HostCase("files-of-others", "id maps", "leave a file that is not the caller's") { bench in
            let directory = bench.directory()
            let owner = bench.canary.user
            chown(directory.path, owner, owner)
            let payload = ["/bin/sh", "-c", "touch a; mkdir b; ln -s x c; mkfifo d; chown 0 a; chgrp 0 a; true"]
            _ = try await bench.said(payload, workspace: directory.path)
            // Root asked, so root's it is; the sandbox's own ids must be on no disk.
            let strange = try bench.outside(["/usr/bin/find", directory.path, "-uid", "+1879048191"])
            return Judgement(strange.isEmpty ? .stopped("none") : .escaped(strange))
        },
    ]
}
