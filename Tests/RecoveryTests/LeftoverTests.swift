import Glibc
import LaunchPlan
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

#if SANDBOX_FAULTS
    /// What a start clears away, and what it keeps its hands off: a block that a launcher held which was killed, made here by hand, with
    /// members that did not die with it.
    @Suite(.needs(.root), .needs(.cgroup), .enabled(if: Programs.haveFaults), .serialized)
    struct LeftoverTests {
        /// Nobody comes so far.
        private static let block: UInt32 = 1017
        private static let name = "sandboxd-\(block)"
        private static let file = "/run/sandbox-launcher/block-\(block)"
        /// A process that has ended: no number is so high.
        private static let dead = "4194305 1"

        /// A directory for groups, in one hierarchy.
        private final class Home {
            let path: String

            init(_ name: String) throws {
                let split = "/sys/fs/cgroup/pids"
                path = "\(access(split, F_OK) == 0 ? split : "/sys/fs/cgroup")/\(name)"
                try system("make", path) { mkdir(path, 0o755) }
            }

            func make(_ group: String) throws { try system("make", group) { mkdir("\(path)/\(group)", 0o755) } }

            func has(_ group: String) -> Bool { access("\(path)/\(group)", F_OK) == 0 }

            deinit {
                for group in (try? Directory(path).subdirectories()) ?? [] { rmdir("\(path)/\(group)") }
                rmdir(path)
            }
        }

        /// A process that sleeps, for as long as this lives.
        private final class Sleeper {
            let pid: Int32
            private let program: StartedProgram

            /// - Parameters:
            ///   - uid: what it becomes.
            ///   - isolated: in a pid namespace of its own; this is then its parent, of which the sleeper has the mark.
            init(uid: UInt32 = 0, isolated: Bool = false, in group: String? = nil) throws {
                let code = """
                    import os, sys
                    if len(sys.argv) > 2: open(sys.argv[2] + '/cgroup.procs', 'w').write('0')
                    uid = int(sys.argv[1]); os.setgroups([]); os.setgid(uid); os.setuid(uid)
                    os.execv('/bin/sleep', ['sleep', '600'])
                    """
                let python = ["/usr/bin/python3", "-c", code, "\(uid)"] + (group.map { [$0] } ?? [])
                let null = open("/dev/null", O_RDWR | O_CLOEXEC)
                defer { close(null) }
                program = try StartedProgram(
                    (isolated ? ["/usr/bin/unshare", "--pid", "--fork", "--kill-child"] : []) + python,
                    descriptors: [null, null, null])
                var found = program.pid
                for _ in 0..<5000 {
                    if isolated {
                        let children = (try? wholeFile("/proc/\(program.pid)/task/\(program.pid)/children")) ?? ""
                        found = children.split(separator: " ").compactMap { Int32($0) }.first ?? 0
                    }
                    if (try? wholeFile("/proc/\(found)/comm")) == "sleep\n" { break }
                    usleep(1000)
                }
                pid = found
            }

            /// Whether it lives; a zombie does not.
            var isAlive: Bool {
                let stat = (try? wholeFile("/proc/\(pid)/stat")) ?? ""
                return stat.lastIndex(of: ")").map { !stat[$0...].hasPrefix(") Z") } ?? false
            }

            deinit {
                kill(pid, SIGKILL)
                kill(program.pid, SIGKILL)
                program.wait()
            }
        }

        private func record(groups: [String], launcher: String = dead, daemon: String = dead) throws {
            var status = stat()
            stat("/proc/self/ns/pid", &status)
            let lines = ["namespace \(status.st_ino)", "daemon \(daemon)", "launcher \(launcher)"]
            mkdir("/run/sandbox-launcher", 0o700)
            let descriptor = try system("open") { open(Self.file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600) }
            defer { close(descriptor) }
            let text = (lines + groups.map { "group \($0)" }).joined(separator: "\n") + "\n"
            try system("write") { write(descriptor, text, text.utf8.count) }
        }

        private static let uid = SandboxIdentities.uids(ofBlock: block).lowerBound + 4

        @Test func `members of its groups and users of its identities are ended, and nobody else`() async throws {
            defer { unlink(Self.file) }
            let home = try Home(Self.name)
            let other = try Home("not-ours-\(Self.block)")
            let directory = TemporaryDirectory()
            try directory.makeDirectory(Self.name)
            for group in ["run-1", "run-2"] { try home.make(group) }
            try other.make("run-1")
            let ours = [
                try Sleeper(in: "\(home.path)/run-1"), try Sleeper(uid: Self.uid, isolated: true),
                try Sleeper(uid: Self.uid + 1, isolated: true, in: "\(home.path)/run-2"),
            ]
            let others = [
                // With such an identity, but out of no sandbox; out of one, but of another block; in a group of somebody else's.
                try Sleeper(uid: Self.uid), try Sleeper(uid: Self.uid + SandboxIdentities.blockSize, isolated: true),
                try Sleeper(in: "\(other.path)/run-1"),
            ]
            try record(groups: [home.path, other.path, "\(directory.path)/\(Self.name)"])
            let service = try await RecoveringService()
            #expect(ours.map(\.isAlive) == [false, false, false])
            #expect(others.map(\.isAlive) == [true, true, true])
            #expect(access(home.path, F_OK) != 0)
            #expect(other.has("run-1") && directory.has(Self.name))
            #expect(try wholeFile(Self.file).isEmpty)
            #expect(service.log.contains("left in block \(Self.block): processes 3, groups 3"), "\(service.log)")
        }

        @Test func `a block whose launcher lives is its own`() async throws {
            defer { unlink(Self.file) }
            let home = try Home(Self.name)
            try home.make("run-1")
            let member = try Sleeper(in: "\(home.path)/run-1")
            try record(groups: [home.path], daemon: "\(getpid()) \(try Self.start(of: getpid()))")
            let lock = try Self.hold()
            let service = try await RecoveringService()
            #expect(member.isAlive && home.has("run-1"))
            #expect(!service.log.contains("block \(Self.block)"))
            _ = consume lock
        }

        /// A launcher in a mount namespace with another /run has another file of this block: this one's record is of one that is dead,
        /// and its lock is free. But the groups are the host's, and it holds those.
        @Test func `a block whose groups a launcher with another run directory holds is its own`() async throws {
            defer { unlink(Self.file) }
            let home = try Home(Self.name)
            try home.make("run-1")
            let theirs = [
                try Sleeper(in: "\(home.path)/run-1"), try Sleeper(uid: Self.uid, isolated: true),
            ]
            try record(groups: [home.path])
            let held = OwnedDescriptor(owning: open(home.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
            try system("lock") { flock(held.number, LOCK_EX | LOCK_NB) }
            let service = try await RecoveringService()
            #expect(theirs.map(\.isAlive) == [true, true] && home.has("run-1"), "\(service.log)")
            #expect(!service.log.contains("left in block \(Self.block)"), "\(service.log)")
            #expect(try await service.client().run("echo", "served").outputText == "served\n")
            _ = consume held
        }

        /// Its lock is held by somebody, here by this test: a preparer that cannot die, for example.
        @Test func `a launcher without its sandboxd is ended; what does not end keeps no service from starting`()
            async throws
        {
            defer { unlink(Self.file) }
            let launcher = try Sleeper()
            try record(groups: [], launcher: "\(launcher.pid) \(try Self.start(of: launcher.pid))")
            let lock = try Self.hold()
            let service = try await RecoveringService()
            #expect(!launcher.isAlive)
            #expect(service.log.contains("block \(Self.block) stays locked"), "\(service.log)")
            #expect(try await service.client().run("echo", "served").outputText == "served\n")
            _ = consume lock
        }

        /// A number that somebody else has by now.
        @Test func `a process that has the launcher's number and another start is left alone`() async throws {
            defer { unlink(Self.file) }
            let stranger = try Sleeper()
            try record(groups: [], launcher: "\(stranger.pid) \(try Self.start(of: stranger.pid) + 1)")
            let lock = try Self.hold()
            let service = try await RecoveringService()
            #expect(stranger.isAlive, "\(service.log)")
            _ = consume lock
        }

        @Test(arguments: ["namespace 1\nlauncher", "garbage", "group /sys/fs/cgroup/sandboxd-1017\n"])
        func `a record that is none names nothing`(_ text: String) async throws {
            defer { unlink(Self.file) }
            let home = try Home(Self.name)
            try home.make("run-1")
            try record(groups: [])
            let descriptor = open(Self.file, O_WRONLY | O_TRUNC | O_CLOEXEC)
            try system("write") { write(descriptor, text, text.utf8.count) }
            close(descriptor)
            let service = try await RecoveringService()
            #expect(home.has("run-1"), "\(service.log)")
            #expect(try wholeFile(Self.file).isEmpty)
        }

        private static func hold() throws -> FileLock {
            guard let lock = try FileLock(at: file) else { throw RecoveryError("\(file) is somebody's") }
            return lock
        }

        /// Clock ticks, as the record has them.
        private static func start(of pid: Int32) throws -> UInt64 {
            try #require(ProcessIdentity(of: pid, proc: try Directory("/proc"))).startedAt
        }
    }
#endif
