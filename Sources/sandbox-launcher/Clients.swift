import Glibc
import LaunchPlan
import LinuxSystem

/// The connections that sandboxd has, each with its peer as the kernel names it: sandboxd cannot speak for anybody who
/// is not connected.
struct Clients {
    private var admitted: [UInt32: Admitted] = [:]
    private static let maximum = 4096
    /// The listener's file, or the one socket that is served. SO_PEERCRED names the other end as it was when the socket
    /// was made: of the launcher's own socket, and of a connection to any service of root's, it says root.
    private var origins: Set<SocketOrigin> = []

    private let rights: HostRights

    /// - Parameter rights: without root there is one caller on one connection, and nobody else can be spoken for.
    init(_ rights: HostRights) { self.rights = rights }

    mutating func trust(_ socket: Int32) throws(LaunchFailure) { origins.insert(try origin(of: socket)) }

    private func origin(of socket: Int32) throws(LaunchFailure) -> SocketOrigin {
        try at(.client) { () throws(SystemError) in try SocketOrigin(of: socket, mayHaveListener: rights.isRoot) }
    }

    mutating func admit(_ client: UInt32, socket: Int32) throws(LaunchFailure) {
        guard client != ProbePlan.client, admitted[client] == nil, admitted.count < Self.maximum else {
            throw LaunchFailure(.client, "client \(client) exists or there are too many")
        }
        let origin = try origin(of: socket)
        guard origins.contains(origin) else {
            throw LaunchFailure(
                .client, errno: EPERM, "client \(client) did not come through the socket that is served")
        }
        let peer = try at(.client) { () throws(SystemError) in try PeerIdentity(ofPeerAt: socket) }
        guard !SandboxIdentities.contains(peer.uid) else {
            throw LaunchFailure(.client, errno: EPERM, "client \(client) is inside a sandbox")
        }
        if case .user(let uid, _) = rights, peer.uid != uid {
            throw LaunchFailure(
                .client, errno: EPERM, "client \(client) is another user, and this launcher is not root")
        }
        admitted[client] = Admitted(
            identity: peer, socket: try at(.client) { () throws(SystemError) in try duplicateDescriptor(socket) })
    }

    mutating func dismiss(_ client: UInt32) { admitted[client] = nil }

    mutating func dismissAll() { admitted = [:] }

    /// The peer of a client that is connected at this moment.
    mutating func identity(of client: UInt32) throws(LaunchFailure) -> PeerIdentity {
        if let found = admitted[client] {
            if !found.hasLeft { return found.identity }
            admitted[client] = nil
        }
        throw LaunchFailure(.client, "client \(client) is not connected")
    }

    /// A connection is held as long as its peer may be spoken for.
    private final class Admitted {
        let identity: PeerIdentity
        private let socket: OwnedDescriptor

        init(identity: PeerIdentity, socket: consuming OwnedDescriptor) {
            self.identity = identity
            self.socket = socket
        }

        var hasLeft: Bool {
            var state = pollfd(fd: socket.number, events: 0, revents: 0)
            return poll(&state, 1, 0) != 0
        }
    }
}

/// `/etc/passwd`, read as a file: name services load code, and none is loaded here.
enum HomeDirectory {
    static func of(_ uid: UInt32) -> String? {
        guard let text = try? wholeFile("/etc/passwd") else { return nil }
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count >= 7, UInt32(fields[2]) == uid, fields[5].hasPrefix("/") { return String(fields[5]) }
        }
        return nil
    }
}
