import Glibc
import LinuxSystem

/// What a launcher writes into its block's file, for whoever finds it when that launcher has been killed. A launcher that ends by
/// itself, with nothing left, empties the file.
struct BlockRecord: Equatable {
    /// The pid namespace in which the numbers mean something.
    var namespace: UInt64
    var daemon: ProcessIdentity
    var launcher: ProcessIdentity
    /// Paths of the directories in which its sandboxes' groups are, one in each hierarchy.
    var groups: [String]

    /// This process and its parent. `nil` where the parent is in another pid namespace, or has ended.
    init?(groups: [String], proc: Directory) {
        guard let namespace = Self.namespace(), let daemon = ProcessIdentity(of: getppid(), proc: proc),
            let launcher = ProcessIdentity(of: getpid(), proc: proc)
        else { return nil }
        self.namespace = namespace
        self.daemon = daemon
        self.launcher = launcher
        self.groups = groups
    }

    static func read(_ path: String) -> BlockRecord? { (try? wholeFile(path)).flatMap { BlockRecord($0) } }

    /// Of this process.
    static func namespace() -> UInt64? {
        var status = stat()
        return stat("/proc/self/ns/pid", &status) == 0 ? UInt64(status.st_ino) : nil
    }

    var text: String {
        """
        namespace \(namespace)
        daemon \(daemon.pid) \(daemon.startedAt)
        launcher \(launcher.pid) \(launcher.startedAt)

        """ + groups.map { "group \($0)\n" }.joined()
    }

    /// `nil` for what is no record: one that was cut short, for example.
    init?(_ text: String) {
        var namespace: UInt64?
        var processes: [Substring: ProcessIdentity] = [:]
        var groups: [String] = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            guard words.count == 2 else { return nil }
            switch words[0] {
            case "namespace": namespace = UInt64(words[1])
            case "group": groups.append(String(words[1]))
            default:
                let numbers = words[1].split(separator: " ")
                guard numbers.count == 2, let pid = Int32(numbers[0]), let start = UInt64(numbers[1]) else {
                    return nil
                }
                processes[words[0]] = ProcessIdentity(pid: pid, startedAt: start)
            }
        }
        guard let namespace, let daemon = processes["daemon"], let launcher = processes["launcher"] else { return nil }
        (self.namespace, self.daemon, self.launcher, self.groups) = (namespace, daemon, launcher, groups)
    }
}
