import EscapeAttempts
import Glibc
import SandboxClient
import SandboxTestSupport

extension HostCase {
    /// What lives on, or wants to.
    static let ends: [HostCase] = [
        HostCase("survivor-setsid", "anthropic-sdk-go#390", "a child in a session of its own outlives the command") {
            bench in
            let marker = bench.marker()
            let script = ["/bin/sh", "-c", "setsid sleep \(marker) >/dev/null 2>&1 & sleep 0.1"]
            _ = try await bench.inside(script)
            let inside = try await bench.bySurvivors("sleep \(marker)")
            _ = try bench.outside(script)
            return Judgement(inside, outside: try bench.endSurvivors("sleep \(marker)"))
        },
        HostCase("survivor-double-fork", "anthropic-sdk-go#390", "a daemonised grandchild that holds the output open") {
            bench in
            let marker = bench.marker()
            let script = ["/bin/sh", "-c", "(setsid sh -c 'sleep \(marker)' &) ; sleep 0.1"]
            // That this returns is half of the case.
            _ = try await bench.inside(script, limits: Limits(wallMilliseconds: 20_000))
            let inside = try await bench.bySurvivors("sleep \(marker)")
            _ = try bench.outside(script)
            return Judgement(inside, outside: try bench.endSurvivors("sleep \(marker)"))
        },
        HostCase("survivor-ignoring-signals", "signals", "a child that ignores every signal that can be ignored") {
            bench in
            let marker = bench.marker()
            let script = "trap '' TERM INT HUP QUIT; sh -c 'trap \"\" TERM INT HUP; sleep \(marker)' & sleep 30"
            _ = try await bench.inside(["/bin/sh", "-c", script], limits: Limits(wallMilliseconds: 300))
            return Judgement(try await bench.bySurvivors("sleep \(marker)"))
        },
        HostCase("stopped-process", "deadlines", "stop itself, so that no deadline ends it") { bench in
            let output = try await bench.inside(
                ["/bin/sh", "-c", "kill -STOP $$; sleep 60"], limits: Limits(wallMilliseconds: 300))
            let reason = output.result.outcome.reason
            return Judgement(reason == .wallTimeout ? .stopped(reason.rawValue) : .escaped(reason.rawValue))
        },
        HostCase("kill-everything", "signals", "kill(-1, SIGKILL)") { bench in
            let marker = bench.marker()
            let run = try await bench.client.start(RunRequest(argv: ["sleep", marker], policy: "widest"))
            for try await event in run.events { if event == .started { break } }
            _ = try await bench.inside(["/bin/sh", "-c", "kill -9 -1"])
            let lives = try !bench.processes("sleep \(marker)").isEmpty && bench.canary.isAlive
            let answers = try await bench.said(["echo", "served"]) == "served\n"
            run.cancel()
            let inside: Verdict = lives && answers ? .stopped("the others live") : .escaped("a process of others died")
            // Outside by a user whom nobody else is.
            let user = bench.canary.user + 1
            let victim = try StartedProgram(
                Bench.becoming(user) + ["/bin/sleep", bench.marker()], descriptors: [0, 1, 2])
            usleep(300_000)
            _ = try bench.outside(["/bin/sh", "-c", "kill -9 -1"], as: user)
            return Judgement(
                inside, outside: victim.wait() == 128 + SIGKILL ? .escaped("the other one died") : .stopped("it lives"))
        },
        HostCase("cancelled-at-launch", "lifecycle", "be cancelled at the moment of the start, twenty times") { bench in
            let marker = bench.marker()
            for _ in 0..<20 {
                let run = try await bench.client.start(RunRequest(argv: ["sleep", marker], policy: "widest"))
                run.cancel()
            }
            return Judgement(try await bench.bySurvivors("sleep \(marker)"))
        },
        HostCase("client-dies", "lifecycle", "outlive the client that asked for it") { bench in
            let marker = bench.marker()
            let client = try await bench.service.client()
            let run = try await client.start(
                RunRequest(argv: ["/bin/sh", "-c", "setsid sleep \(marker) & sleep \(marker)"], policy: "widest"))
            for try await event in run.events { if event == .started { break } }
            client.close()
            return Judgement(try await bench.bySurvivors("sleep \(marker)"))
        },
        HostCase("launcher-dies", "lifecycle", "outlive the launcher that holds its limits") { bench in
            let service = try Service()
            let marker = bench.marker()
            let client = try await service.client()
            let run = try await client.start(RunRequest(argv: ["sleep", marker]))
            for try await event in run.events { if event == .started { break } }
            for pid in try bench.processes("sandbox-launcher") where try parent(of: pid) == service.daemon.pid {
                kill(pid, SIGKILL)
            }
            return Judgement(try await bench.bySurvivors("sleep \(marker)"))
        },
        HostCase("daemon-dies", "lifecycle", "outlive the daemon") { bench in
            let service = try Service()
            let marker = bench.marker()
            let client = try await service.client()
            let run = try await client.start(RunRequest(argv: ["sleep", marker]))
            for try await event in run.events { if event == .started { break } }
            kill(service.daemon.pid, SIGKILL)
            return Judgement(try await bench.bySurvivors("sleep \(marker)"))
        },
        HostCase("failed-launch", "Judge0 72cc450", "a launch that fails late: something still runs, or is left") {
            bench in
            let directory = bench.directory()
            let marker = bench.marker()
            let requests = [
                RunRequest(argv: ["\(bench.workspace)/none", marker], policy: "widest", workspace: directory.path),
                RunRequest(
                    argv: ["touch", "made-\(marker)"], policy: "widest", workspace: directory.path, cwd: "none"),
                RunRequest(argv: ["/usr", marker], policy: "widest", workspace: directory.path),
            ]
            for request in requests {
                do { _ = try await bench.client.run(request) } catch is ServiceError { continue }
                return Judgement(.escaped("it ran: \(request.argv)"))
            }
            if directory.has("made-\(marker)") { return Judgement(.escaped("the command ran")) }
            return Judgement(try await bench.bySurvivors(marker))
        },
        HostCase("refused-call-flood", "seccomp notification", "100,000 refused calls, which pid 1 has to answer") {
            bench in
            let payload = """
                import ctypes
                c = ctypes.CDLL(None)
                for _ in range(100000): c.unshare(0x10000000)
                """
            let run = try await bench.client.start(
                RunRequest(
                    argv: ["python3", "-c", payload], policy: "widest", limits: Limits(wallMilliseconds: 20_000)))
            let answers = try await bench.said(["echo", "served"]) == "served\n"
            run.cancel()
            return Judgement(answers ? .stopped("others are served") : .escaped("others are not served"))
        },
    ]

    static func parent(of pid: Int32) throws -> Int32? {
        let file = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = read(file, &bytes, bytes.count)
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        // The name is in parentheses and may hold anything.
        return text.split(separator: ")").last?.split(separator: " ").dropFirst().first.flatMap { Int32($0) }
    }
}
