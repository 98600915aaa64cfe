import CSandbox
import Glibc

/// Who is at the other end of a Unix socket, as the kernel recorded it when it was connected (`socket(7)` SO_PEERCRED,
/// SO_PEERGROUPS). Never taken from anything that the peer says.
package struct PeerIdentity: Sendable, Equatable {
    package var uid: UInt32
    package var gid: UInt32
    package var groups: [UInt32]

    package init(uid: UInt32, gid: UInt32, groups: [UInt32]) {
        self.uid = uid
        self.gid = gid
        self.groups = groups
    }

    /// More groups than a user may have by default (NGROUPS_MAX is 65,536; 1,024 is what hosts use at most).
    private static let maximumGroups = 1024

    package init(ofPeerAt socket: Int32) throws(SystemError) {
        var peer = sandbox_peer()
        try system("read the peer's identity") { sandbox_peer_credentials(socket, &peer) }
        var groups = [gid_t](repeating: 0, count: Self.maximumGroups)
        let count = try system("read the peer's groups") {
            sandbox_peer_groups(socket, &groups, Self.maximumGroups)
        }
        self.init(uid: peer.uid, gid: peer.gid, groups: Array(groups.prefix(Int(count))))
    }
}
