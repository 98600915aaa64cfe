import CSandbox
import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// Bytes and descriptors that are no request.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct HostileMessageTests {
    /// One of each kind.
    private func commands(_ daemon: HostileDaemon) -> [LauncherCommand] {
        [
            .policy(.testing(name: "other")), .trust, .seal(), .admit(client: 9), .dismiss(client: 9),
            .launch(daemon.request { $0.workspace = "/var/tmp/none" }), .signal(run: 1, signal: 9), .kill(run: 1),
            .sample(run: 1), .stop(run: 1), .pool, .prepare(policy: "testing"), .reader(arguments: ["-c", "true"]),
            .reload,
            .adopted(generation: 1),
        ]
    }

    @Test func `every message cut at every byte, and with a byte too many`() throws {
        let daemon = try HostileDaemon()
        for command in commands(daemon) {
            let bytes = command.encoded
            // An empty message is the end of the connection: `unix(7)` does not tell them apart.
            for length in 1..<max(bytes.count, 2) where length < bytes.count {
                try daemon.harness.sendRaw(Array(bytes.prefix(length)))
            }
            try daemon.harness.sendRaw(bytes + [0])
        }
        #expect(try daemon.isUnimpressed())
    }

    @Test func `every bit of a launch flipped`() throws {
        let daemon = try HostileDaemon()
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        let number = null.number
        let bytes = LauncherCommand.launch(daemon.request { $0.argv = ["/usr/bin/true", "x"] }).encoded
        for index in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[index] ^= 1 << UInt8(bit)
                try daemon.harness.sendRaw(flipped, [number, number, number])
            }
            #expect(try daemon.isUnimpressed(), "byte \(index)")
        }
    }

    @Test func `every bit of a policy flipped`() throws {
        let daemon = try HostileDaemon()
        let bytes = LauncherCommand.policy(.testing(name: "other")).encoded
        for index in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[index] ^= 1 << UInt8(bit)
                try daemon.harness.sendRaw(flipped)
            }
            #expect(try daemon.isUnimpressed(), "byte \(index)")
        }
    }

    @Test func `lengths that lie, text that is none, unknown kinds, oversized messages`() throws {
        let daemon = try HostileDaemon()
        let bytes = LauncherCommand.launch(daemon.request()).encoded
        // The policy's name has its length behind the kind and the run's number.
        for length: UInt32 in [0, 1, 6, 8, 64, 65, 1 << 16, 1 << 31, .max] {
            var lying = bytes
            withUnsafeBytes(of: length.littleEndian) { lying.replaceSubrange(9..<13, with: $0) }
            try daemon.harness.sendRaw(lying)
        }
        for wrong: [UInt8] in [[0], [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]] {
            var writer = Array(bytes[0..<9])
            withUnsafeBytes(of: UInt32(wrong.count).littleEndian) { writer += Array($0) }
            try daemon.harness.sendRaw(writer + wrong + bytes[20...])
        }
        for kind in UInt8.min...UInt8.max where !(1...16).contains(kind) {
            try daemon.harness.sendRaw([kind])
            try daemon.harness.sendRaw([kind] + bytes.dropFirst())
        }
        try daemon.harness.sendRaw([UInt8](repeating: 5, count: LauncherCommand.maximumBytes))
        try daemon.harness.sendRaw([UInt8](repeating: 5, count: LauncherCommand.maximumBytes + 1))
        #expect(try daemon.isUnimpressed())
    }

    @Test func `too few and too many descriptors`() throws {
        let daemon = try HostileDaemon()
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        let number = null.number
        for count in [0, 1, 2, 4, 8] {
            let request = daemon.request()
            #expect(try daemon.stage(request, [Int32](repeating: number, count: count)) == .refused, "\(count)")
        }
        // More than the launcher has room for: the message is gone.
        for count in [9, 64, 253] {
            try daemon.sendRaw(LauncherCommand.launch(daemon.request()).encoded, copies: count, of: number)
        }
        #expect(try daemon.isUnimpressed())
    }

    @Test func `descriptors with commands that take none, and with no command at all`() throws {
        let daemon = try HostileDaemon()
        let root = OwnedDescriptor(owning: open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        let path = OwnedDescriptor(owning: open("/", SANDBOX_O_PATH | O_CLOEXEC))
        let (first, second) = (root.number, path.number)
        for command in commands(daemon) {
            for count in [1, 2, 3, 8] {
                try daemon.sendRaw(command.encoded, copies: count, of: first)
                try daemon.sendRaw(command.encoded, copies: count, of: second)
            }
        }
        for count in [1, 8, 253] { try daemon.sendRaw([200], copies: count, of: first) }
        #expect(try daemon.isUnimpressed())
        // Nor is anybody admitted by one.
        #expect(try daemon.stage(daemon.request { $0.client = 9 }) == .client)
    }

    @Test func `standard streams that are more than streams, in each of the three places`() throws {
        let daemon = try HostileDaemon()
        let null = OwnedDescriptor(owning: open("/dev/null", O_RDWR | O_CLOEXEC))
        let number = null.number
        let directory = TemporaryDirectory()
        try directory.write("file", "x")
        let readiness = try ReadinessSet()
        let sockets = try DescriptorPair.sockets(SOCK_STREAM)
        let packets = try DescriptorPair.sockets(SOCK_SEQPACKET)
        let child = try SleepingChild()
        var forged: [(String, Int32)] = [
            ("socket", dup(sockets.first.number)), ("packet socket", dup(packets.first.number)),
            ("memory file", sandbox_memfd("forged")), ("event counter", sandbox_eventfd()), ("pidfd", dup(child.pidfd)),
            ("the launcher's socket", dup(daemon.harness.controlNumber)),
        ]
        let paths = [
            "/", "/proc", "/etc/passwd", "/proc/self/ns/user", "/proc/self/ns/mnt", "/proc/self/ns/pid",
            "/proc/self/mem", "/proc/self/environ", "/dev/zero", "/dev/urandom", "/dev/full", "/dev/tty0", "/dev/vda",
            "/dev/loop0", "/dev/kmsg", "/dev/fuse", "/dev/ptmx", "/sys/kernel", "\(directory.path)/file",
        ]
        for path in paths { forged.append((path, open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC))) }
        for path in ["/", "/dev/null", "/etc/passwd", "/proc/self/ns/user"] {
            forged.append(("O_PATH \(path)", open(path, SANDBOX_O_PATH | O_CLOEXEC)))
        }
        defer { for (_, descriptor) in forged { close(descriptor) } }
        // What this host has not is left out; what every host has is not.
        #expect(forged.filter { $0.1 >= 0 }.count >= 20)
        for (name, descriptor) in forged where descriptor >= 0 {
            for place in 0..<3 {
                var standard = [number, number, number]
                standard[place] = descriptor
                #expect(try daemon.stage(daemon.request(), standard) == .refused, "\(name) as \(place)")
            }
        }
        _ = readiness
        #expect(try daemon.isUnimpressed())
    }
}

/// A child that sleeps, for its pidfd, or to be in a cgroup.
final class SleepingChild {
    let pidfd: Int32
    let pid: Int32
    private var hasEnded = false

    init() throws {
        var descriptor: Int32 = -1
        pid = try system("start a child") { sandbox_clone_sleeper(0, &descriptor) }
        pidfd = descriptor
    }

    func end() {
        guard !hasEnded else { return }
        hasEnded = true
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    deinit {
        end()
        close(pidfd)
    }
}
