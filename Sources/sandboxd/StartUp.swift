import Glibc
import LaunchPlan
import LinuxSystem
import Logging
import SandboxEngine
import SandboxPolicy

/// Everything here runs before a second thread exists: starting the launcher, reading policies, taking the socket, and
/// giving root up. What a client sends is first looked at afterwards.
struct StartUp {
    private let options: StartUpOptions

    /// Without an account of its own: a number far from those that hosts give out.
    private static let unnamedUser: UInt32 = 0x7000_0000
    private static let serviceName = "sandboxd"
    private static let maximumDescriptors: rlim_t = 65_536
    /// Else this is a daemon for one call of an ordinary user's, as whom it and its launcher run from the first to the last.
    private let isRoot: Bool

    init(options: StartUpOptions) {
        self.options = options
        isRoot = geteuid() == 0
    }

    /// Serves to the end of the process. Without ArgumentParser's ways out, which think for a millisecond.
    func perform() -> Never {
        do {
            exit(try serve())
        } catch let error as StartUpError {
            writeLine("sandboxd: \(error.message)")
            exit(error.status.rawValue)
        } catch {
            writeLine("sandboxd: \(error)")
            exit(StartUpError.Status.osError.rawValue)
        }
    }

    private func serve() throws -> Int32 {
        Heap.mergeAtOnce()
        guard let level = Logger.Level(rawValue: options.logLevel) else {
            throw StartUpError(.usage, "no log level '\(options.logLevel)'")
        }
        guard isRoot || options.connection != nil else {
            throw StartUpError(
                .notPermitted,
                "a service must be started as root: it starts sandbox-launcher, which builds the sandboxes, and then "
                    + "becomes an ordinary user; use sudo, or ask whoever runs the service. Without root there are sandboxes "
                    + "for the user alone: 'sandboxctl exec --standalone'")
        }
        if options.readsPolicies { return PolicyReaderProcess(options: options).perform() }
        // First of all, before a descriptor is taken for anything else.
        // A daemon for one call is no service: what its caller's service manager gave the caller is the caller's.
        let manager = try options.connection == nil ? ServiceManager() : ServiceManager([:], pid: getpid())
        try prepareProcess(keeping: manager.descriptors)
        // Before the launcher's start: it looks for the group that it is in.
        let groupAbsence =
            isRoot
            ? nil
            : ControlGroupDetection.acquireDelegated(
                runtimeDirectory: getenv("XDG_RUNTIME_DIR").map { String(cString: $0) })
        #if SANDBOX_FAULTS
            Fault.begin()
        #endif
        // Before the launcher: it looks for what dead services have left.
        if options.connection == nil { try claim() }
        let launcher = try LauncherProcess(path: launcherPath(), isService: options.connection == nil)
        #if SANDBOX_FAULTS
            Fault.reach(.launcherStarted)
        #endif
        // A caller waits for the one command: the launcher starts while this process reads its policy.
        if options.connection != nil { Processor.sendAway(launcher.process.pid) }
        do {
            return try serve(launcher, manager, groupAbsence, level: level)
        } catch {
            launcher.giveUp()
            throw error
        }
    }

    private func serve(
        _ launcher: LauncherProcess, _ manager: ServiceManager, _ groupAbsence: String?, level: Logger.Level
    ) throws -> Int32 {
        let account = isRoot ? try account() : nil
        let policies = try PolicyFiles.load(
            directory: options.policyDirectory, files: options.policyFiles, only: options.onlyPolicy)
        let source = try source(manager.sockets)
        try launcher.prepare(
            policies, served: source.descriptor, engine: try options.engine(), landlockAudit: options.landlockAudit,
            warm: options.warm, reader: source.isConnected ? nil : try options.readerArguments())
        #if SANDBOX_FAULTS
            Fault.reach(.policiesSent)
        #endif
        if options.connection != nil { Processor.sendAway(launcher.process.pid) }
        // After the launcher's start: it gives the sandboxes what this process had.
        Niceness.lower(to: Niceness.ofService)
        let log = try ServiceLog.make(options, level: level)
        if let account {
            try Privileges.drop(uid: account.uid, gid: account.gid)
        } else {
            try Privileges.forgoGains()
        }
        let status = try Serving.run(
            source, policies: policies, launcher: launcher, options: options, manager: manager,
            groupAbsence: groupAbsence, log: log
        ) { resources in
            log.note(.policiesLoaded, Self.describe(policies), at: .notice)
            log.note(
                .serving,
                [
                    "socket": "\(source.name(else: options.socket))", "uid": "\(getuid())",
                    "resources": "\(resources.name)", "version": "\(ProductVersion.text)",
                ], at: .notice)
        }
        if !launcher.process.wait(milliseconds: 5000) { log.error("the launcher does not end") }
        return status
    }

    private static func describe(_ policies: PolicySet) -> Logger.Metadata {
        ["count": "\(policies.names.count)", "policies": "\(policies.names.sorted().joined(separator: ","))"]
    }

    /// A daemon for one call is no service, and there may be many.
    private func claim() throws {
        do throws(ServiceLock.Refusal) {
            try ServiceLock.claim(besideSocket: options.socket)
        } catch {
            switch error {
            case .taken(let directory, let pid):
                let other = pid.map { "another sandboxd (pid \($0))" } ?? "another sandboxd"
                throw StartUpError(
                    .unavailable,
                    "\(other) serves in \(directory); a second service needs a --socket in a directory of its own")
            case .system(let error): throw StartUpError(.cannotCreate, "\(error)")
            }
        }
    }

    /// Standard descriptors that exist, signals that end nothing, and room for many pipes.
    ///
    /// - Parameter given: by the service manager. Whatever else whoever started this process has left open is none of its.
    private func prepareProcess(keeping given: [Int32]) throws {
        try closeDescriptors(except: Set(given + [0, 1, 2] + (options.connection.map { [$0] } ?? [])))
        var lowest = try system("open", "/dev/null") { open("/dev/null", O_RDWR) }
        while lowest <= 2 { lowest = try system("open", "/dev/null") { open("/dev/null", O_RDWR) } }
        close(lowest)
        signal(SIGPIPE, SIG_IGN)
        // A service waits for it before it has a second thread; a daemon for one call has nothing to do with it.
        signal(SIGHUP, SIG_IGN)
        var limit = rlimit()
        let descriptors = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        getrlimit(descriptors, &limit)
        // Where root may not raise the hard limit (a container), what there is must do.
        var wanted = rlimit(rlim_cur: Self.maximumDescriptors, rlim_max: max(limit.rlim_max, Self.maximumDescriptors))
        guard setrlimit(descriptors, &wanted) != 0 else { return }
        limit.rlim_cur = limit.rlim_max
        if setrlimit(descriptors, &limit) != 0 {
            throw SystemError("raise the limit on descriptors", errno: errno)
        }
    }

    private func account() throws -> AccountFiles.Account {
        let contents = try TrustedFile.read("/etc/passwd", ownedByRoot: false)
        let account: AccountFiles.Account
        let user = options.user
        if let user, let uid = UInt32(user) {
            account = .init(uid: uid, gid: uid)
        } else if let found = AccountFiles.user(user ?? Self.serviceName, in: contents) {
            account = found
        } else if let user {
            throw StartUpError(.noUser, "no user '\(user)' in /etc/passwd")
        } else {
            account = .init(uid: Self.unnamedUser, gid: Self.unnamedUser)
        }
        guard account.uid != 0, account.gid != 0, account.uid != .max, account.gid != .max else {
            throw StartUpError(.noUser, "sandboxd must not serve as root; give --user another name")
        }
        return account
    }

    /// - Parameter given: sockets that the service manager listens on; their files, groups and modes are its.
    private func source(_ given: [Int32]) throws -> Serving.Source {
        if let socket = given.first {
            guard given.count == 1, options.connection == nil, ServiceManager.isListening(socket) else {
                throw StartUpError(
                    .usage, "of the service manager sandboxd takes one listening Unix stream socket, and nothing else")
            }
            return .activated(socket)
        }
        if let connection = options.connection {
            guard connection > 2, fcntl(connection, F_GETFD) >= 0 else {
                throw StartUpError(.usage, "descriptor \(connection) is not open")
            }
            return .connected(connection)
        }
        let contents = try TrustedFile.read("/etc/group", ownedByRoot: false)
        let (group, socket) = (options.group, options.socket)
        let gid = AccountFiles.group(group ?? Self.serviceName, in: contents)
        if let group, gid == nil { throw StartUpError(.noUser, "no group '\(group)' in /etc/group") }
        var mode: UInt32 = gid == nil ? 0o600 : 0o660
        if let socketMode = options.socketMode {
            guard let wanted = UInt32(socketMode, radix: 8), wanted <= 0o777 else {
                throw StartUpError(.usage, "mode '\(socketMode)' is not an octal number up to 0777")
            }
            mode = wanted
        }
        do throws(ListeningSocket.Refusal) {
            return .listening(try ListeningSocket(path: socket, group: gid, mode: mode).release())
        } catch {
            switch error {
            case .taken: throw StartUpError(.unavailable, "another sandboxd answers at \(socket)")
            case .occupied: throw StartUpError(.cannotCreate, "\(socket) exists and is not a socket")
            case .system(let error): throw StartUpError(.cannotCreate, "\(error)")
            }
        }
    }

    private func launcherPath() throws -> String {
        if let launcher = options.launcher { return launcher }
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0, count < buffer.count else {
            throw SystemError("read", "/proc/self/exe", errno: count < 0 ? errno : ENAMETOOLONG)
        }
        let own = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard let slash = own.lastIndex(of: "/") else { return "sandbox-launcher" }
        return "\(own[...slash])sandbox-launcher"
    }
}
