import CSandbox
import Glibc
import LaunchPlan
import LinuxSystem

/// What a policy with `commands.execute` lets a sandbox execute, found on the host once per policy.
///
/// Everything that is shown is mounted noexec; on top of it come, executable, the listed programs, and the directories
/// from which they load code: Landlock alone would not do, because it does not see what a dynamic loader that is started
/// by hand maps (`ld.so PROGRAM`).
struct ExecutableTree {
    /// Whether there is a list at all.
    let isRestricted: Bool
    /// Programs, and directories of programs, at their real paths.
    private(set) var programs: [ShownPath] = []
    /// The kernel starts these for a program that names one of them; by themselves they can map nothing else.
    private(set) var loaders: [String] = []
    /// Directories of shared objects: code from here can be mapped, not started.
    private(set) var libraries: [String] = []
    /// Programs that happen to lie in `libraries` and are not listed: covered by themselves, noexec.
    private(set) var covered: [String] = []

    init(_ policy: CompiledPolicy, contents: TemplateContents) throws(LaunchFailure) {
        guard let listed = policy.executePaths else {
            isRestricted = false
            return
        }
        isRestricted = true
        for path in listed { try add(path, contents) }
        libraries = Self.real(policy.libraryPaths ?? standardLibraries, shownIn: contents)
        loaders = Self.real(Self.dynamicLoaders, shownIn: contents)
        for directory in libraries { try cover(directory) }
    }

    /// Whether something below `libraries` is executable by its own mount.
    func isWithinLibraries(_ path: String) -> Bool {
        libraries.contains { WorkspaceRoots.isWithin(path, $0) }
    }

    private mutating func add(_ path: String, _ contents: TemplateContents) throws(LaunchFailure) {
        // A program that this host does not have cannot be executed either.
        guard let real = Self.realPath(path) else { return }
        guard Self.isShown(real, in: contents) else {
            throw LaunchFailure(
                .refused, errno: EPERM, "\(path) can be executed but not read: \(real) is not in filesystem.read")
        }
        var status = stat()
        guard stat(real, &status) == 0 else { return }
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        guard isDirectory == path.hasSuffix("/") else {
            let wanted = isDirectory ? "a directory: its name needs a slash at the end" : "no directory"
            throw LaunchFailure(.refused, errno: EINVAL, "\(path) in the list of programs is \(wanted)")
        }
        if !programs.contains(where: { $0.path == real }) {
            programs.append(ShownPath(path: real, isDirectory: isDirectory))
        }
    }

    // MARK: libraries

    private static let dynamicLoaders = [
        "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-x86_64.so.1",
        "/lib/ld-musl-aarch64.so.1",
    ]

    /// The dynamic loader's own (`ld.so(8)`), and those of the interpreters that are listed.
    private var standardLibraries: [String] {
        var paths = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/lib"]
        for program in programs where !program.isDirectory {
            let name = program.path.split(separator: "/").last ?? ""
            guard name.hasPrefix("python3") else { continue }
            paths += [
                "/usr/lib/\(name)/lib-dynload", "/usr/lib/python3/dist-packages",
                "/usr/local/lib/\(name)/dist-packages",
            ]
        }
        return paths
    }

    private mutating func cover(_ directory: String) throws(LaunchFailure) {
        let found = try at(.template) { () throws(SystemError) in try Self.programs(below: directory) }
        for path in found where !programs.contains(where: { WorkspaceRoots.isWithin(path, $0.path) }) {
            covered.append(path)
        }
        guard covered.count <= Self.maximumCovered else {
            throw LaunchFailure(
                .refused, errno: E2BIG, "\(directory) holds more than \(Self.maximumCovered) programs: it is no library"
            )
        }
    }

    private static let maximumCovered = 512
    private static let maximumDirectories = 8192

    /// Files that can be executed and are not named like a shared object. Links are not followed.
    private static func programs(below path: String) throws(SystemError) -> [String] {
        var found: [String] = []
        var waiting = [path]
        var seen = 0
        while let next = waiting.popLast() {
            seen += 1
            guard seen <= maximumDirectories else { throw SystemError("search", path, errno: E2BIG) }
            let directory = try Directory(next)
            for name in try directory.entries() {
                var status = stat()
                guard fstatat(directory.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
                switch status.st_mode & S_IFMT {
                case S_IFDIR: waiting.append("\(next)/\(name)")
                case S_IFREG where status.st_mode & 0o111 != 0 && !isSharedObject(name):
                    found.append("\(next)/\(name)")
                default: break
                }
            }
        }
        return found.sorted()
    }

    /// "libc.so.6", "ld-linux-x86-64.so.2", "_ssl.cpython-311-x86_64-linux-gnu.so".
    private static func isSharedObject(_ name: String) -> Bool { name.split(separator: ".").dropFirst().contains("so") }

    // MARK: paths

    private static func real(_ paths: [String], shownIn contents: TemplateContents) -> [String] {
        var result: [String] = []
        for path in paths {
            guard let real = realPath(path), isShown(real, in: contents), !result.contains(real) else { continue }
            result.append(real)
        }
        return result
    }

    private static func isShown(_ path: String, in contents: TemplateContents) -> Bool {
        contents.shown.contains { WorkspaceRoots.isWithin(path, $0.path) }
    }

    /// `realpath(3)`, of the operator's own words and while the launcher is still trusted.
    private static func realPath(_ path: String) -> String? {
        guard let resolved = Glibc.realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
