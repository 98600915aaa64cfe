import CSandbox
import Glibc

/// What Landlock of this kernel can restrict, `landlock(7)`.
package struct Landlock: Sendable {
    /// Rights on files, LANDLOCK_ACCESS_FS_*.
    package struct Access: OptionSet, Sendable {
        package let rawValue: UInt64
        package init(rawValue: UInt64) { self.rawValue = rawValue }

        package static let execute = Access(rawValue: 1 << 0)
        package static let writeFile = Access(rawValue: 1 << 1)
        package static let readFile = Access(rawValue: 1 << 2)
        package static let readDirectory = Access(rawValue: 1 << 3)
        package static let makeCharacterDevice = Access(rawValue: 1 << 6)
        package static let makeBlockDevice = Access(rawValue: 1 << 11)
        package static let refer = Access(rawValue: 1 << 13)
        package static let truncate = Access(rawValue: 1 << 14)
        package static let ioctlDevice = Access(rawValue: 1 << 15)

        package static let read: Access = [.readFile, .readDirectory]
        /// The rights that a rule on a file, as opposed to a directory, may have.
        package static let ofFiles: Access = [.execute, .writeFile, .readFile, .truncate, .ioctlDevice]
    }

    /// 1 on Linux 5.13, 2 on 6.1 (5.19), 7 on 6.15.
    package let version: Int32

    /// Fails where the kernel has no Landlock or it was not chosen at boot.
    package init() throws(SystemError) {
        version = try system("use Landlock (boot with lsm=landlock,...)") { sandbox_landlock_version() }
    }

    /// Every right on files that this kernel knows. What a ruleset handles and no rule allows is denied.
    package var handledAccess: Access {
        let bits: UInt64 =
            switch version {
            case ...1: 13
            case 2: 14
            case 3...4: 15
            default: 16
            }
        return Access(rawValue: (1 << bits) - 1)
    }

    /// TCP bind and connect, where the kernel can refuse them (6.7).
    package var handledNetwork: UInt64 { version >= 4 ? 3 : 0 }

    /// Abstract Unix sockets and signals to outside, where the kernel can refuse them (6.12).
    package var scoped: UInt64 { version >= 6 ? 3 : 0 }
}
