import Glibc
import LinuxSystem
import SandboxClient
import SandboxTestSupport
import Testing

/// How sandboxd begins, and how it says why it can not.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct StartUpTests {
    private let sandboxd = BuiltProducts.path("sandboxd")

    @Test func `without root it says what is missing`() throws {
        let ran = try Ran(asUser: 12345, "sandboxd", ["--socket", "/tmp/unused.sock"])
        #expect(ran.status == 77)
        #expect(
            ran.errors.contains("must be started as root") && ran.errors.contains("--standalone")
                && ran.errors.contains("sandbox-launcher"))
    }

    @Test func `a living daemon's socket is refused, a dead one's is taken over`() async throws {
        let first = try ServiceFixture()
        let second = try Ran([sandboxd, "--socket", first.socket])
        #expect(second.status == 69 && second.errors.contains("another sandboxd (pid \(first.daemon.pid)) serves in"))
        #expect(try await first.client().run("echo", "still here").outputText == "still here\n")

        kill(first.daemon.pid, SIGKILL)
        usleep(200_000)
        #expect(first.directory.has("sandboxd.sock"))
        let third = try StartedProgram(
            [sandboxd, "--socket", first.socket, "--log-level", "error"], descriptors: [0, 1, 2])
        defer {
            kill(third.pid, SIGTERM)
            third.wait()
        }
        var descriptor: Int32?
        for _ in 0..<500 where descriptor == nil {
            usleep(10_000)
            descriptor = ServiceFixture.connect(first.socket)
        }
        #expect(descriptor != nil)
        if let descriptor { close(descriptor) }
    }

    @Test func `a file in the socket's place is not touched`() throws {
        let directory = TemporaryDirectory()
        try directory.write("precious", "data")
        let ran = try Ran([sandboxd, "--socket", "\(directory.path)/precious"])
        #expect(ran.status == 73 && ran.errors.contains("is not a socket"))
        #expect(try directory.read("precious") == "data")
    }

    @Test func `a policy with a typo keeps it from starting, with file, line and column`() throws {
        let directory = TemporaryDirectory()
        try directory.write("bad.yaml", "version: 1\nextends: default\nlimits:\n  memroy: 1GiB\n")
        let ran = try Ran([sandboxd, "--socket", "\(directory.path)/s", "--policy-directory", directory.path])
        #expect(ran.status == 78)
        #expect(ran.errors.contains("bad.yaml:4:3: error:") && ran.errors.contains("'memory'"))
    }

    @Test func `a policy directory's files must be root's alone`() throws {
        let directory = TemporaryDirectory()
        try directory.write("mine.yaml", "version: 1\nextends: default\n")
        chmod("\(directory.path)/mine.yaml", 0o666)
        let ran = try Ran([sandboxd, "--socket", "\(directory.path)/s", "--policy-directory", directory.path])
        #expect(ran.status == 78 && ran.errors.contains("mine.yaml"))
    }

    @Test func `a system call that no policy can allow keeps it from starting, by name`() throws {
        let directory = TemporaryDirectory()
        try directory.write("loose.yaml", "version: 1\nextends: default\nsyscalls: { allow: [mount] }\n")
        let ran = try Ran([sandboxd, "--socket", "\(directory.path)/s", "--policy-directory", directory.path])
        #expect(ran.status == 78 && ran.errors.contains("loose") && ran.errors.contains("mount"))
    }

    @Test(arguments: [
        (["--max-runs", "0"], "--max-runs takes 1 to 4000"),
        (["--max-runs", "10", "--max-runs-per-user", "11"], "--max-runs-per-user takes 1 to 10"),
        (["--max-runs", "10", "--max-runs-per-connection", "11"], "--max-runs-per-connection takes 1 to 10"),
    ])
    func `a number of runs that cannot be is refused`(_ options: [String], _ message: String) throws {
        let ran = try Ran([sandboxd, "--socket", "/tmp/unused.sock"] + options)
        #expect(ran.status == 64 && ran.errors.contains(message), "\(ran.errors)")
    }

    @Test func `beyond the runs of a connection one is refused, and a share gives way to the whole`() async throws {
        let service = try ServiceFixture(options: ["--max-runs", "1"])
        let client = try await service.client()
        let first = try await client.start(RunRequest(argv: ["sleep", "10"]))
        let refusal = await #expect(throws: ServiceError.self) { try await client.run("true") }
        #expect(refusal?.code == .overloaded && refusal?.message.contains("maximum of 1 ") == true)
        first.cancel(now: true)
    }

    private func target(of link: String) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { readlink(link, $0.baseAddress!, $0.count) }
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    @Test func `what its starter has left open is not kept open`() async throws {
        let pair = try DescriptorPair.sockets(SOCK_STREAM)
        let leaked = fcntl(pair.second.number, F_DUPFD, 40)
        defer { close(leaked) }
        let service = try ServiceFixture()
        #expect(try await service.client().run("true").result.outcome.code == 0)
        let held = try [service.daemon.pid, service.launcherPid()].flatMap { pid in
            try Directory("/proc/\(pid)/fd").entries().map { target(of: "/proc/\(pid)/fd/\($0)") }
        }
        #expect(held.count > 10 && !held.contains(target(of: "/proc/self/fd/\(leaked)")))
        extendLifetime(pair)
    }

    /// It is root's file, and whoever has taken over sandboxd has what sandboxd has.
    @Test func `the descriptor of its lock can write nothing`() throws {
        let service = try ServiceFixture()
        let lock = "\(service.directory.path)/sandboxd.lock"
        #expect(try wholeFile(lock) == "\(service.daemon.pid)\n")
        let directory = "/proc/\(service.daemon.pid)"
        var modes: [Int32] = []
        for number in try Directory("\(directory)/fd").entries() {
            guard let target = realpath("\(directory)/fd/\(number)", nil) else { continue }
            defer { free(target) }
            guard String(cString: target) == lock else { continue }
            let flags = try wholeFile("\(directory)/fdinfo/\(number)").split(separator: "\n").first {
                $0.hasPrefix("flags:")
            }
            modes.append(Int32(flags?.split(separator: "\t").last ?? "", radix: 8).map { $0 & O_ACCMODE } ?? -1)
        }
        #expect(modes == [O_RDONLY])
    }

    /// Whoever may write the socket's directory can put a pipe there, which an open for reading waits at.
    @Test func `a pipe in the place of the lock is refused, and not waited for`() throws {
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/lock"
        try #require(mkfifo(path, 0o600) == 0)
        for isWritable in [false, true] {
            do throws(SystemError) {
                _ = try FileLock(at: path, isWritable: isWritable)
                Issue.record("a pipe is a lock, writable: \(isWritable)")
            } catch {
                #expect(error.errno == EINVAL, "\(error)")
            }
        }
        #expect(FileLock.start(of: path, bytes: 8) == "")
    }

    /// Whoever is refused tells of the other one's pid, and reads nothing else of a file that may be large.
    @Test func `of another service's lock a pid is read, and no more`() throws {
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/\(ServiceLock.name)"
        guard let lock = try FileLock(at: path) else { throw FixtureError.text("\(path) is somebody's") }
        func pid() throws -> Int32? {
            do throws(ServiceLock.Refusal) {
                try ServiceLock.claim(besideSocket: "\(directory.path)/s")
            } catch {
                if case .taken(directory.path, let pid) = error { return pid }
            }
            throw FixtureError.text("not refused")
        }
        try lock.write("1234\n" + String(repeating: "x", count: 100_000))
        #expect(try pid() == 1234)
        // Thirty-two bytes.
        try lock.write(String(repeating: "0", count: 28) + "1234" + "56")
        #expect(try pid() == 1234)
        try lock.write("no number\n")
        #expect(try pid() == nil)
        _ = consume lock
    }

    /// Each `sandboxctl exec` is a connection of its own: whoever has as many as he may have must still see and end them.
    @Test func `beside all of a user's runs there is room for asking and ending`() async throws {
        let service = try ServiceFixture(options: ["--max-runs-per-user", "64", "--warm", "0"])
        // A run ends with its handle.
        var clients: [(SandboxClient, Run)] = []
        for _ in 0..<64 {
            let client = try await service.client()
            clients.append((client, try await client.start(RunRequest(argv: ["sleep", "600"]))))
        }
        let other = try await service.client()
        let error = await #expect(throws: ServiceError.self) { try await other.run("true") }
        #expect(error?.code == .overloaded && error?.message.contains("64 runs of one user") == true)
        let listed = try Ran(sandboxctl: ["ps", "--json", "--socket", service.socket])
        #expect(listed.status == 0 && listed.output.split(separator: "\"id\"").count == 65, "\(listed.errors)")
        let run = try #require(try await other.runs().first)
        #expect(try Ran(sandboxctl: ["kill", "--now", "--socket", service.socket, run.id]).status == 0)
        for (client, _) in clients { client.close() }
    }

    @Test func `it ends at SIGTERM, and its launcher with it`() throws {
        let service = try ServiceFixture()
        let launcher = try service.launcherPid()
        kill(service.daemon.pid, SIGTERM)
        #expect(service.daemon.wait() == 0)
        #expect(kill(launcher, 0) != 0)
    }
}

/// What can not be enforced is an error with the stage's name, never a weaker sandbox.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct FailClosedTests {
    /// Runs sandboxctl with a private daemon in a mount namespace of its own, after a preparation.
    private func exec(prepared preparation: String, _ options: [String]) throws -> Ran {
        let script = "set -e; \(preparation); exec \"$@\""
        return try Ran(
            ["/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c", script, "sh"]
                + [BuiltProducts.path("sandboxctl"), "exec", "--standalone"] + options + ["--", "echo", "ran"])
    }

    @Test func `a workspace whose file system has no id maps`() throws {
        let directory = TemporaryDirectory()
        for name in ["lower", "upper", "work", "merged"] { try directory.makeDirectory(name) }
        let path = directory.path
        let overlay =
            "mount -t overlay overlay -o lowerdir=\(path)/lower,upperdir=\(path)/upper,workdir=\(path)/work \(path)/merged"
        let ran = try exec(prepared: overlay, ["--workspace", "\(path)/merged"])
        #expect(ran.status == 125 && ran.output == "")
        #expect(ran.errors.contains("workspace_mount") || ran.errors.contains("map the identities"), "\(ran.errors)")
        #expect(ran.errors.contains("merged"))
    }

    @Test func `no cgroup controllers`() throws {
        // An empty directory over the host's hierarchies, for this daemon alone.
        let ran = try exec(prepared: "umount -l /sys/fs/cgroup/memory 2>/dev/null || umount -l /sys/fs/cgroup", [])
        #expect(ran.status == 125 && ran.output == "")
        #expect(ran.errors.contains("cgroup"), "\(ran.errors)")
    }

    /// Only root with CAP_SYS_RESOURCE can undo it; in a container without, it is said by name.
    @Test func `a hard limit of 0 on core dumps`() throws {
        let ran = try exec(prepared: "ulimit -c 0", [])
        #expect(
            ran.status == 0 || ran.status == 125 && ran.errors.contains("hard limit on core dumps"), "\(ran.errors)")
    }

    @Test func `a workspace on a mount that came after the daemon is that mount`() throws {
        let directory = TemporaryDirectory()
        for name in ["point", "mounted"] { try directory.makeDirectory(name) }
        try directory.write("point/covered", "x")
        try directory.write("mounted/seen", "x")
        let script = """
            set -e
            "$1" --socket "$3/s" --log-level error &
            trap 'kill %1; wait' EXIT
            for i in $(seq 200); do "$2" ps --socket "$3/s" >/dev/null 2>&1 && break; sleep 0.05; done
            mount --bind "$3/mounted" "$3/point"
            "$2" exec --socket "$3/s" --workspace "$3/point" -- sh -c 'ls; echo x > written'
            """
        let ran = try Ran([
            "/usr/bin/unshare", "-m", "--propagation", "private", "/bin/bash", "-c", script, "bash",
            BuiltProducts.path("sandboxd"), BuiltProducts.path("sandboxctl"), directory.path,
        ])
        #expect(ran.output == "seen\n", "\(ran)")
        #expect(directory.has("mounted/written") && !directory.has("point/written"))
    }
}
