import Glibc
package import SandboxClient
package import SandboxModel

/// The service that a call goes to, as it was asked for on the command line: one that is running, or one that is started
/// for the call.
package struct ServiceChoice: Sendable {
    package var socket: String?
    package var standalone: Bool
    package var policyFile: String?
    /// The one that will be used, where it is known.
    package var policy: String?

    /// A connection, before anything was said on it.
    package struct Opened: Sendable {
        package var descriptor: CInt
        package var daemon: PrivateDaemon?
    }

    package init(socket: String?, standalone: Bool, policySource: PolicySource?, policy: String?) {
        self.socket = socket
        self.standalone = standalone
        policyFile = policySource.flatMap { $0.isFile ? $0.text : nil }
        self.policy = policy
    }

    /// Somebody has said which service is meant: its policies are not those of a private one.
    package static func isNamed(socket: String?) -> Bool { socket != nil || getenv("SANDBOXD_SOCKET") != nil }

    /// A running service if there is one, else, where none was named, a private one. A service that is there and refuses us is
    /// an error. Blocks.
    package func open() throws(ServiceError) -> Opened {
        if standalone { return try startPrivate() }
        switch connectSocket(path: socket ?? SandboxClient.standardSocket) {
        case .success(let descriptor):
            guard let policyFile else { return Opened(descriptor: descriptor) }
            // What a running service's operator decides, a caller cannot.
            close(descriptor)
            let text = "the policies of a running service are its operator's: \(policyFile) needs --standalone"
            throw ServiceError(.invalidRequest, text)
        case .failure(let failure) where failure.isAbsence && !Self.isNamed(socket: socket): return try startPrivate()
        case .failure(let failure): throw failure.serviceError
        }
    }

    private func startPrivate() throws(ServiceError) -> Opened {
        let daemon = try PrivateDaemon(policyFile: policyFile, policy: policy)
        return Opened(descriptor: daemon.descriptor, daemon: daemon)
    }
}

extension PrivateDaemon {
    /// Why it did not even say hello; for after the connection's end. Waits for its end.
    package func failure() -> ServiceError {
        ServiceError(.notConnected, "the private sandboxd ended before it answered: \(waitUntilEnded())")
    }
}
