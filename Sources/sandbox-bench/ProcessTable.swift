import Glibc
import LinuxSystem

/// What `/proc` says of processes, by number.
enum ProcessTable {
    /// Every process with its parent. One that ends meanwhile is left out.
    private static func parents() throws -> [(pid: pid_t, parent: pid_t)] {
        try Directory("/proc").entries().compactMap { entry in
            // The name stands in parentheses and may hold anything, also parentheses.
            guard let pid = pid_t(entry), let text = try? wholeFile("/proc/\(pid)/stat"),
                let end = text.lastIndex(of: ")")
            else { return nil }
            let fields = text[end...].split(separator: " ")
            return fields.count > 2 ? pid_t(fields[2]).map { (pid, $0) } : nil
        }
    }

    static func children(of pid: pid_t) throws -> [pid_t] { try parents().filter { $0.parent == pid }.map(\.pid) }

    /// The process, and all that have it above them.
    static func descendants(of root: pid_t) throws -> [pid_t] {
        let children = Dictionary(grouping: try parents(), by: \.parent)
        var found = [root]
        var index = 0
        while index < found.count {
            found += (children[found[index]] ?? []).map(\.pid)
            index += 1
        }
        return found
    }

    /// How often its threads have given up the processor or lost it, since their start.
    static func contextSwitches(of pid: pid_t) throws -> UInt64 {
        try Directory("/proc/\(pid)/task").entries().filter { pid_t($0) != nil }.reduce(0) { sum, thread in
            let status = try wholeFile("/proc/\(pid)/task/\(thread)/status")
            return status.split(separator: "\n").reduce(sum) { sum, line in
                guard line.contains("ctxt_switches:"), let number = line.split(separator: "\t").last else { return sum }
                return sum + (UInt64(number) ?? 0)
            }
        }
    }

    /// Processes in a process namespace of their own whose user, real or effective, is one of these. Not by the owner of
    /// `/proc/PID`: that is root where a process is not dumpable.
    static func countSandboxed(uids: Range<UInt32>) throws -> Int {
        try Directory("/proc").entries().count { entry in
            guard let pid = pid_t(entry), let text = try? wholeFile("/proc/\(pid)/status") else { return false }
            func fields(_ name: String) -> [Substring] {
                let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
                return line.map { Array($0.split(separator: "\t").dropFirst()) } ?? []
            }
            return fields("Uid:").contains { UInt32($0).map(uids.contains) ?? false } && fields("NSpid:").count > 1
        }
    }

    static func descriptors(of pid: pid_t) throws -> Int { try Directory("/proc/\(pid)/fd").entries().count }

    static func threads(of pid: pid_t) throws -> Int { try Directory("/proc/\(pid)/task").entries().count }

    static func mounts(of pid: pid_t) throws -> Int {
        try wholeFile("/proc/\(pid)/mountinfo").split(separator: "\n").count
    }

    /// What the descriptors lead to.
    static func openFiles(of pid: pid_t) throws -> [String] {
        try Directory("/proc/\(pid)/fd").entries().compactMap { entry in
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = buffer.withUnsafeMutableBytes {
                readlink("/proc/\(pid)/fd/\(entry)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
            }
            return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
        }
    }
}

/// Memory of a process in bytes, `/proc/PID/smaps_rollup`.
struct MemoryUse: Encodable, Equatable {
    /// Its share of the pages that it has in memory: a page of two processes counts half.
    var pss: UInt64
    /// All of them.
    var rss: UInt64

    init(of pid: pid_t) throws {
        var values: [Substring: UInt64] = [:]
        for line in try wholeFile("/proc/\(pid)/smaps_rollup").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 3, words[2] == "kB", let kibibytes = UInt64(words[1]) {
                values[words[0]] = kibibytes << 10
            }
        }
        guard let pss = values["Pss:"], let rss = values["Rss:"] else {
            throw SystemError("find Pss and Rss in", "/proc/\(pid)/smaps_rollup", errno: ENODATA)
        }
        self.pss = pss
        self.rss = rss
    }

    private init(pss: UInt64, rss: UInt64) {
        self.pss = pss
        self.rss = rss
    }

    /// The greater of both, each for itself.
    func merged(with other: MemoryUse) -> MemoryUse {
        MemoryUse(pss: max(pss, other.pss), rss: max(rss, other.rss))
    }
}
