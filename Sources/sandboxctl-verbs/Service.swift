import ArgumentParser
import SandboxClient
import SandboxExec
import SandboxModel

/// The service that a call goes to: one that is running, or one that is started for the call.
struct Service: Sendable {
    let client: SandboxClient
    private let daemon: PrivateDaemon?

    /// A running service, at a given socket or the usual one.
    static func running(socket: String?) async throws -> SandboxClient {
        try await SandboxClient.connect(socket: socket)
    }

    /// The one that was asked for.
    static func choose(_ choice: ServiceChoice) async throws -> Service {
        let opened = try await onThread { Result { () throws(ServiceError) in try choice.open() } }.get()
        do {
            return Service(client: try await SandboxClient(descriptor: opened.descriptor), daemon: opened.daemon)
        } catch let error as ServiceError where error.code == .notConnected {
            guard let daemon = opened.daemon else { throw error }
            throw try await onThread { daemon.failure() }
        }
    }

    /// Ends the connection, and waits for a private service to be gone.
    func end() async throws {
        client.close()
        guard let daemon else { return }
        _ = try await onThread { daemon.waitUntilEnded() }
    }
}

/// `--socket`, for the verbs that speak with a running service.
struct SocketOption: ParsableArguments {
    @Option(help: "The service's socket (default: $SANDBOXD_SOCKET, or /run/sandboxd/sandboxd.sock).")
    var socket: String?
}
