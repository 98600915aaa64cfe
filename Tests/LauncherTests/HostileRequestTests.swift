import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// Requests that no policy allows.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct HostileRequestTests {
    @Test func `every limit that is wider than the policy's, and every zero`() throws {
        var policy = CompiledPolicy.testing()
        policy.maximum.cpuSeconds = 10
        let daemon = try HostileDaemon(policy)
        var good = LaunchLimits.testing
        good.cpuSeconds = 10
        let changes: [(inout LaunchLimits) -> Void] = [
            { $0.memoryBytes += 1 }, { $0.memoryBytes = .max }, { $0.memoryBytes = 0 },
            { $0.cpuMillicores += 1 }, { $0.cpuMillicores = .max }, { $0.cpuMillicores = 0 },
            { $0.processes += 1 }, { $0.processes = .max }, { $0.processes = 0 },
            { $0.openFiles += 1 }, { $0.openFiles = .max }, { $0.openFiles = 0 },
            { $0.fileSizeBytes += 1 }, { $0.fileSizeBytes = .max },
            { $0.cpuSeconds = 11 }, { $0.cpuSeconds = .max }, { $0.cpuSeconds = nil }, { $0.cpuSeconds = 0 },
        ]
        for (index, change) in changes.enumerated() {
            var limits = good
            change(&limits)
            #expect(try daemon.stage(daemon.request { $0.limits = limits }) == .refused, "change \(index)")
        }
        #expect(try daemon.stage(daemon.request { $0.limits = good }) == nil)
        #expect(try daemon.isUnimpressed())
    }

    @Test func `clients that are not, have left, or come out of a sandbox`() throws {
        let canaries = try Canaries()
        let listener = try Listener("\(canaries.path)/socket")
        let harness = try LauncherHarness.sealed(.testing(), serving: listener)
        let caller = try Connected(as: 4242, through: listener)
        try harness.send(.admit(client: 1), [caller.number])
        #expect(try harness.run(["true"]).failure == nil)
        // A second admission under the same number changes nothing, nor does one with a socket of root's.
        try harness.admitControlSocket(as: 1)
        let inside = SandboxIdentities.base + SandboxIdentities.blockSize + 7
        let escaped = try Connected(as: inside, through: listener)
        try harness.send(.admit(client: 2), [escaped.number])
        for client: UInt32 in [0, 2, 3, .max] {
            #expect(try harness.run(["true"], client: client).failure?.stage == .client, "client \(client)")
        }
        // It is still who it was.
        let owned = try harness.run(["stat", "-c", "%u", "."], workspace: "\(canaries.path)/roots")
        #expect(owned.output == "1000\n")
        caller.leave()
        #expect(try harness.run(["true"]).failure?.stage == .client)
        try harness.send(.dismiss(client: 1))
        #expect(try harness.run(["true"]).failure?.stage == .client)
        withExtendedLifetime(escaped) {}
    }

    @Test func `nobody becomes root of the host, and no namespace is the host's`() throws {
        let daemon = try HostileDaemon()
        let script =
            "id -u; cat /proc/self/uid_map; for n in user mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done"
        let seen = try daemon.harness.run(["sh", "-c", script]).output.split(separator: "\n").map(String.init)
        #expect(seen.first == "1000")
        let maps = seen.dropFirst().prefix { !$0.contains(":") }.map {
            $0.split(separator: " ").compactMap { UInt32($0) }
        }
        #expect(maps.count == 2)
        for map in maps { #expect(map.count == 3 && SandboxIdentities.contains(map[1]) && map[2] == 1) }
        for (name, link) in zip(["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"], seen.suffix(7)) {
            var buffer = [CChar](repeating: 0, count: 256)
            let count = readlink("/proc/self/ns/\(name)", &buffer, 255)
            let own = String(decoding: buffer.prefix(max(0, count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
            #expect(link.hasPrefix("\(name):[") && link != own, "\(name)")
        }
    }

    @Test(arguments: [
        ("/etc", LaunchStage.workspaceRoots), ("/var/lib", .workspaceRoots), ("/", .workspaceRoots),
        ("//", .workspaceOpen), ("/tmp//x", .workspaceOpen), ("", .workspaceOpen), (".", .workspaceOpen),
        // A combining character makes one character of the slash before it.
        ("/var/tmp/../\u{301}x", .workspaceOpen), ("/etc/\u{301}", .workspaceOpen), ("/var/tmp/..", .workspaceOpen),
        ("/var/tmp/../../etc", .workspaceOpen), ("/proc/1/root", .workspaceOpen),
        ("/proc/self/fd/3", .workspaceOpen), ("/dev/fd/3", .workspaceOpen), ("/sys/fs/cgroup", .workspaceRoots),
    ])
    func `workspaces that are none`(path: String, stage: LaunchStage) throws {
        let daemon = try HostileDaemon()
        let seen = try daemon.stage(daemon.request { $0.workspace = path })
        // `//` and empty components are resolved as `/`: then they are refused for what they are.
        #expect(
            seen == stage || (path.contains("//") && seen == .workspaceRoots)
                || (path.contains("/tmp//") && seen != nil))
        #expect(try daemon.isUnimpressed())
    }

    @Test func `a workspace where the policy has none`() throws {
        var policy = CompiledPolicy.testing()
        policy.workspaceMode = .none
        let daemon = try HostileDaemon(policy)
        #expect(try daemon.stage(daemon.request { $0.workspace = "/var/tmp" }) == .refused)
    }

    @Test func `policies: a second of the same name, unknown ones, and any after the seal`() throws {
        let harness = try LauncherHarness()
        try harness.send(.policy(.testing()))
        guard case .policyReady = try harness.next() else { throw HarnessError.unexpected("refused") }
        var wider = CompiledPolicy.testing()
        wider.maximum.memoryBytes *= 2
        try harness.send(.policy(wider))
        guard case .policyRefused = try harness.next() else { throw HarnessError.unexpected("replaced") }
        #expect(try harness.run(["true"]).failure?.stage == .refused, "before the seal")
        try harness.send(.seal())
        guard case .sealed = try harness.next() else { throw HarnessError.unexpected("not sealed") }
        for name in ["late", "testing"] {
            wider.name = name
            try harness.send(.policy(wider))
            guard case .policyRefused(name, _) = try harness.next() else { throw HarnessError.unexpected("taken") }
        }
        // The client that would be needed is missing; the policy's name is looked at first.
        for name in ["late", "", "../testing", "TESTING"] {
            #expect(try harness.run(["true"], policy: name).failure?.stage == .refused)
        }
    }

    @Test func `run numbers: in use, too large`() throws {
        let daemon = try HostileDaemon()
        let long = daemon.request { $0.argv = ["sleep", "60"] }
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        let number = null.number
        try daemon.harness.send(.launch(long), [number, number, number])
        guard case .started(long.run, _, _) = try daemon.harness.next() else {
            throw HarnessError.unexpected("no start")
        }
        #expect(try daemon.stage(long) == .refused)
        for run: UInt64 in [1 << 60, 1 << 63, .max, (1 << 60) | long.run] {
            #expect(try daemon.stage(daemon.request { $0.run = run }) == .refused)
        }
        // The one that lives was not touched.
        try daemon.harness.send(.sample(run: long.run))
        guard case .sampled(long.run, _) = try daemon.harness.next() else { throw HarnessError.unexpected("no sample") }
        try daemon.harness.send(.kill(run: long.run))
        guard case .finished(long.run, _) = try daemon.harness.next() else {
            throw HarnessError.unexpected("not killed")
        }
        #expect(try daemon.isUnimpressed())
    }

    @Test func `signals out of range, and words about runs that are not`() throws {
        let daemon = try HostileDaemon()
        let long = daemon.request { $0.argv = ["sleep", "60"] }
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        let number = null.number
        try daemon.harness.send(.launch(long), [number, number, number])
        guard case .started(long.run, _, _) = try daemon.harness.next() else {
            throw HarnessError.unexpected("no start")
        }
        for signal: Int32 in [0, -1, 32, 33, 64, 65, 127, .max, .min] {
            try daemon.harness.send(.signal(run: long.run, signal: signal))
        }
        for run: UInt64 in [0, long.run + 1, 1 << 60, .max] {
            try daemon.harness.send(.signal(run: run, signal: SIGKILL))
            try daemon.harness.send(.kill(run: run))
            try daemon.harness.send(.sample(run: run))
        }
        // All of it was read by now, and the run is alive.
        try daemon.harness.send(.sample(run: long.run))
        guard case .sampled(long.run, _) = try daemon.harness.next() else { throw HarnessError.unexpected("no sample") }
        try daemon.harness.send(.signal(run: long.run, signal: SIGTERM))
        guard case .finished(long.run, let report) = try daemon.harness.next() else {
            throw HarnessError.unexpected("not ended")
        }
        #expect(report.ending == .signaled(SIGTERM))
        #expect(try daemon.isUnimpressed())
    }

    @Test func `strings: variables without a name, the longest argument, directories that are not inside`() throws {
        let daemon = try HostileDaemon()
        let strange = try daemon.harness.run(["printenv", "NAME"], environment: ["NAME=\u{301}x", "PATH=/usr/bin"])
        #expect(strange.output == "\u{301}x\n")
        for variable in ["", "=\u{301}x=y", "=", "=x", "NAME", "\n"] {
            #expect(try daemon.stage(daemon.request { $0.environment = [variable] }) == .refused, "'\(variable)'")
        }
        let long = String(repeating: "x", count: LaunchRequest.maximumStringLength)
        #expect(try daemon.stage(daemon.request { $0.argv = ["true", long] }) == nil)
        #expect(try daemon.stage(daemon.request { $0.argv = [long] }) == .commandExecute)
        for cwd in ["/root", "/var/tmp/sandboxd", "/proc/1/root", "/proc/1/cwd", "missing", "/proc/self/fd/4"] {
            #expect(try daemon.stage(daemon.request { $0.cwd = cwd }) == .commandDirectory, "\(cwd)")
        }
        for cwd in ["../../../../..", "/proc/self/root", "/proc/self/cwd/../.."] {
            #expect(try daemon.harness.run(["cat", "etc/hostname"], cwd: cwd).output == "sandbox\n", "\(cwd)")
        }
        #expect(try daemon.stage(daemon.request { $0.terminal = true }) == .commandTerminal)
        #expect(try daemon.isUnimpressed())
    }

    @Test func `hundreds of sandboxes at once, all ended with their daemon's word`() throws {
        let daemon = try HostileDaemon()
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        let number = null.number
        var runs: [UInt64] = []
        for _ in 0..<200 {
            let request = daemon.request { $0.argv = ["sleep", "120"] }
            runs.append(request.run)
            try daemon.harness.send(.launch(request), [number, number, number])
        }
        for run in runs { try daemon.harness.send(.kill(run: run)) }
        var ended = 0
        while ended < runs.count {
            if case .finished = try daemon.harness.next() { ended += 1 }
        }
        #expect(try daemon.isUnimpressed())
    }
}

/// A process of some user that is connected and does nothing.
private final class Connected {
    private let program: StartedProgram
    private let socket: OwnedDescriptor
    var number: Int32 { socket.number }

    init(as uid: UInt32, through listener: Listener) throws {
        let script = """
            import os, socket, sys
            os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(sys.argv[2])
            connection.recv(1)
            """
        program = try StartedProgram(
            ["/usr/bin/python3", "-c", script, "\(uid)", listener.path], descriptors: [0, 1, 2])
        let listening = listener.socket.number
        socket = OwnedDescriptor(owning: try system("accept") { accept(listening, nil, nil) })
    }

    func leave() {
        kill(program.pid, SIGKILL)
        program.wait()
    }

    deinit { kill(program.pid, SIGKILL) }
}
