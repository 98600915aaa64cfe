import EscapeAttempts
import Glibc
import SandboxClient
import SandboxTestSupport

extension HostCase {
    /// Whether the run ended for this reason.
    private static func ended(
        _ bench: Bench, _ argv: [String], _ reason: Outcome.Reason, _ limits: Limits
    ) async throws -> Verdict {
        let output = try await bench.inside(argv, limits: limits)
        let outcome = output.result.outcome
        return outcome.reason == reason
            ? .stopped(reason.rawValue) : .escaped("\(outcome.reason.rawValue) \(output.outputText.lastLine)")
    }

    /// Memory that a payload takes in some form, with a limit of 48 MiB; outside it says "took it".
    private static func memory(_ name: String, _ origin: String, _ tries: String, _ payload: String) -> HostCase {
        HostCase("memory-\(name)", origin, tries) { bench in
            let argv = ["/usr/bin/python3", "-c", payload + "\nprint('took it')"]
            let output = try await bench.inside(
                argv, limits: Limits(memoryBytes: 48 << 20, openFiles: 1024, wallMilliseconds: 30_000))
            let took = output.outputText.contains("took it")
            let text = "\(output.result.outcome.reason.rawValue) \(output.errorText.lastLine)"
            let outside = try bench.outside(argv)
            return Judgement(
                took ? .escaped("more than 48 MiB") : .stopped(text),
                outside: outside.contains("took it") ? .escaped("no limit") : .stopped(outside.lastLine))
        }
    }

    static let limits: [HostCase] = [
        memory("heap", "limits", "200 MiB on the heap", "b = bytearray(200 << 20)"),
        memory(
            "children", "limits", "200 MiB in ten processes",
            """
            import os
            for _ in range(10):
                if os.fork() == 0:
                    b = bytearray(20 << 20)
                    os.write(1, b"")
                    import time; time.sleep(1); os._exit(0)
            for _ in range(10):
                if os.wait()[1] != 0: raise SystemExit("a child was killed")
            """),
        memory(
            "system-v-segment", "limits", "200 MiB in a System V segment",
            """
            import ctypes
            c = ctypes.CDLL(None); c.shmat.restype = ctypes.c_void_p
            i = c.shmget(0, 200 << 20, 0o1600)
            a = c.shmat(i, None, 0); c.shmctl(i, 0, None)
            ctypes.memset(a, 1, 200 << 20)
            """),
        memory(
            "memory-file", "limits", "200 MiB in a memory file",
            """
            import os
            f = os.memfd_create("x")
            for _ in range(200): os.write(f, bytes(1 << 20))
            """),
        memory(
            "unix-sockets", "limits", "100 MiB unread in Unix sockets",
            """
            import socket
            taken, pairs = 0, []
            while taken < 100 << 20:
                a, b = socket.socketpair(); pairs.append((a, b)); a.setblocking(False)
                try:
                    while True: taken += a.send(bytes(1 << 15))
                except BlockingIOError: pass
            """),
        memory(
            "pipes", "limits", "100 MiB unread in pipes",
            """
            import os, fcntl
            taken = 0
            while taken < 100 << 20:
                r, w = os.pipe(); os.set_blocking(w, False)
                try: fcntl.fcntl(w, 1031, 1 << 20)
                except OSError: pass
                try:
                    while True: taken += os.write(w, bytes(1 << 16))
                except BlockingIOError: pass
            """),
        memory(
            "tmp", "limits", "100 MiB in /tmp",
            """
            import os
            with open("/tmp/escape-%d" % os.getpid(), "wb") as f:
                os.unlink(f.name)
                for _ in range(100): f.write(bytes(1 << 20)); f.flush()
            """),
        HostCase("cpu-time", "limits", "compute for ever, in four processes") { bench in
            Judgement(
                try await ended(
                    bench, ["/bin/sh", "-c", "for i in 1 2 3 4; do (while :; do :; done) & done; wait"], .cpuTimeout,
                    Limits(wallMilliseconds: 20_000, cpuMilliseconds: 300)))
        },
        HostCase("wall-time", "Judge0 1.13.0", "sleep for ever") { bench in
            Judgement(try await ended(bench, ["sleep", "inf"], .wallTimeout, Limits(wallMilliseconds: 200)))
        },
        HostCase("output", "snekbox#81", "write for ever, which the daemon has to hold") { bench in
            Judgement(
                try await ended(bench, ["yes"], .outputLimit, Limits(outputBytes: 1 << 16, wallMilliseconds: 20_000)))
        },
        HostCase("fork-bomb-of-a-shell", "limits", "a shell's fork bomb, for half a second") { bench in
            let marker = bench.marker()
            let script = "b() { sleep \(marker) & b | b & }; b; wait; sleep 5"
            _ = try await bench.inside(
                ["/bin/sh", "-c", script], limits: Limits(processes: 64, wallMilliseconds: 500))
            let answers = try await bench.said(["echo", "served"]) == "served\n"
            guard answers else { return Judgement(.escaped("others are not served")) }
            return Judgement(try await bench.bySurvivors("sleep \(marker)"))
        },
        HostCase("directory-depth", "path walk", "2,000 directories in one another, in /tmp and the workspace") {
            bench in
            let payload = """
                import os
                for start in "/tmp", "\(bench.workspace)":
                    os.chdir(start)
                    for _ in range(2000): os.mkdir("d"); os.chdir("d")
                print("made")
                """
            let directory = bench.directory()
            let said = try await bench.said(["python3", "-c", payload], workspace: directory.path)
            // Also the next run on it.
            let answers = try await bench.said(["echo", "served"], workspace: directory.path) == "served\n"
            _ = try bench.outside(["/bin/rm", "-rf", "\(directory.path)/d"])
            return Judgement(answers ? .stopped(said.lastLine) : .escaped("others are not served"))
        },
    ]
}
