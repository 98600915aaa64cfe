import Glibc
import LinuxSystem
import SandboxModel

/// What `doctor` knows of a host before it judges: texts of the kernel, as they are. Nothing here changes anything.
struct HostFacts: Sendable {
    struct Mount: Sendable {
        var path: String
        /// The file system's.
        var type: String
        /// A cgroup v1 mount names its controllers here.
        var options: [String]
    }

    /// `uname -r`: "6.1.0-13-amd64".
    var release: String
    /// `uname -m`: "x86_64".
    var machine: String
    var uid: UInt32
    var mounts: [Mount]
    /// `/proc/self/cgroup`.
    var ownGroups: String
    /// `/proc/swaps`; `nil` where the kernel has none.
    var swaps: String?
    /// Landlock's version; `nil` where it is not to be had.
    var landlock: Int32?
    /// A small file's text; `nil` of one that is not there.
    var read: @Sendable (String) -> String?

    /// This host's.
    static func current() throws(SystemError) -> HostFacts {
        var name = utsname()
        uname(&name)
        return HostFacts(
            release: text(of: name.release), machine: text(of: name.machine), uid: geteuid(),
            mounts: try MountTable.read().map { Mount(path: $0.path, type: $0.type, options: $0.options) },
            ownGroups: try wholeFile("/proc/self/cgroup"),
            swaps: try? wholeFile("/proc/swaps"), landlock: (try? Landlock())?.version,
            read: { try? wholeFile($0) })
    }

    private static func text<Characters>(of characters: Characters) -> String {
        withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// Major and minor number of the kernel.
    var kernel: (Int, Int)? {
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
    }

    /// The groups that this process is in, by controller; "" is cgroup v2's.
    var groups: [String: String] {
        var groups: [String: String] = [:]
        for line in ownGroups.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            for controller in fields[1].split(separator: ",", omittingEmptySubsequences: false) {
                groups[String(controller)] = String(fields[2])
            }
        }
        return groups
    }
}
