import CSandbox
import Glibc

/// A user namespace for this process itself, `user_namespaces(7)`: what an ordinary user can have instead of root.
package enum OwnUserNamespace {
    /// Moves this process, which has one thread and is not root, into a user and a mount namespace of its own. It has every
    /// capability there and stays who it is: its uid and gid are the only ones that exist inside, under their own numbers. Its
    /// supplementary groups stay too; no process inside can leave them (setgroups(2) is refused there for good).
    ///
    /// - Throws: what failed; where the host forbids it to all ordinary users, the setting by which it does.
    package static func enter() throws(SystemError) {
        let (uid, gid) = (geteuid(), getegid())
        do {
            try system("create a user namespace") { sandbox_unshare((Namespaces.user.union(.mount)).rawValue) }
            let own = try Directory("/proc/self")
            try own.write("deny", to: "setgroups")
            try own.write("\(gid) \(gid) 1\n", to: "gid_map")
            try own.write("\(uid) \(uid) 1\n", to: "uid_map")
            // Changes nothing, and is refused where a namespace comes without its capabilities (AppArmor).
            try system("use a user namespace") { mount(nil, "/", nil, UInt(MS_SLAVE) | UInt(MS_REC), nil) }
        } catch {
            guard let barrier = UserNamespaceBarrier.ofThisHost() else { throw error }
            throw SystemError(
                "\(error.call) (\(barrier.setting): \(barrier.remedy))", error.subject, errno: error.errno)
        }
    }
}

/// A setting by which a host keeps user namespaces from ordinary users.
package struct UserNamespaceBarrier: Sendable, Equatable {
    /// "user.max_user_namespaces is 0".
    package var setting: String
    /// What its administrator would do.
    package var remedy: String

    /// The first one in force. - Parameter read: gives a file of /proc/sys, `nil` where there is none.
    package static func first(read: (String) -> String?) -> UserNamespaceBarrier? {
        for (name, forbidding, remedy) in settings {
            let path = name.split(separator: ".").joined(separator: "/")
            guard let value = read("/proc/sys/\(path)")?.split(whereSeparator: \.isWhitespace).first,
                value == forbidding
            else { continue }
            return UserNamespaceBarrier(setting: "\(name) is \(value)", remedy: remedy)
        }
        return nil
    }

    package static func ofThisHost() -> UserNamespaceBarrier? { first { try? wholeFile($0) } }

    private static let settings: [(name: String, forbidding: Substring, remedy: String)] = [
        ("kernel.unprivileged_userns_clone", "0", "root runs 'sysctl kernel.unprivileged_userns_clone=1'"),
        ("user.max_user_namespaces", "0", "root runs 'sysctl user.max_user_namespaces=15000'"),
        (
            "kernel.apparmor_restrict_unprivileged_userns", "1",
            "root gives sandbox-launcher an AppArmor profile with 'userns,' or runs "
                + "'sysctl kernel.apparmor_restrict_unprivileged_userns=0'"
        ),
    ]
}
