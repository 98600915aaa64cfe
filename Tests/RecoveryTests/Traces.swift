import Glibc
import LaunchPlan
import LinuxSystem
import SandboxTestSupport

/// What a service has on the host, found without asking it: by its launcher's block of identities, by the directories of groups
/// that the launcher recorded, and by a variable in the environment of everything that it started.
struct Traces {
    /// A variable of this service's processes and of nobody else's.
    let mark: String
    /// Of the launcher that lives, or was the last one: its block, and directories of groups.
    private(set) var block: UInt32 = 0
    private(set) var homes: Set<String> = []
    /// The same of those before it.
    private(set) var earlierBlocks: Set<UInt32> = []
    private(set) var earlierHomes: Set<String> = []

    init(mark: String) { self.mark = mark }

    /// Learns of a launcher that lives.
    mutating func learn(launcher: Int32) throws {
        for entry in try Directory("/run/sandbox-launcher").entries() {
            guard let block = UInt32(entry.dropFirst("block-".count)),
                let text = try? wholeFile("/run/sandbox-launcher/\(entry)"),
                text.split(separator: "\n").contains(where: { $0.hasPrefix("launcher \(launcher) ") })
            else { continue }
            if self.block != 0 { earlierBlocks.insert(self.block) }
            earlierHomes.formUnion(homes)
            self.block = block
            homes = Set(
                text.split(separator: "\n").filter { $0.hasPrefix("group ") }.map {
                    String($0.dropFirst("group ".count))
                })
        }
        earlierBlocks.remove(block)
        earlierHomes.subtract(homes)
    }

    /// The last launcher's, and those of earlier ones that no other launcher on this host has taken since.
    private func blocks() -> [UInt32] {
        [block] + earlierBlocks.filter(Self.isFree)
    }

    private static func isFree(_ block: UInt32) -> Bool {
        guard let lock = try? FileLock(at: "/run/sandbox-launcher/block-\(block)") else { return false }
        _ = consume lock
        return true
    }

    struct Process: Hashable {
        var pid: Int32
        var name: String
    }

    /// Whoever is this service's and has not ended; a zombie holds nothing, and is the host's init's to reap.
    func processes() throws -> Set<Process> {
        var found: Set<Process> = []
        let blocks = blocks()
        for entry in try Directory("/proc").entries() {
            guard let pid = Int32(entry), let status = try? wholeFile("/proc/\(pid)/status"),
                isOurs(pid, status, blocks)
            else {
                continue
            }
            found.insert(Process(pid: pid, name: field("Name:", status).first.map(String.init) ?? ""))
        }
        return found
    }

    private func isOurs(_ pid: Int32, _ status: String, _ blocks: [UInt32]) -> Bool {
        // Threads of the kernel have no memory.
        guard field("State:", status).first?.hasPrefix("Z") == false, status.contains("\nVmSize") else {
            return false
        }
        let isSandboxed = field("NSpid:", status).count > 1
        let uids = blocks.map(SandboxIdentities.uids)
        if isSandboxed,
            field("Uid:", status).contains(where: { uid in uids.contains { $0.contains(UInt32(uid) ?? 0) } })
        {
            return true
        }
        guard field("Name:", status).first?.hasPrefix("sandbox") == true else { return false }
        let groups = (try? wholeFile("/proc/\(pid)/cgroup")) ?? ""
        if blocks.contains(where: { groups.contains("/sandboxd-\($0)/") }) { return true }
        let environment = (try? wholeFile("/proc/\(pid)/environ")) ?? ""
        return environment.split(separator: "\0").contains { $0 == mark }
    }

    private func field(_ name: String, _ status: String) -> [Substring] {
        let line = status.split(separator: "\n").first { $0.hasPrefix(name) }
        return line.map { Array($0.split(separator: "\t").dropFirst()) } ?? []
    }

    /// Groups of sandboxes, in all hierarchies.
    func groups() -> Set<String> {
        var found: Set<String> = []
        for home in homes {
            guard let directory = try? Directory(home) else { continue }
            for name in (try? directory.subdirectories()) ?? [] { found.insert("\(home)/\(name)") }
        }
        return found
    }

    /// Directories of earlier launchers that are nobody's now.
    func abandoned() -> [String] {
        earlierHomes.filter { home in
            (try? AbandonedGroups(path: home, name: String(home.split(separator: "/").last ?? ""))) != nil
        }.sorted()
    }

    /// Processes, this service's or not, in whose view of the file system something has been mounted from a path.
    static func holders(of path: String) throws -> [Int32] {
        try Directory("/proc").entries().compactMap { entry in
            guard let pid = Int32(entry), let mounts = try? wholeFile("/proc/\(pid)/mountinfo") else { return nil }
            // The fourth field is the directory, in its own file system.
            let isHeld = mounts.split(separator: "\n").contains { line in
                let fields = line.split(separator: " ")
                return fields.count > 4 && path.hasSuffix(fields[3]) && fields[3] != "/"
            }
            return isHeld ? pid : nil
        }
    }

    static func descriptors(_ pid: Int32) throws -> Int { try Directory("/proc/\(pid)/fd").entries().count }
}

/// The host's own mounts.
func hostMounts() throws -> Set<String> {
    Set(try wholeFile("/proc/self/mountinfo").split(separator: "\n").map(String.init))
}
