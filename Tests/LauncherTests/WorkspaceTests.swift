import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// The caller's directory inside, and what the sandbox can do to it.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct WorkspaceTests {
    let directory = TemporaryDirectory()

    @Test func `files are the command's inside and the caller's outside`() throws {
        try directory.write("input", "hello")
        let finished = try LauncherHarness.ready().run(
            ["sh", "-c", "cat input; stat -c %u input; echo out > output; pwd"], workspace: directory.path)
        #expect(
            Backend.current == .docker || finished.output == "hello1000\n/sandbox/workspace\n", "\(finished.events)")
        #expect(finished.output.hasPrefix("hello") && finished.output.hasSuffix("\n/sandbox/workspace\n"))
        #expect(directory.owner(of: "output") == getuid())
        #expect(try directory.read("output") == "out\n")
    }

    @Test func `no file with a set-user-ID bit can be left behind`() throws {
        let script = """
            import os, errno, ctypes
            libc = ctypes.CDLL(None, use_errno=True)
            def creat(mode):
                if libc.creat(b"c", mode) < 0: raise OSError(ctypes.get_errno(), "creat")
            def attempt(f):
                try: f()
                except OSError as e: print(errno.errorcode[e.errno])
                else: print("done")
            open("f", "w").close()
            attempt(lambda: os.chmod("f", 0o4755))
            attempt(lambda: os.chmod("f", 0o2755))
            attempt(lambda: os.fchmod(os.open("f", os.O_RDWR), 0o4755))
            attempt(lambda: os.open("g", os.O_CREAT | os.O_WRONLY, 0o4755))
            attempt(lambda: os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o4755))
            attempt(lambda: creat(0o4755))
            attempt(lambda: creat(0o2744))
            attempt(lambda: os.mknod("h", 0o4644))
            attempt(lambda: os.mknod("d", 0o20666, 0x103))
            attempt(lambda: os.chmod("f", 0o755))
            """
        let finished = try LauncherHarness.ready().run(["python3", "-c", script], workspace: directory.path)
        #expect(finished.output == String(repeating: "EPERM\n", count: 9) + "done\n")
    }

    @Test func `only a client that came through the served socket has an identity`() throws {
        let harness = try LauncherHarness.ready()
        try harness.admitControlSocket(as: 2)
        let pair = try DescriptorPair.sockets(SOCK_STREAM)
        try harness.send(.trust, [pair.first.number])
        try harness.send(.admit(client: 3), [pair.first.number])
        for client: UInt32 in [2, 3] {
            let finished = try harness.run(["ls"], workspace: directory.path, client: client)
            #expect(finished.failure?.stage == .client)
        }
    }

    @Test func `a read-only workspace stays as it was`() throws {
        var policy = CompiledPolicy.testing()
        policy.workspaceMode = .read
        try directory.write("input", "hello")
        let finished = try LauncherHarness.ready(policy).run(
            ["sh", "-c", "cat input; (echo x > input) 2>&1; (touch new) 2>&1"], workspace: directory.path)
        #expect(finished.output.hasPrefix("hello"))
        #expect(try directory.read("input") == "hello")
        #expect(!directory.has("new"))
    }

    @Test(arguments: [
        ("/nonexistent-directory", LaunchStage.workspaceOpen, ENOENT),
        ("/etc/passwd", .workspaceOpen, ENOTDIR),
        ("relative/path", .workspaceOpen, EINVAL),
        ("/tmp/../etc", .workspaceOpen, EINVAL),
        ("/etc", .workspaceRoots, EACCES),
        ("/usr/bin", .workspaceRoots, EACCES),
        ("/", .workspaceRoots, EACCES),
        ("/proc/self/fd", .workspaceRoots, EACCES),
        ("/proc/self/cwd/tmp", .workspaceOpen, ELOOP),
        ("/bin", .workspaceRoots, EACCES),
    ])
    func `a directory that is no workspace is refused`(path: String, stage: LaunchStage, code: Int32) throws {
        let finished = try LauncherHarness.ready().run(["true"], workspace: path)
        #expect(finished.failure?.stage == stage)
        #expect(finished.failure?.errno == code)
    }

    @Test func `a directory outside the policy's roots is refused, also behind a link inside`() throws {
        let outside = TemporaryDirectory()
        var policy = CompiledPolicy.testing()
        policy.workspaceRoots = [directory.path]
        symlink(outside.path, "\(directory.path)/link")
        try directory.makeDirectory("inside")
        let harness = try LauncherHarness.ready(policy)
        #expect(try harness.run(["true"], workspace: outside.path).failure?.stage == .workspaceRoots)
        #expect(try harness.run(["true"], workspace: "\(directory.path)/link").failure?.stage == .workspaceRoots)
        #expect(try harness.run(["true"], workspace: "\(directory.path)/inside").failure == nil)
    }
}
