import LaunchPlan

/// The launcher's protocol: what root reads from sandboxd, and what sandboxd reads from it.
enum PlanTarget {
    static func run(_ bytes: [UInt8]) {
        // What can be read can be written, in no more bytes than a message may have, and reads as the same.
        if let command = try? LauncherCommand(decoding: bytes) {
            let encoded = command.encoded
            require(encoded.count <= LauncherCommand.maximumBytes, "a command grew to \(encoded.count) bytes")
            require((try? LauncherCommand(decoding: encoded)) == command, "a command reads back as another")
            if case .launch(let request) = command { check(request) }
        }
        if let event = try? LauncherEvent(decoding: bytes) {
            let encoded = event.encoded
            require(encoded.count <= LauncherEvent.maximumBytes, "an event grew to \(encoded.count) bytes")
            require((try? LauncherEvent(decoding: encoded)) == event, "an event reads back as another")
        }
    }

    /// What everything behind the decoder takes for granted.
    private static func check(_ request: LaunchRequest) {
        let strings = request.argv + request.environment + [request.cwd, request.policy, request.workspace ?? ""]
        require(request.probe || !request.argv.isEmpty, "no program")
        require(strings.allSatisfy { !$0.utf8.contains(0) }, "a NUL inside a string")
        let bytes = (request.argv + request.environment).reduce(0) { $0 + $1.utf8.count + 1 }
        require(bytes <= LaunchRequest.maximumStringBytes, "\(bytes) bytes of strings")
    }

    private static let limits = LaunchLimits(
        memoryBytes: 256 << 20, cpuMillicores: 1500, processes: 64, openFiles: 256, fileSizeBytes: 64 << 20,
        cpuSeconds: 20)

    static var seeds: [[UInt8]] {
        commands.map(\.encoded) + events.map(\.encoded)
    }

    private static var commands: [LauncherCommand] {
        let policy = CompiledPolicy(
            name: "python", readPaths: ["/usr", "/etc/ssl"], hidePaths: ["/usr/share/doc"], tmpBytes: 16 << 20,
            shmBytes: 4 << 20, workspaceMode: .write, workspaceRoots: ["~", "/srv/agents"], executeWritten: true,
            loopback: true, syscallsAllowed: ["ptrace"], syscallsDenied: ["chmod"], maximum: limits)
        let request = LaunchRequest(
            run: 77, policy: "python", client: 3, workspace: "/home/user/project", cwd: "src",
            argv: ["python3", "-c", "print('\u{fc}')"], environment: ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"],
            limits: limits, terminal: true)
        var plain = request
        plain.workspace = nil
        plain.limits.cpuSeconds = nil
        plain.terminal = false
        return [
            .policy(policy), .trust, .seal(), .admit(client: 3), .dismiss(client: 3), .launch(request), .launch(plain),
            .launch(.probe(run: 78, policy: policy)),
            .signal(run: 77, signal: 15), .kill(run: 77), .sample(run: 77), .pool, .prepare(policy: "p"),
        ]
    }

    private static var events: [LauncherEvent] {
        var usage = TreeUsage()
        usage.userMicroseconds = 1200
        usage.memoryPeakBytes = 9 << 20
        usage.memoryKills = 1
        func report(_ ending: RunReport.Ending) -> RunReport {
            RunReport(
                ending: ending, startedAt: 5, endedAt: 9, usage: usage,
                stamps: LaunchStamps(receivedAt: 2, handedOverAt: 4, isWarm: true))
        }
        let failure = LaunchFailure(.workspaceOpen, errno: 2, "/home/user/project")
        return [
            .policyReady(name: "python"), .policyRefused(name: "python", failure: failure),
            .sealed(ResourceControl(version: 2, features: [.kill])), .started(run: 77, at: 5),
            .started(run: 77, at: 5, stamps: LaunchStamps(receivedAt: 2, handedOverAt: 4, isWarm: false)),
            .failed(run: 77, failure: failure),
            .finished(run: 77, report: report(.exited(1))), .finished(run: 77, report: report(.signaled(9))),
            .finished(run: 77, report: report(.killed)), .sampled(run: 77, usage: usage), .pool(PoolReport()),
            .pool(
                PoolReport(
                    capacity: 8, waiting: [.init(policy: "default", count: 3), .init(policy: "python", count: 1)],
                    preparing: 1, hits: 12, misses: 2, dying: 1)),
        ]
    }
}
