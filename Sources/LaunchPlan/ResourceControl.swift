/// What the host's resource control can do, as the launcher found it.
package struct ResourceControl: Sendable, Equatable {
    /// 1 or 2: cgroup v1 or v2. 0: there are no groups, which only a launcher without root puts up with.
    package var version: UInt8
    package var features: Features

    package struct Features: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Swap beside memory can be limited.
        package static let swap = Features(rawValue: 1 << 0)
        /// Reads from block devices can be slowed down.
        package static let readRate = Features(rawValue: 1 << 1)
        /// Writes can, also those that go through the page cache.
        package static let writeRate = Features(rawValue: 1 << 2)
        /// Bytes from and to block devices are counted while a run lives.
        package static let inputOutputUsage = Features(rawValue: 1 << 3)
        /// The kernel keeps the highest memory use; without it, it is sampled.
        package static let memoryPeak = Features(rawValue: 1 << 4)
        /// The same of processes.
        package static let processesPeak = Features(rawValue: 1 << 5)
        /// Pressure stall information of each group.
        package static let pressure = Features(rawValue: 1 << 6)
        /// A whole group is killed by one write (`cgroup.kill`).
        package static let kill = Features(rawValue: 1 << 7)
        /// A whole group dies by one kill for memory (`memory.oom.group`).
        package static let memoryGroupKill = Features(rawValue: 1 << 8)
        /// A child is born in its group (`CLONE_INTO_CGROUP`).
        package static let birth = Features(rawValue: 1 << 9)

        /// Each sandbox has a uid of the host's own. Without it the launcher is not root, and all have its caller's.
        package static let identities = Features(rawValue: 1 << 10)
        /// Memory of a whole tree is limited. Never missing where the launcher is root; so are the next two.
        package static let memoryLimit = Features(rawValue: 1 << 11)
        /// A whole tree's share of CPU time is.
        package static let cpuLimit = Features(rawValue: 1 << 12)
        /// A whole tree's CPU time is counted while it lives.
        package static let cpuUsage = Features(rawValue: 1 << 13)

        /// What every launcher has that is root, beside what it finds.
        package static let ofRoot: Features = [.identities, .memoryLimit, .cpuLimit, .cpuUsage]

        package static let all = Features(rawValue: 1 << 14 - 1)
    }

    package init(version: UInt8, features: Features) {
        self.version = version
        self.features = features
    }

    /// For logs and messages.
    package var name: String { version == 0 ? "no cgroup" : "cgroup v\(version)" }

    func encode(to writer: inout BinaryWriter) {
        writer.put(version)
        writer.put(features.rawValue)
    }

    init(from reader: inout BinaryReader) throws(PlanError) {
        version = try reader.integer()
        guard version <= 2 else { throw .badValue("cgroup version") }
        features = Features(rawValue: try reader.integer())
    }
}

/// File systems of a sandbox whose size is limited, and which of them had no room left.
package struct FullSpaces: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// No block is free.
    package static let tmp = FullSpaces(rawValue: 1 << 0)
    package static let shm = FullSpaces(rawValue: 1 << 1)
    package static let workspace = FullSpaces(rawValue: 1 << 2)
    /// No inode is free.
    package static let tmpInodes = FullSpaces(rawValue: 1 << 3)
    package static let shmInodes = FullSpaces(rawValue: 1 << 4)
    package static let workspaceInodes = FullSpaces(rawValue: 1 << 5)
}

/// A sandbox's file systems in memory.
package enum MemoryFiles {
    /// How many files one has where nothing else is said: one for each page, and room for many small ones.
    package static func inodes(ofBytes bytes: UInt64) -> UInt64 { max(1024, bytes / 4096) }
}
