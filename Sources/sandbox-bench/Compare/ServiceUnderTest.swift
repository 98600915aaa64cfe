import ArgumentParser
import Glibc
import LinuxSystem
import SandboxModel

/// The service that is measured: one that runs, or one of this program's own.
struct ServiceUnderTest: Sendable {
    let socket: String
    let daemon: pid_t
    /// `nil`: it is somebody else's, and stays.
    private let own: BenchService?
    let policy: String

    /// - Parameter runs: how many a service of this program's own lets a connection have.
    init(socket: String?, policy: String, runs: Int) async throws {
        self.policy = policy
        if let socket {
            (self.socket, own) = (socket, nil)
            daemon = try Self.listener(at: socket)
        } else {
            try requireRoot()
            let most = "\(max(runs + 8, 1024))"
            let service = try await BenchService(options: [
                "--max-runs", most, "--max-runs-per-user", most, "--max-runs-per-connection", most,
            ])
            (self.socket, own, daemon) = (service.socket, service, service.daemon)
        }
    }

    func stop() { own?.stop() }

    func plainClient() throws -> PlainClient { try PlainClient(socket: socket) }

    func request(_ argv: [String], stdin: Bool = false, workspace: String? = nil) -> RunRequest {
        RunRequest(argv: argv, policy: policy, workspace: workspace, stdin: stdin)
    }

    /// sandboxd, its launcher and whatever these have started.
    func processes() throws -> [pid_t] { try ProcessTable.descendants(of: daemon) }

    /// Who called listen(2).
    private static func listener(at path: String) throws -> pid_t {
        let descriptor = try connectStream(path)
        defer { close(descriptor) }
        // struct ucred: pid, uid, gid.
        var peer: [pid_t] = [0, 0, 0]
        var size = socklen_t(peer.count * MemoryLayout<pid_t>.size)
        try system("ask who listens at", path) { getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) }
        return peer[0]
    }
}
