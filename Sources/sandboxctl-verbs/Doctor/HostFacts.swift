import SandboxModel

/// What `doctor` knows of a host before it judges: texts of the kernel and of programs, as they are, and numbers of errors.
/// All judgements are made of it alone.
struct HostFacts: Sendable {
    struct Mount: Sendable {
        var path: String
        /// The file system's.
        var type: String
        /// Of the file system: a cgroup v1 mount names its controllers here, a /proc its `hidepid`.
        var options: [String]
    }

    /// Of a file, following links.
    struct File: Sendable, Equatable {
        enum Kind: Sendable { case regular, directory, socket, characterDevice, danglingLink, other }
        var kind: Kind
        var uid: UInt32
        var gid: UInt32
        /// Permission bits.
        var mode: UInt32
        /// When it was put here, seconds since 1970: its last change of status, because packages keep older dates of contents.
        var changed: Int64 = 0
        /// Whether a link led there: what the path itself names is one.
        var isLink = false

        var isWritableByOthers: Bool { mode & 0o022 != 0 }
    }

    struct Caller: Sendable {
        var uid: UInt32 = 0
        var gid: UInt32 = 0
        /// The groups that the kernel knows this process to be in, its own among them.
        var groups: Set<UInt32> = [0]
        /// RLIMIT_NOFILE: soft, hard.
        var descriptors: (UInt64, UInt64) = (1024, 1 << 20)
        /// The directory of a user's service manager and bus; `nil` where there is none.
        var runtimeDirectory: String?
        var workingDirectory = "/"
        /// `DOCKER_HOST`, which `exec` without a service goes by.
        var engine: String?
    }

    /// How far a user without rights gets with namespaces of his own.
    struct NamespaceTrial: Sendable {
        /// As a sandbox needs them: "make a user namespace".
        var stage: String
        /// 0: all was done.
        var error: Int32
    }

    /// An installed program of this package.
    struct Program: Sendable {
        var name: String
        /// `nil`: it is not there, or cannot be executed.
        var path: String?
        /// Why there is no path.
        var absence: String?
        var file: File?
        /// What `--version` wrote; `nil` where it was not asked or did not answer.
        var version: String?
    }

    /// What became of the question to a service.
    enum ServiceAnswer: Sendable {
        /// Nobody listens.
        case absent
        /// It is not running, and the first client would start it.
        case waiting
        /// Somebody listens, and we may not connect, or were turned away.
        case refused(String)
        /// It took the connection and said nothing for so long.
        case silent(milliseconds: Int)
        ///
        /// - Parameters:
        ///   - isDraining: it takes no new runs.
        ///   - listener: the process that listens; 0 where that is not known.
        case answers(
            server: String, protocolVersion: Int, findings: [HostReport.Finding]?, isDraining: Bool = false,
            listener: Int32 = 0)
    }

    /// `uname -r`: "6.1.0-13-amd64".
    var release: String
    /// `uname -m`: "x86_64".
    var machine: String
    var caller = Caller()
    var mounts: [Mount]
    /// `/proc/self/cgroup`.
    var ownGroups: String
    /// Landlock's version; `nil` where it is not to be had.
    var landlock: Int32?
    /// The errno of each harmless call; 0: it did what it was asked.
    var calls: [KernelCall: Int32] = [:]
    /// `nil` where it could not be tried.
    var namespaceTrial: NamespaceTrial?
    var programs: [Program] = []
    /// Where a service would listen.
    var socket = "/run/sandboxd/sandboxd.sock"
    var service = ServiceAnswer.absent
    /// What the service that runs was started with; `nil` where that is not known.
    var serviceArguments: [String]?
    /// The engine of policies with `backend: docker`; `nil` where none has that, and nobody was asked.
    var engine: EngineFacts?
    /// What `systemctl show` wrote of the units; `nil` where there is no systemd or it did not answer.
    var units: String?
    /// The same of the user's own service manager.
    var userManager: String?
    /// Seconds since 1970, and since boot as systemd counts them.
    var now: Int64 = 0
    var monotonicSeconds: Int64 = 0
    /// The text of a regular file of at most a MiB; `nil` of any other.
    var read: @Sendable (String) -> String?
    /// `nil` of what is not there or cannot be seen.
    var file: @Sendable (String) -> File? = { _ in nil }
    /// The names in a directory, sorted; `nil` where they cannot be seen.
    var list: @Sendable (String) -> [String]? = { _ in nil }
    /// The errno of access(2) for writing, by the effective identity.
    var writeError: @Sendable (String) -> Int32 = { _ in 0 }

    func exists(_ path: String) -> Bool { file(path).map { $0.kind != .danglingLink } ?? false }

    /// The number that is all of a file.
    func number(_ path: String) -> UInt64? {
        read(path).flatMap { text in
            text.split(whereSeparator: \.isWhitespace).first.flatMap { UInt64($0) }
        }
    }

    /// The words of a file; none of one that is not there.
    func words(_ path: String) -> [String] { (read(path) ?? "").split(whereSeparator: \.isWhitespace).map(String.init) }

    /// Major and minor number of the kernel.
    var kernel: (Int, Int)? {
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
    }

    func isAtLeast(_ major: Int, _ minor: Int) -> Bool { kernel.map { $0 >= (major, minor) } ?? false }

    /// The groups that this process is in, by controller; "" is cgroup v2's.
    var groups: [String: String] {
        var groups: [String: String] = [:]
        for line in ownGroups.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            for controller in fields[1].split(separator: ",", omittingEmptySubsequences: false) {
                groups[String(controller)] = String(fields[2])
            }
        }
        return groups
    }

    /// Lines of a file with fields between colons, `passwd(5)`.
    func records(_ path: String) -> [[String]] {
        (read(path) ?? "").split(separator: "\n").map {
            $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        }
    }

    /// The mount that a path is on, by the longest beginning.
    func mount(of path: String) -> Mount? {
        // Of several at one place the last one is on top.
        var best: Mount?
        for mount in mounts {
            let isWithin = mount.path == "/" || path == mount.path || path.hasPrefix(mount.path + "/")
            if isWithin, mount.path.utf8.count >= best?.path.utf8.count ?? 0 { best = mount }
        }
        return best
    }
}
