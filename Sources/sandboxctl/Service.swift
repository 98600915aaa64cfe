import ArgumentParser
import SandboxClient
import SandboxModel

/// The service that a call goes to: one that is running, or one that is started for the call.
struct Service: Sendable {
    let client: SandboxClient
    private let daemon: PrivateDaemon?

    /// What was asked for on the command line.
    struct Choice: Sendable {
        var socket: String?
        var standalone = false
        var policyFile: String?
    }

    /// A running service, at a given socket or the usual one.
    static func running(socket: String?) async throws -> SandboxClient {
        try await SandboxClient.connect(socket: socket)
    }

    /// A running service if there is one, else a private one. A service that is there and refuses us is an error.
    static func choose(_ choice: Choice) async throws -> Service {
        if choice.standalone { return try await startPrivate(choice) }
        switch try await SandboxClient.openSocket(choice.socket ?? SandboxClient.standardSocket) {
        case .success(let descriptor):
            let client = try await SandboxClient(descriptor: descriptor)
            try choice.refuseOperatorsMatters()
            return Service(client: client, daemon: nil)
        case .failure(let failure) where failure.isAbsence && choice.socket == nil:
            return try await startPrivate(choice)
        case .failure(let failure):
            throw failure.serviceError
        }
    }

    /// Ends the connection, and waits for a private service to be gone.
    func end() async throws {
        client.close()
        _ = try await daemon?.waitUntilEnded()
    }

    private static func startPrivate(_ choice: Choice) async throws -> Service {
        let daemon = try PrivateDaemon(policyFile: choice.policyFile)
        do {
            return Service(client: try await SandboxClient(descriptor: daemon.descriptor), daemon: daemon)
        } catch let error as ServiceError where error.code == .notConnected {
            let status = try await daemon.waitUntilEnded()
            throw ServiceError(.notConnected, "the private sandboxd ended before it answered: \(status)")
        }
    }
}

extension Service.Choice {
    /// What a running service's operator decides, a caller cannot.
    fileprivate func refuseOperatorsMatters() throws(ServiceError) {
        if let policyFile {
            let text = "the policies of a running service are its operator's: \(policyFile) needs --standalone"
            throw ServiceError(.invalidRequest, text)
        }
    }
}

/// `--socket`, for the verbs that speak with a running service.
struct SocketOption: ParsableArguments {
    @Option(help: "The service's socket (default: $SANDBOXD_SOCKET, or /run/sandboxd/sandboxd.sock).")
    var socket: String?
}
