import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport
import Testing

/// Roots are directories, not names; what changes around them later does not change which.
@Suite(.needs(.root), .needs(.cgroup), .serialized)
struct WorkspaceRootsTests {
    let canaries: Canaries
    let listener: Listener

    init() throws {
        canaries = try Canaries()
        listener = try Listener("\(canaries.path)/socket")
    }

    private func policy(_ root: String) -> CompiledPolicy {
        var policy = CompiledPolicy.testing()
        policy.workspaceRoots = [root == "~" ? root : "\(canaries.path)/\(root)"]
        return policy
    }

    private func look(_ harness: LauncherHarness, _ name: String) throws -> LauncherHarness.Finished {
        try harness.run(["cat", "marker"], workspace: "\(canaries.path)/\(name)")
    }

    @Test func `a root is the directory that it was at the start`() throws {
        let path = canaries.path
        let harness = try LauncherHarness.ready(policy("p/root"))
        #expect(try look(harness, "p/root/w").output == "inside")
        rename("\(path)/p/root", "\(path)/p/moved")
        #expect(try look(harness, "p/moved/w").output == "inside")
        symlink("\(path)/outside", "\(path)/p/root")
        #expect(try look(harness, "p/root/w").failure?.stage == .workspaceRoots)
        unlink("\(path)/p/root")
        rename("\(path)/p/other", "\(path)/p/root")
        #expect(try look(harness, "p/root/w").failure?.stage == .workspaceRoots)
    }

    @Test func `a root that is a link admits what it leads to`() throws {
        canaries.link("alias", to: "\(canaries.path)/roots")
        let harness = try LauncherHarness.ready(policy("alias"))
        #expect(try look(harness, "alias/w").output == "inside")
        #expect(try look(harness, "roots/w").output == "inside")
        #expect(try look(harness, "outside/w").failure?.stage == .workspaceRoots)
    }

    @Test func `links inside the roots work, also by way of the outside`() throws {
        let harness = try LauncherHarness.ready(policy("roots"))
        canaries.link("roots/inner", to: "m/w")
        canaries.link("away/back", to: "\(canaries.path)/roots/w")
        canaries.link("roots/round", to: "\(canaries.path)/away/back")
        #expect(try look(harness, "roots/inner").output == "inside")
        #expect(try look(harness, "roots/round").output == "inside")
    }

    @Test func `a root that was not there at the start admits nothing, and the refusal says so`() throws {
        let harness = try LauncherHarness.ready(policy("later"))
        try canaries.directory.makeDirectory("later")
        let failure = try #require(try look(harness, "later").failure)
        #expect(failure.stage == .workspaceRoots && failure.errno == ENOENT && failure.subject.hasSuffix("/later"))
    }

    @Test(.nativeOnly("an engine does not see this test's mount namespace"))
    func `a mount on a root that came later belongs to it, a directory in its place does not`() throws {
        let path = canaries.path
        let harness = try LauncherHarness.sealed(
            policy("p/root"), serving: listener, prefix: ["/usr/bin/unshare", "-m", "--propagation", "private"])
        let attacker = try Attacker(.exchange, "\(path)/roots/w", "\(path)/roots/file", listener: listener)
        try harness.send(.admit(client: 1), [attacker.number])
        let mounting = try StartedProgram(
            [
                "/usr/bin/nsenter", "-t", "\(harness.pid)", "-m", "mount", "--bind", "\(path)/roots/m",
                "\(path)/p/root",
            ], descriptors: [0, 1, 2])
        #expect(mounting.wait() == 0)
        #expect(try look(harness, "p/root/w").output == "inside")
        #expect(try look(harness, "roots/m/w").failure?.stage == .workspaceRoots)
        #expect(try look(harness, "p/other/w").failure?.stage == .workspaceRoots)
    }

    @Test(.nativeOnly("an engine does not see this test's mount namespace"))
    func `a home is the caller's own directory, whatever leads to it`() throws {
        let path = canaries.path
        try canaries.directory.write("passwd", "attacker:x:\(Attacker.uid):\(Attacker.uid)::\(path)/p/root:/bin/sh\n")
        let script = "mount --bind \(path)/passwd /etc/passwd && exec \"$@\""
        let harness = try LauncherHarness.sealed(
            policy("~"), serving: listener,
            prefix: ["/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c", script, "sh"])
        let attacker = try Attacker(.exchange, "\(path)/roots/w", "\(path)/roots/file", listener: listener)
        try harness.send(.admit(client: 1), [attacker.number])
        #expect(try look(harness, "p/root/w").output == "inside")
        #expect(try look(harness, "outside/w").failure?.stage == .workspaceRoots)
        rename("\(path)/p/root", "\(path)/p/moved")
        canaries.link("p/root", to: "\(path)/outside")
        #expect(try look(harness, "p/root/w").failure?.stage == .workspaceRoots)
    }
}

/// The walk itself.
@Suite(.needs(.root))
struct PathWalkTests {
    let directory = TemporaryDirectory()

    private func identity(_ path: String) throws -> FileIdentity {
        let directory = try PathWalk.open(path)
        return try FileIdentity(of: directory.number)
    }

    @Test func `a directory lies in all that is above it and in nothing else`() throws {
        for name in ["a", "a/b", "c"] { try directory.makeDirectory(name) }
        symlink("\(directory.path)/a", "\(directory.path)/c/link")
        let places = try PathWalk.enclosing(try PathWalk.open("\(directory.path)/c/link/b"))
        #expect(places.first == (try identity("\(directory.path)/a/b")))
        #expect(places.last == (try identity("/")))
        #expect(places.contains(try identity(directory.path)))
        #expect(!places.contains(try identity("\(directory.path)/c")))
    }

    @Test func `the same directory through another mount is another place`() throws {
        let directory = try PathWalk.open(directory.path)
        let copy = try DetachedMount.clone(of: directory.number, recursive: false)
        #expect(try FileIdentity(of: copy.number) != FileIdentity(of: directory.number))
        // A mount that is nowhere lies in nothing but itself.
        #expect(try PathWalk.enclosing(copy) == [try FileIdentity(of: copy.number)])
    }

    @Test func `magic links are not followed, and a component is no link`() throws {
        #expect(throws: SystemError("open directory", "/proc/self/cwd", errno: ELOOP)) {
            _ = try PathWalk.open("/proc/self/cwd")
        }
        symlink("/", "\(directory.path)/link")
        let here = try PathWalk.open(directory.path)
        let number = here.number
        #expect(throws: SystemError("open directory", "link", errno: ENOTDIR)) {
            _ = try PathWalk.open("link", in: number)
        }
    }

    @Test func `an absurdly deep directory is refused and not walked for ever`() throws {
        var current = try PathWalk.open(directory.path)
        for _ in 0..<2100 {
            try system("create") { mkdirat(current.number, "d", 0o755) }
            current = try PathWalk.open("d", in: current.number)
        }
        let deepest = try current.duplicate()
        #expect(throws: SystemError("find the way up from a directory", errno: ELOOP)) {
            _ = try PathWalk.enclosing(deepest)
        }
    }
}

struct PathTextTests {
    @Test func `paths are bytes`() {
        for path in ["/a", "/", "/a//b", "/a/", "/a/...", "/a/.b"] { #expect(PathText.isPlain(path), "\(path)") }
        for path in ["", "a", "/.", "/..", "/a/../b", "/a/./b", "/a/../\u{301}b", "/a/..", "\u{301}/a"] {
            #expect(!PathText.isPlain(path), "\(path)")
        }
        #expect(PathText.isPlain("/a/b", single: true))
        for path in ["/", "/a/", "/a//b"] { #expect(!PathText.isPlain(path, single: true), "\(path)") }
        #expect(PathText.isWithin("/etc/\u{301}", "/etc") && PathText.isWithin("/etc", "/etc"))
        #expect(!PathText.isWithin("/etcetera", "/etc") && !PathText.isWithin("/e\u{301}", "/\u{e9}"))
    }
}
