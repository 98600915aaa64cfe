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
        runContainers(bytes)
    }

    /// What sandbox-docker reads from the launcher, and what root reads from it.
    private static func runContainers(_ bytes: [UInt8]) {
        if let command = try? ContainerCommand(decoding: bytes) {
            let encoded = command.encoded
            require(encoded.count <= ContainerCommand.maximumBytes, "a command grew to \(encoded.count) bytes")
            require((try? ContainerCommand(decoding: encoded)) == command, "a command reads back as another")
            if case .make(let order) = command {
                require(order.user.uid != 0 && order.user.gid != 0, "a container of root's")
            }
        }
        if let event = try? ContainerEvent(decoding: bytes) {
            let encoded = event.encoded
            require(encoded.count <= ContainerEvent.maximumBytes, "an event grew to \(encoded.count) bytes")
            require((try? ContainerEvent(decoding: encoded)) == event, "an event reads back as another")
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
        commands.map(\.encoded) + events.map(\.encoded) + containerCommands.map(\.encoded)
            + containerEvents.map(\.encoded)
    }

    private static var containerCommands: [ContainerCommand] {
        var policy = CompiledPolicy(
            name: "tools", readPaths: [], tmpBytes: 16 << 20, shmBytes: 4 << 20, workspaceMode: .write,
            workspaceRoots: ["~"],
            executeWritten: false, loopback: false, maximum: limits)
        policy.container = ContainerPlan(
            image: "tools:1", pull: .missing, user: .init(uid: 4321, gid: 1234), network: "own", ahead: 2)
        let user = ContainerPlan.User(uid: 70001, gid: 70002)
        return [
            .settings(
                ContainerSettings(
                    engine: "/run/docker.sock", initPath: "/sandbox-init", owner: "block-1",
                    deadOwners: ["block-2", "block-3"],
                    living: [.init(order: 4, container: String(repeating: "0f", count: 32))])),
            .policy(ContainerSpecification(number: 1, policy: policy, profile: "{}")), .forget(policy: 1),
            .make(ContainerOrder(number: 5, policy: 1, user: user, socket: "/run/s", run: "r", tenant: 1000)),
            .make(ContainerOrder(number: 6, policy: 1, user: user, socket: "/run/s")), .name(order: 6, name: "r"),
            .remove(order: 5),
        ]
    }

    private static var containerEvents: [ContainerEvent] {
        [
            .started(order: 5, container: String(repeating: "0f", count: 32), environment: ["PATH=/bin", "A=b"]),
            .failed(
                order: 5, failure: LaunchFailure(.containerImage, errno: 2, "tools:1", retryAfterMilliseconds: 5000)),
            .removed(order: 5), .note("removing container"),
        ]
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
