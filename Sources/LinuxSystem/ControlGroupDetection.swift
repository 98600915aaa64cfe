import Glibc

/// Finds out what the host has.
package enum ControlGroupDetection {
    /// What every sandbox needs. A host without one of them cannot run a sandbox.
    static let required = ["memory", "pids", "cpu"]

    /// The hierarchy to use, with a directory `name` of our own below this process's group.
    package static func detect(name: String) throws(SystemError) -> any ControlGroupHierarchy {
        let mounts = try MountTable.read()
        let own = try ownGroups()
        if let unified = mounts.first(where: { $0.type == "cgroup2" }), let path = own[""] {
            let root = try Directory(unified.path)
            if hasControllers(root) {
                let group = try Directory(unified.path + (path == "/" ? "" : path))
                return try UnifiedHierarchy(below: hasControllers(group) ? group : nil, root: root, name: name)
            }
        }
        var parents: [String: Directory] = [:]
        for controller in required + ["cpuacct", "freezer"] {
            let mount = mounts.first { $0.type == "cgroup" && $0.options.contains(controller) }
            guard let mount, let path = own[controller] else {
                if required.contains(controller) {
                    throw SystemError("find a cgroup with controller", controller, errno: ENOENT)
                }
                continue
            }
            parents[controller] = try Directory(mount.path + (path == "/" ? "" : path))
        }
        return try SplitHierarchy(below: parents, name: name)
    }

    /// Whether a cgroup v2 group can give its children what every sandbox needs.
    private static func hasControllers(_ group: Directory) -> Bool {
        let present = (try? group.read("cgroup.controllers"))?.split(whereSeparator: \.isWhitespace) ?? []
        return required.allSatisfy { present.contains(Substring($0)) }
    }

    /// `/proc/self/cgroup`: this process's group by controller, "" for the unified hierarchy.
    private static func ownGroups() throws(SystemError) -> [String: String] {
        var groups: [String: String] = [:]
        for line in try wholeFile("/proc/self/cgroup").split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            for controller in fields[1].split(separator: ",", omittingEmptySubsequences: false) {
                groups[String(controller)] = String(fields[2])
            }
        }
        return groups
    }
}

/// `/proc/self/mountinfo`, as far as it is needed here.
package struct MountTable {
    package struct Entry {
        package var path: String
        package var type: String
        /// Of the super block: a cgroup v1 mount names its controllers here.
        package var options: [String]
    }

    package static func read() throws(SystemError) -> [Entry] {
        try wholeFile("/proc/self/mountinfo").split(separator: "\n").compactMap { line in
            let halves = line.split(separator: " ")
            guard let dash = halves.firstIndex(of: "-"), dash >= 5, halves.count >= dash + 4 else { return nil }
            return Entry(
                path: String(halves[4]), type: String(halves[dash + 1]),
                options: halves[dash + 3].split(separator: ",").map(String.init))
        }
    }
}

/// A file of any length as text; for small files of the host that root wrote.
package func wholeFile(_ path: String) throws(SystemError) -> String {
    String(decoding: try wholeFileBytes(path), as: UTF8.self)
}

package func wholeFileBytes(_ path: String) throws(SystemError) -> [UInt8] {
    let file = OwnedDescriptor(owning: try system("open", path) { open(path, O_RDONLY | O_CLOEXEC) })
    let descriptor = file.number
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = try system("read", path) { Glibc.read(descriptor, &chunk, chunk.count) }
        if count == 0 { return bytes }
        bytes.append(contentsOf: chunk[0..<count])
    }
}
