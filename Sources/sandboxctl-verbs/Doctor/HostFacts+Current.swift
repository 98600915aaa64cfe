import CSandbox
import Glibc
import LaunchPlan
import LinuxSystem
import SandboxClient
import SandboxModel

extension HostFacts {
    /// How long programs and services of this host are waited for, each.
    private static let patience: Int32 = 3000
    private static let maximumFile = 1 << 20

    /// This host's files and kernel. Takes no time; nothing is asked of a program or a service.
    static func current() throws(SystemError) -> HostFacts {
        var name = utsname()
        uname(&name)
        var facts = HostFacts(
            release: text(of: name.release), machine: text(of: name.machine), caller: caller(),
            mounts: try MountTable.read().map { Mount(path: $0.path, type: $0.type, options: $0.options) },
            ownGroups: try wholeFile("/proc/self/cgroup"), landlock: (try? Landlock())?.version, read: { contents($0) },
            file: { status($0) }, list: { try? LinuxSystem.Directory($0).entries().sorted() },
            writeError: { faccessat(AT_FDCWD, $0, W_OK, AT_EACCESS) == 0 ? 0 : errno })
        facts.now = Int64(time(nil))
        facts.monotonicSeconds = Int64(monotonicNanoseconds() / 1_000_000_000)
        return facts
    }

    /// All that `doctor` tells of: also what has to be tried or asked for. Each question has its time.
    static func complete(socket: String?) async throws -> HostFacts {
        var facts = try current()
        for call in KernelCall.allCases { facts.calls[call] = call.attempt() }
        facts.namespaceTrial = namespaceTrial(of: facts.caller)
        facts.programs = programs()
        facts.units = units()
        facts.userManager = userManager(facts.caller)
        facts.socket = socket ?? SandboxClient.standardSocket
        facts.service =
            socket == nil && Units(facts.units).waitsForClient
            ? .waiting : await ServiceQuestion.ask(facts.socket, milliseconds: Int(patience))
        facts.serviceArguments = serviceArguments(facts)
        facts.engine = HostChecks.engineNeed(facts).map { EngineQuestion.ask($0, milliseconds: patience) }
        return facts
    }

    // MARK: - Files

    static func contents(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.count <= maximumFile {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            guard count > 0 else { return nil }
            bytes += chunk[..<count]
        }
        return nil
    }

    private static func status(_ path: String) -> File? {
        var (found, itself) = (stat(), stat())
        guard lstat(path, &itself) == 0 else { return nil }
        let isLink = itself.st_mode & S_IFMT == S_IFLNK
        // One that leads nowhere is there all the same.
        if stat(path, &found) != 0 { found = itself }
        let kind: File.Kind =
            switch found.st_mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .directory
            case S_IFSOCK: .socket
            case S_IFCHR: .characterDevice
            case S_IFLNK: .danglingLink
            default: .other
            }
        return File(
            kind: kind, uid: found.st_uid, gid: found.st_gid, mode: found.st_mode & 0o7777,
            changed: Int64(found.st_ctim.tv_sec), isLink: isLink)
    }

    private static func text<Characters>(of characters: Characters) -> String {
        withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    // MARK: - The caller

    private static func caller() -> Caller {
        var groups = [gid_t](repeating: 0, count: 65_536)
        let count = getgroups(Int32(groups.count), &groups)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let uid = geteuid()
        var caller = Caller(
            uid: uid, gid: getegid(), groups: Set(groups.prefix(Int(max(0, count)))).union([getegid()]),
            descriptors: (UInt64(limit.rlim_cur), UInt64(limit.rlim_max)))
        let directory = getenv("XDG_RUNTIME_DIR").map { String(cString: $0) } ?? "/run/user/\(uid)"
        if uid != 0, access(directory, X_OK) == 0 { caller.runtimeDirectory = directory }
        if let path = getcwd(nil, 0) {
            caller.workingDirectory = String(cString: path)
            free(path)
        }
        caller.engine = getenv("DOCKER_HOST").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
        return caller
    }

    /// For root: of a user who is nobody else.
    private static func namespaceTrial(of caller: Caller) -> NamespaceTrial? {
        var stage = SANDBOX_TRIAL_FORK
        let error = sandbox_try_user_namespace(
            caller.uid == 0 ? SandboxIdentities.nobodyElse : caller.uid, patience, &stage)
        let name: String? =
            switch stage {
            case SANDBOX_TRIAL_COMPLETE: "all"
            case SANDBOX_TRIAL_USER_NAMESPACE: "make a user namespace"
            case SANDBOX_TRIAL_ID_MAP: "map its user into the namespace"
            case SANDBOX_TRIAL_NAMESPACES: "make the other namespaces in it"
            case SANDBOX_TRIAL_MOUNT: "mount a tmpfs in it"
            case SANDBOX_TRIAL_PROC: "mount a /proc in it"
            default: nil
            }
        return name.map { NamespaceTrial(stage: $0, error: error) }
    }

    // MARK: - Programs and service managers

    private static func programs() -> [Program] {
        ["sandboxd", "sandbox-launcher", "sandbox-init", "sandbox-probe", "sandbox-docker"].map { name in
            // Those that run inside have no arguments.
            let tells = ["sandboxd", "sandbox-launcher", "sandbox-docker"].contains(name)
            do throws(CompanionProgram.Absence) {
                let path = try CompanionProgram.path(name)
                return Program(name: name, path: path, file: status(path), version: tells ? version(of: name) : nil)
            } catch {
                return Program(name: name, absence: error.description)
            }
        }
    }

    /// What a program beside this one says of itself.
    static func version(of name: String) -> String? {
        guard let path = try? CompanionProgram.path(name) else { return nil }
        return BoundedCommand.output(of: path, ["--version"], milliseconds: patience)?.split(separator: "\n").first
            .map(String.init)
    }

    private static var systemctl: String? {
        guard access("/run/systemd/system", F_OK) == 0 else { return nil }
        return ["/usr/bin/systemctl", "/bin/systemctl"].first { access($0, X_OK) == 0 }
    }

    private static func units() -> String? {
        systemctl.flatMap {
            BoundedCommand.output(
                of: $0,
                [
                    "show", "sandboxd.socket", "sandboxd.service",
                    "--property=" + Units.properties.joined(separator: ","),
                ],
                milliseconds: patience)
        }
    }

    /// Of who listens at the socket; where that is systemd, of its service's main process.
    private static func serviceArguments(_ facts: HostFacts) -> [String]? {
        guard case .answers(_, _, _, _, var pid) = facts.service else { return nil }
        if pid == 1 { pid = Units(facts.units).service("MainPID").flatMap { Int32($0) } ?? 0 }
        // Who listened may have ended, and somebody else have its number, or be no sandboxd at all: only what runs this very program is
        // believed what it was started with. (Whose the process is must be the caller's to see.)
        guard pid > 1, isOurs(pid), let text = contents("/proc/\(pid)/cmdline") else { return nil }
        return text.split(separator: "\0", omittingEmptySubsequences: false).dropFirst().map(String.init)
    }

    private static func isOurs(_ pid: Int32) -> Bool {
        guard let program = try? CompanionProgram.path("sandboxd") else { return false }
        var (theirs, ours) = (stat(), stat())
        return stat("/proc/\(pid)/exe", &theirs) == 0 && stat(program, &ours) == 0
            && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino
    }

    private static func userManager(_ caller: Caller) -> String? {
        guard caller.runtimeDirectory != nil, let systemctl else { return nil }
        return BoundedCommand.output(
            of: systemctl, ["--user", "show", "--property=Version,ControlGroup"], milliseconds: patience)
    }
}
