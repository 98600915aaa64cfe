import Glibc
import LaunchPlan
import LinuxSystem

/// What this launcher may do on its host. The kernel's word on who it is when it starts decides, and nothing that it is told.
enum HostRights: Equatable {
    case root
    /// An ordinary user, in a user namespace of its own. Whoever talks to it is the same user, so that nothing is guarded
    /// against him; what he runs is.
    case user(uid: UInt32, gid: UInt32)

    var isRoot: Bool { self == .root }

    /// Of the process that has just started. One that is not root is in its own namespace when this returns.
    static func take() throws(LaunchFailure) -> HostRights {
        guard geteuid() != 0 else { return .root }
        // A program that somebody has given a set-user-ID bit, or capabilities, is not what this is written for.
        guard getuid() == geteuid(), getgid() == getegid() else {
            throw LaunchFailure(.identity, errno: EPERM, "start as root, or as one user and one group")
        }
        let rights = HostRights.user(uid: geteuid(), gid: getegid())
        try at(.identity) { () throws(SystemError) in try OwnUserNamespace.enter() }
        return rights
    }
}
