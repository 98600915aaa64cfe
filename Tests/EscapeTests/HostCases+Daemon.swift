import EscapeAttempts
import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport

extension HostCase {
    /// What an escape or a local user would find: judged on the host alone.
    static let daemon: [HostCase] = [
        HostCase("daemon-on-the-network", "SandboxFusion: 0.0.0.0", "a port that the daemon or the launcher listens on")
        {
            bench in
            let pids = try family(bench)
            let listed = try bench.outside(["/bin/sh", "-c", "for p in \(pids); do ls -l /proc/$p/fd; done"])
            let sockets = Set(
                listed.split(separator: "\n").compactMap {
                    $0.split(separator: "socket:[").dropFirst().first?.dropLast()
                })
            let tables = ["tcp", "tcp6", "udp", "udp6", "raw"].map { (try? wholeFile("/proc/net/\($0)")) ?? "" }
                .joined()
            let inodes = Set(
                tables.split(separator: "\n").compactMap { line in
                    line.split(whereSeparator: \.isWhitespace).dropFirst(9).first
                })
            let open = sockets.intersection(inodes)
            return Judgement(open.isEmpty ? .stopped("\(sockets.count) Unix sockets") : .escaped("\(open)"))
        },
        HostCase("daemon-is-root", "go-judge", "a daemon that a parser's mistake makes root") { bench in
            let status = try wholeFile("/proc/\(bench.service.daemon.pid)/status")
            let lines = status.split(separator: "\n")
            let uid = lines.first { $0.hasPrefix("Uid:") } ?? ""
            let capabilities = lines.filter { $0.hasPrefix("Cap") && !$0.hasPrefix("CapBnd") }
            let none = capabilities.allSatisfy { $0.hasSuffix("0000000000000000") }
            return Judgement(
                none && !uid.split(whereSeparator: \.isWhitespace).contains("0") ? .stopped("\(uid)") : .escaped(status)
            )
        },
        HostCase(
            "daemon-temporary-files", "CVE-2026-46406", "a file of the daemon's in a directory that others can write"
        ) {
            bench in
            let listed = try family(bench).split(separator: " ").map { pid in
                try bench.outside(["/bin/ls", "-l", "/proc/\(pid)/fd"])
            }.joined()
            let bad = listed.split(separator: "\n").filter {
                ($0.contains("-> /tmp") || $0.contains("-> /var/tmp") || $0.contains("-> /dev/shm"))
                    && !$0.contains(bench.service.directory.path)
            }
            return Judgement(bad.isEmpty ? .stopped("none") : .escaped("\(bad)"))
        },
        HostCase("daemon-socket-mode", "go-judge: optional token", "the socket without an option: open to all") {
            bench in
            let service = try Service()
            var status = stat()
            lstat(service.socket, &status)
            return Judgement(
                status.st_mode & 0o007 == 0 ? .stopped(String(status.st_mode & 0o777, radix: 8)) : .escaped("open"))
        },
        HostCase(
            "init-program-overwritten", "CVE-2019-5736", "write the program of a running pid 1, as root on the host"
        ) {
            bench in
            let marker = bench.marker()
            let run = try await bench.client.start(RunRequest(argv: ["sleep", marker], policy: "widest"))
            for try await event in run.events { if event == .started { break } }
            defer { run.cancel() }
            guard let pid = try bench.processes("sleep \(marker)").first, let first = try parent(of: pid) else {
                return Judgement(.error("no process"))
            }
            let descriptor = open("/proc/\(first)/exe", O_WRONLY)
            let code = errno
            if descriptor < 0 { return Judgement(.stopped("errno \(code)")) }
            // Opened; a sealed file takes no byte. None is written.
            let result = ftruncate(descriptor, 1 << 40)
            let cannot = errno
            close(descriptor)
            return Judgement(result == 0 ? .escaped("changed") : .stopped("errno \(cannot)"))
        },
        HostCase(
            "network-before-policy", "agent-sandbox PR#105", "twenty commands that connect with their first instruction"
        ) {
            bench in
            let directory = try AttemptRuns.workspace(owner: 0)
            for _ in 0..<20 {
                let said = try await bench.said(
                    ["./escape-probe", "host-port"], workspace: directory.path,
                    environment: bench.canary.surroundings)
                guard let verdict = AttemptRuns.parse(said)["host-port"], verdict.word == "stopped" else {
                    return Judgement(.escaped(said))
                }
            }
            return Judgement(.stopped("none reached it"))
        },
        HostCase("defaults", "go-judge: seccomp off", "a run without any policy or option: an unconfined default") {
            bench in
            let service = try Service()
            let output = try await service.client().run("cat", "/proc/self/status")
            return Judgement(withExtendedLifetime(service) { confined(output.outputText) })
        },
    ]

    /// pids of the daemon and its launcher.
    private static func family(_ bench: Bench) throws -> String {
        let launchers = try bench.processes("sandbox-launcher").filter {
            try parent(of: $0) == bench.service.daemon.pid
        }
        return ([bench.service.daemon.pid] + launchers).map { "\($0)" }.joined(separator: " ")
    }

    /// By /proc/self/status: no new privileges, a filter, no capability, user 1000 alone.
    static func confined(_ status: String) -> Verdict {
        let wanted = [
            "NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000",
            "CapBnd:\t0000000000000000",
        ]
        var missing = wanted.filter { !status.contains($0) }
        for kind in ["Uid", "Gid"] {
            let line = status.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(kind):\t") }
            let ids = Set((line ?? "").split(separator: "\t").dropFirst().compactMap { UInt32($0) })
            // In a container there is no user namespace around it: one of the host's numbers, which nobody else has.
            let isOwn =
                Backend.current == .native ? ids == [1000] : ids.count == 1 && ids.allSatisfy { $0 >= 0x7000_0000 }
            if !isOwn { missing.append(kind) }
        }
        return missing.isEmpty ? .stopped("confined") : .escaped("not: \(missing) in \(status.lastLine)")
    }

    /// Callers of the same service against one another.
    static let users: [HostCase] = [
        HostCase("kill-of-another-user", "CVE-2022-31214", "end a run of another user by its id") { bench in
            let marker = bench.marker()
            let run = try await bench.client.start(RunRequest(argv: ["sleep", marker], policy: "widest"))
            for try await event in run.events { if event == .started { break } }
            defer { run.cancel() }
            let said = try sandboxctl(bench, ["kill"], [run.id])
            usleep(100_000)
            let lives = try !bench.processes("sleep \(marker)").isEmpty
            return Judgement(lives ? .stopped(said.lastLine) : .escaped("ended"))
        },
        HostCase("runs-of-another-user", "E2B cross-team", "see runs of another user") { bench in
            let run = try await bench.client.start(RunRequest(argv: ["sleep", bench.marker()], policy: "widest"))
            defer { run.cancel() }
            let said = try sandboxctl(bench, ["ps"], [])
            return Judgement(said.contains(run.id) ? .escaped(said) : .stopped("not listed"))
        },
        HostCase("workspace-of-another-user", "confused deputy", "the directory of another user as workspace") {
            bench in
            let secret = TemporaryDirectory()
            try secret.write("secret", bench.canary.secret)
            let said = try sandboxctl(bench, ["exec"], ["--workspace", secret.path, "--", "cat", "secret"])
            return Judgement(
                bench.bySecret(said), outside: bench.bySecret(try bench.outside(["/bin/cat", "\(secret.path)/secret"])))
        },
        HostCase("workspace-by-group", "isolate 2.5: groups kept", "a directory that only root's group may enter") {
            bench in
            let secret = TemporaryDirectory()
            try secret.write("secret", bench.canary.secret)
            chmod(secret.path, 0o070)
            let said = try sandboxctl(bench, ["exec"], ["--workspace", secret.path, "--", "cat", "secret"])
            return Judgement(bench.bySecret(said))
        },
        HostCase("existence-oracle", "isolate 2.5", "learn by the error whether a path in a private directory exists") {
            bench in
            let secret = TemporaryDirectory()
            try secret.makeDirectory("there")
            let answers = try ["there", "nowhere"].map { name in
                try sandboxctl(bench, ["exec"], ["--workspace", "\(secret.path)/\(name)", "--", "true"])
                    .split(separator: name).joined()
            }
            return Judgement(answers[0] == answers[1] ? .stopped(answers[0].lastLine) : .escaped("\(answers)"))
        },
        HostCase("owner-of-files", "CVE-2024-28189", "leave a file of another user in one's own workspace") { bench in
            let own = TemporaryDirectory()
            chown(own.path, bench.canary.user, bench.canary.user)
            _ = try sandboxctl(
                bench, ["exec"],
                ["--workspace", own.path, "--", "sh", "-c", "touch a; mkdir b; chown 0 a; chgrp 0 b; chown 1 a; true"])
            let foreign = try bench.outside([
                "/usr/bin/find", own.path, "!", "-uid", "\(bench.canary.user)", "-o", "!", "-gid",
                "\(bench.canary.user)",
            ])
            guard own.has("a") else { return Judgement(.error("nothing was made")) }
            return Judgement(foreign.isEmpty ? .stopped("none") : .escaped(foreign))
        },
    ]

    /// A copy of sandboxctl, run by the canary's user: the checkout may be where that user cannot look.
    private static func sandboxctl(_ bench: Bench, _ verb: [String], _ rest: [String]) throws -> String {
        let directory = bench.directory()
        let programs = ["sandboxctl", "sandboxctl-verbs"].map { BuiltProducts.path($0) }
        _ = try bench.outside(["/bin/cp"] + programs + [directory.path])
        return try bench.outside(
            ["\(directory.path)/sandboxctl"] + verb + ["--socket", bench.service.socket] + rest, as: bench.canary.user)
    }

    /// The same confinement by every way in (codex's zsh-fork path had none).
    static let ways: [HostCase] = [
        way("pipes") { bench in try await bench.said(["cat", "/proc/self/status"]) },
        way("workspace-and-cwd") { bench in
            let directory = bench.directory()
            return try await bench.said(["cat", "/proc/self/status"], workspace: directory.path, cwd: "/tmp")
        },
        way("input") { bench in
            let request = RunRequest(argv: ["cat", "/proc/self/status", "-"], policy: "widest")
            return try await bench.client.run(request, input: Array("x".utf8)).outputText
        },
        way("terminal") { bench in
            try await terminal(bench, ["cat", "/proc/self/status"]).split(separator: "\r").joined()
        },
        way("shell") { bench in try await bench.said(["sh", "-c", "exec sh -c 'exec cat /proc/self/status'"]) },
        way("sandboxctl") { bench in
            try Ran([
                BuiltProducts.path("sandboxctl"), "exec", "--socket", bench.service.socket, "--", "cat",
                "/proc/self/status",
            ]).output
        },
        way("standalone") { bench in
            try Ran([BuiltProducts.path("sandboxctl"), "exec", "--standalone", "--", "cat", "/proc/self/status"]).output
        },
        HostCase("terminal-typing", "CVE-2017-5226", "TIOCSTI on a real terminal of the caller's") { bench in
            let payload =
                "import fcntl\ntry: fcntl.ioctl(0, 0x5412, b'x'); print('escaped')\nexcept OSError as e: print(e)"
            return Judgement(bench.byWord(try await terminal(bench, ["python3", "-c", payload])))
        },
        HostCase("terminal-of-others", "CVE-2025-52565", "another terminal in /dev/pts, and a link at /dev/console") {
            bench in
            let script = "ls /dev/pts; ln -s /dev/pts/0 /dev/console && echo escaped; ls /dev/console && echo escaped"
            let said = try await terminal(bench, ["sh", "-c", script]).split(separator: "\r").joined()
            let foreign = said.split(separator: "\n").filter { Int($0) != nil }
            return Judgement(foreign.isEmpty ? bench.byWord(said) : .escaped("terminals \(foreign)"))
        },
        HostCase("terminal-hang-up", "terminals", "hang up, lock and steal the caller's terminal") { bench in
            let payload = """
                import fcntl, os
                for request in 0x540e, 0x541d, 0x5437, 0x5423, 0x541c, 0x40045431:
                    try: print(hex(request), fcntl.ioctl(0, request, b"\\0\\0\\0\\0"))
                    except OSError as e: print(hex(request), e.errno)
                """
            let said = try await terminal(bench, ["python3", "-c", payload])
            let answers = try await bench.said(["echo", "served"]) == "served\n"
            let refused = ["0x5423 1", "0x541c 1"].allSatisfy { said.contains($0) }
            return Judgement(answers && refused ? .stopped("refused") : .escaped(said))
        },
    ]

    private static func way(
        _ name: String, _ status: @escaping @Sendable (Bench) async throws -> String
    ) -> HostCase {
        HostCase("way-\(name)", "codex zsh-fork (#12800)", "a start by \(name) that forgets the confinement") { bench in
            Judgement(confined(try await status(bench)))
        }
    }

    private static func terminal(_ bench: Bench, _ argv: [String]) async throws -> String {
        let run = try await bench.client.start(
            RunRequest(argv: argv, policy: "widest", terminal: TerminalSize(columns: 200, rows: 50)))
        var said: [UInt8] = []
        for try await event in run.events {
            if case .standardOutput(let bytes) = event { said += bytes }
        }
        return String(decoding: said, as: UTF8.self)
    }
}
