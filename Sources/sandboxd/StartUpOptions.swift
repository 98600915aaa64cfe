import Glibc
import LinuxSystem
import SandboxEngine

/// What sandboxd was told, as `Sandboxd` describes it.
struct StartUpOptions {
    var socket = "/run/sandboxd/sandboxd.sock"
    var connection: Int32?
    var policyDirectory: String?
    var policyFiles: [String] = []
    var onlyPolicy: String?
    var user: String?
    var group: String?
    var socketMode: String?
    var launcher: String?
    var dockerSocket: String?
    var landlockAudit = false
    var warm: UInt32 = 8
    var limits = EngineLimits()
    /// How long runs may go on when the service is stopped, in milliseconds.
    var drainMilliseconds: UInt64 = 10_000
    /// This process reads policies for a launcher, and serves nobody.
    var readsPolicies = false
    var logLevel = "info"
    var journalSocket: String?

    init() {}

    static let standardEngine = "/run/docker.sock"

    /// Path of the Docker Engine's socket. What is not on this host is no engine for it: containers are entered.
    func engine() throws(StartUpError) -> String {
        let scheme = "unix://"
        let host = getenv("DOCKER_HOST").map { String(cString: $0) } ?? ""
        let named = dockerSocket ?? (host.isEmpty ? Self.standardEngine : host)
        let path = named.hasPrefix(scheme) ? String(named.dropFirst(scheme.count)) : named
        // What the environment says is nobody's mistake who needs no engine: a policy that does is told, and has no other one.
        guard dockerSocket == nil || path.hasPrefix("/") && path.utf8.count < 108 else {
            throw StartUpError(.usage, "--docker-socket takes the absolute path of a Unix socket, not '\(path)'")
        }
        return path
    }

    /// What a process that reads the policies of this one anew is started with. It is another one's child, somewhere else.
    func readerArguments() throws(StartUpError) -> [String] {
        var arguments: [String] = []
        if let policyDirectory { arguments += ["--policy-directory", try Self.absolute(policyDirectory)] }
        for file in policyFiles { arguments += ["--policy-file", try Self.absolute(file)] }
        if let onlyPolicy { arguments += ["--only-policy", onlyPolicy] }
        return arguments
    }

    private static func absolute(_ path: String) throws(StartUpError) -> String {
        if path.hasPrefix("/") { return path }
        guard let directory = getcwd(nil, 0) else {
            throw StartUpError(.osError, "failed to find the current directory: \(errnoName(errno))")
        }
        defer { free(directory) }
        return "\(String(cString: directory))/\(path)"
    }

    /// The arguments of a daemon for one call (`PrivateDaemon`), which is started for each command: ArgumentParser takes 3 ms
    /// for them. `nil` for any others, which are its.
    init?(ofPrivateDaemon arguments: ArraySlice<String>) {
        var rest = arguments
        while let name = rest.popFirst() {
            guard let value = rest.popFirst(), !value.hasPrefix("-") else { return nil }
            switch name {
            case "--connection-fd":
                guard let number = Int32(value) else { return nil }
                connection = number
            case "--log-level": logLevel = value
            case "--warm":
                guard value == "0" else { return nil }
                warm = 0
            case "--policy-file": policyFiles.append(value)
            case "--only-policy": onlyPolicy = value
            default: return nil
            }
        }
        guard connection != nil else { return nil }
    }
}
