import EscapeAttempts
import Glibc
import SandboxClient
import SandboxTestSupport

extension HostCase {
    /// What must be denied under a policy that allows nothing but /usr/bin/id.
    private static func alias(_ name: String, _ argv: [String]) -> HostCase {
        HostCase(
            "allow-list-\(name)", "CVE-2026-25724, Ona", "under `allow: [/usr/bin/id]`: \(argv.joined(separator: " "))"
        ) {
            bench in
            let output: RunOutput
            do {
                output = try await bench.inside(argv, policy: "narrow")
            } catch let error as ServiceError {
                return Judgement(.stopped("\(error.code.rawValue)"))
            }
            let reason = output.result.outcome.reason
            return Judgement(
                reason == .denied ? .stopped("denied") : .escaped("\(reason.rawValue) \(output.outputText)"))
        }
    }

    static let narrow = """
        version: 1
        extends: default
        description: One program
        commands: { allow: [/usr/bin/id] }
        environment: { pass: [LANG] }
        """

    /// A policy with an empty list, and a request that would be served if empty meant everything.
    private static func empty(_ name: String, _ section: String, _ make: @escaping @Sendable (Bench) -> RunRequest)
        -> HostCase
    {
        HostCase("empty-\(name)", "CVE-2025-66479", "an empty list that would mean everything: \(section)") { bench in
            let service = try Service(
                policies: ["empty": "version: 1\nextends: default\ndescription: Empty\n\(section)\n"])
            var request = make(bench)
            request.policy = "empty"
            do {
                let output = try await service.client().run(request)
                return Judgement(
                    output.result.outcome.reason == .denied || !output.isSuccess
                        ? .stopped(output.result.outcome.reason.rawValue) : .escaped("it ran: \(output.outputText)"))
            } catch let error as ServiceError {
                return Judgement(.stopped(error.code.rawValue))
            }
        }
    }

    static let policies: [HostCase] = [
        alias("other-program", ["/usr/bin/python3", "-c", "print(1)"]),
        alias("dots", ["/usr/bin/../bin/python3", "-c", "print(1)"]),
        alias("dots-after", ["/usr/bin/id/../python3", "-c", "print(1)"]),
        alias("proc-root", ["/proc/self/root/usr/bin/python3", "-c", "print(1)"]),
        alias("slashes", ["//usr/bin//python3", "-c", "print(1)"]),
        alias("by-name", ["id"]),
        alias("loader", ["/lib64/ld-linux-x86-64.so.2", "/usr/bin/python3", "-c", "print(1)"]),
        alias("env", ["/usr/bin/env", "/usr/bin/id"]),
        empty("commands", "commands: { allow: [] }") { _ in RunRequest(argv: ["id"]) },
        empty("read", "filesystem: { read: [] }") { _ in RunRequest(argv: ["/usr/bin/id"]) },
        empty("roots", "workspace: { roots: [] }") {
            RunRequest(argv: ["id"], workspace: $0.canary.directory.path)
        },
        empty("environment", "environment: { pass: [] }") { _ in RunRequest(argv: ["id"], environment: ["A": "b"]) },
        empty("execute", "workspace: { execute: false }\ncommands: { execute: [] }") { _ in
            RunRequest(argv: ["/usr/bin/id"])
        },
        HostCase(
            "poisoned-path", "CVE-2026-22708", "PATH of the request leads an allowed name to a program of the workspace"
        ) {
            bench in
            let directory = bench.directory()
            try directory.write("id", "#!/bin/sh\necho escaped\n", mode: 0o755)
            let said = try await bench.said(
                ["id"], policy: "narrow", workspace: directory.path, environment: ["PATH": "\(bench.workspace)"])
            return Judgement(
                bench.byWord(said),
                outside: bench.byWord(try bench.outside(["/usr/bin/env", "PATH=\(directory.path)", "id"])))
        },
        HostCase("poisoned-loader", "CVE-2026-22708", "LD_PRELOAD of the request into an allowed program") { bench in
            let output = try await bench.inside(
                ["/usr/bin/id"], policy: "narrow", environment: ["LD_PRELOAD": "\(bench.workspace)/x.so"])
            let outcome = output.result.outcome
            return Judgement(outcome.reason == .denied ? .stopped("denied") : .escaped(outcome.message))
        },
        HostCase(
            "preload-into-helpers", "LD_PRELOAD", "LD_PRELOAD of a workspace's library into the daemon's own programs"
        ) {
            bench in
            let directory = bench.directory()
            _ = try bench.outside([
                "/bin/sh", "-c", "cp /usr/lib/*-linux-gnu/libz.so.1 \(directory.path)/escape-evil.so",
            ])
            let run = try await bench.client.start(
                RunRequest(
                    argv: ["sleep", bench.marker()], policy: "widest", workspace: directory.path,
                    environment: ["LD_PRELOAD": "\(bench.workspace)/escape-evil.so"]))
            for try await event in run.events { if event == .started { break } }
            defer { run.cancel() }
            usleep(100_000)
            let mapped = try bench.outside([
                "/bin/sh", "-c", "grep -ls escape-evil /proc/[0-9]*/maps | while read f; do cat ${f%maps}comm; done",
            ])
            let foreign = Set(mapped.split(separator: "\n")).subtracting(["sleep"])
            return Judgement(foreign.isEmpty ? .stopped("sleep alone: \(mapped.lastLine)") : .escaped("\(foreign)"))
        },
        HostCase("policy-of-workspace", "CVE-2025-61260", "policies, .env and configuration in the workspace") {
            bench in
            let directory = bench.directory()
            try directory.makeDirectory("policies")
            for name in ["policies/evil.yaml", "evil.yaml", ".sandboxd.yaml", "default.yaml", "policies/default.yaml"] {
                try directory.write(name, "version: 1\ndescription: Evil\nextends: default\nnetwork: loopback\n")
            }
            try directory.write(".env", "SANDBOXD_SOCKET=/tmp/evil\n")
            let arguments = [BuiltProducts.path("sandboxctl"), "exec", "--socket", bench.service.socket]
            let evil = try Ran(arguments + ["--policy", "evil", "--", "id"], in: directory.path)
            let usual = try Ran(
                arguments + ["--workspace", ".", "--", "cat", "/proc/net/dev"], in: directory.path)
            return Judgement(
                evil.status == 125 && usual.status == 0 ? .stopped(evil.errors.lastLine) : .escaped("\(evil) \(usual)"))
        },
        HostCase("hidden-path", "CVE-2026-25724", "a hidden directory by a link, .., a descriptor and /proc/self/root")
        {
            bench in try await hidden(bench)
        },
    ]

    private static func hidden(_ bench: Bench) async throws -> Judgement {
        let shown = bench.directory()
        try shown.makeDirectory("hidden")
        try shown.write("hidden/secret", bench.canary.secret)
        try shown.write("visible", "visible")
        let service = try Service(
            policies: [
                "hiding": """
                version: 1
                extends: default
                description: Hides a directory
                filesystem: { read: [/usr, "\(shown.path)"], hide: ["\(shown.path)/hidden"] }
                """
            ])
        let payload = """
            import os, sys
            d = sys.argv[1]; os.chdir("/tmp")
            os.symlink(d + "/hidden", "link"); os.symlink(d, "up")
            p = os.open(d, os.O_PATH)
            print(open(d + "/visible").read())
            for path in (d + "/hidden/secret", "link/secret", "up/hidden/secret", "/proc/self/root" + d + "/hidden/secret",
                         d + "/../" + d.split("/")[-1] + "/hidden/secret", "/proc/self/fd/%d/hidden/secret" % p,
                         "/proc/%d/cwd/link/secret" % os.getpid()):
                try: print(open(path).read())
                except OSError as e: print(e)
            try: print(open(os.open("hidden/secret", 0, dir_fd=p)).read())
            except OSError as e: print(e)
            os.unlink("link"); os.unlink("up")
            """
        let argv = ["/usr/bin/python3", "-c", payload, shown.path]
        let said = try await bench.said(argv, policy: "hiding", service: service)
        guard said.contains("visible") else { return Judgement(.error(said)) }
        return Judgement(bench.bySecret(said), outside: bench.bySecret(try bench.outside(argv)))
    }
}
