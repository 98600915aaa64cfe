import ArgumentParser
import Glibc
import LinuxSystem
import Logging
import SandboxPolicy

/// Everything here runs before a second thread exists: reading policies, taking the socket, starting the launcher, and
/// giving root up. What a client sends is first looked at afterwards.
@main
struct Sandboxd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandboxd", abstract: "Run commands that nobody trusts, each in a fresh sandbox.")

    @Option(help: "The Unix socket to listen on.")
    var socket = "/run/sandboxd/sandboxd.sock"

    @Option(help: "Serve this connected socket instead of listening, and end with it.")
    var connectionFd: Int32?

    @Option(help: "A directory of policy files (default: \(PolicyFiles.defaultDirectory), if it exists).")
    var policyDirectory: String?

    @Option(help: "A further policy file; may be repeated.")
    var policyFile: [String] = []

    @Option(help: "The user to become, by name or number (default: sandboxd, or a number without a name).")
    var user: String?

    @Option(help: "The group that may connect (default: sandboxd, if it exists).")
    var group: String?

    @Option(help: "The socket's mode, octal (default: 0660 with a group, 0600 without).")
    var socketMode: String?

    @Option(help: "The launcher's executable (default: sandbox-launcher beside this one).")
    var launcher: String?

    @Flag(help: "Report files that Landlock kept from a command, from the host's audit messages (Linux 6.15).")
    var landlockAudit = false

    @Option(help: "How much to log: trace, debug, info, notice, warning, error or critical.")
    var logLevel = "info"

    /// Without an account of its own: a number far from those that hosts give out.
    private static let unnamedUser: UInt32 = 0x7000_0000
    private static let serviceName = "sandboxd"
    private static let maximumDescriptors: rlim_t = 65_536

    func run() throws {
        do {
            let status = try serve()
            throw ExitCode(status)
        } catch let error as StartUpError {
            writeLine("sandboxd: \(error.message)")
            throw ExitCode(error.status.rawValue)
        } catch let error as SystemError {
            writeLine("sandboxd: \(error)")
            throw ExitCode(StartUpError.Status.osError.rawValue)
        }
    }

    private func serve() throws -> Int32 {
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw StartUpError(.usage, "no log level '\(logLevel)'")
        }
        guard geteuid() == 0 else {
            throw StartUpError(
                .notPermitted,
                "sandboxd must be started as root: it starts sandbox-launcher, which builds the sandboxes, and then "
                    + "becomes an ordinary user; use sudo, or ask whoever runs the service")
        }
        try prepareProcess()
        let account = try account()
        let policies = try PolicyFiles.load(directory: policyDirectory, files: policyFile)
        let source = try source()
        let started = try LauncherProcess(
            path: launcherPath(), policies: policies, served: source.descriptor, landlockAudit: landlockAudit)
        let log = Logger(label: Self.serviceName) { _ in LineLog(logLevel: level) }
        try Privileges.drop(uid: account.uid, gid: account.gid)
        log.notice(
            "serving",
            metadata: [
                "socket": "\(connectionFd.map { "descriptor \($0)" } ?? socket)", "uid": "\(account.uid)",
                "policies": "\(policies.names.sorted().joined(separator: ","))",
                "resources": "\(started.resourceControl)",
            ])
        let status = try Serving.run(source, policies: policies, launcherSocket: started.socket, log: log)
        if !started.process.wait(milliseconds: 5000) { log.error("the launcher does not end") }
        return status
    }

    /// Standard descriptors that exist, signals that end nothing, and room for many pipes.
    private func prepareProcess() throws {
        var lowest = try system("open", "/dev/null") { open("/dev/null", O_RDWR) }
        while lowest <= 2 { lowest = try system("open", "/dev/null") { open("/dev/null", O_RDWR) } }
        close(lowest)
        signal(SIGPIPE, SIG_IGN)
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

    private func source() throws -> Serving.Source {
        if let connectionFd {
            guard connectionFd > 2, fcntl(connectionFd, F_GETFD) >= 0 else {
                throw StartUpError(.usage, "descriptor \(connectionFd) is not open")
            }
            return .connected(connectionFd)
        }
        let contents = try TrustedFile.read("/etc/group", ownedByRoot: false)
        let gid = AccountFiles.group(group ?? Self.serviceName, in: contents)
        if let group, gid == nil { throw StartUpError(.noUser, "no group '\(group)' in /etc/group") }
        var mode: UInt32 = gid == nil ? 0o600 : 0o660
        if let socketMode {
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
        if let launcher { return launcher }
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0, count < buffer.count else {
            throw SystemError("read", "/proc/self/exe", errno: count < 0 ? errno : ENAMETOOLONG)
        }
        let own = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard let slash = own.lastIndex(of: "/") else { return "sandbox-launcher" }
        return own[...slash] + "sandbox-launcher"
    }
}
