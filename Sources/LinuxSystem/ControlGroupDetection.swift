import Glibc

/// Finds out what the host has.
package enum ControlGroupDetection {
    /// What every sandbox needs. A host without one of them cannot run a sandbox.
    static let required = ["memory", "pids", "cpu"]

    /// On cgroup v1 CPU time, which is limited too, is counted by a controller of its own.
    private static let requiredOfSplit = required + ["cpuacct"]

    /// The hierarchy to use, with a directory `name` of our own below this process's group. `nil` when another launcher
    /// holds that name; the lock on it ends with this process, however that dies.
    package static func claim(name: String) throws(SystemError) -> (any ControlGroupHierarchy)? {
        let mounts = try MountTable.read()
        let own = try ownGroups()
        if let unified = mounts.first(where: { $0.type == "cgroup2" }), let path = own[""] {
            let root = try Directory(unified.path)
            if hasControllers(root) {
                let group = try ownGroup(unified.path, path)
                return try UnifiedHierarchy.claim(name, below: hasControllers(group) ? group : nil, root: root)
            }
        }
        func parent(_ controller: String) throws(SystemError) -> Directory {
            let mount = mounts.first { $0.type == "cgroup" && $0.options.contains(controller) }
            guard let mount, let path = own[controller] else {
                throw SystemError("find a cgroup with controller", controller, errno: ENOENT)
            }
            return try Directory(mount.path + (path == "/" ? "" : path))
        }
        var parents: [String: Directory] = [:]
        for controller in requiredOfSplit { parents[controller] = try parent(controller) }
        // Without it there are no rates, and a policy that asks for one is refused.
        parents["blkio"] = try? parent("blkio")
        return try SplitHierarchy.claim(name, below: parents)
    }

    /// For a process that is not root: groups below its own one, where that was delegated to its user ("Delegate=" of
    /// `systemd.resource-control(5)`) with memory and processes and nobody else is in it. Else there are no groups at all.
    package static func claimDelegated(name: String) throws(SystemError) -> any ControlGroupHierarchy {
        guard let own = try delegatedGroup(), let groups = try UnifiedHierarchy.claimDelegated(name, below: own) else {
            return UngroupedHierarchy()
        }
        return groups
    }

    /// Without root: sees to it that `claimDelegated` finds a group, if there is one to be had. Where this process has none for
    /// itself, its user's service manager is asked for one.
    ///
    /// - Returns: why there is none; `nil` where there is one.
    package static func acquireDelegated(runtimeDirectory: String?) -> String? {
        do throws(SystemError) {
            let mount = try MountTable.read().first { $0.type == "cgroup2" }
            guard let mount, hasDelegable(try Directory(mount.path)) else {
                return "this host has no cgroup v2 with memory and pids"
            }
            if let own = try delegatedGroup(), try own.read("cgroup.procs").split(separator: "\n") == ["\(getpid())"] {
                return nil
            }
            try UserScope.enter(runtimeDirectory: runtimeDirectory)
            return try delegatedGroup() == nil ? "your service manager gives a group without memory and pids" : nil
        } catch {
            return error.errno == ENOENT || error.errno == ECONNREFUSED
                ? "no service manager of yours runs (systemctl --user; loginctl enable-linger)" : "\(error)"
        }
    }

    /// Whether a group of cgroup v2 has what one must have to be of use without root.
    static func hasDelegable(_ group: Directory) -> Bool {
        let present = (try? group.read("cgroup.controllers"))?.split(whereSeparator: \.isWhitespace) ?? []
        return requiredOfDelegated.allSatisfy { present.contains(Substring($0)) }
    }

    private static let requiredOfDelegated = ["memory", "pids"]

    /// This process's group of cgroup v2, where its user may make groups in it; nobody looks who is in it.
    package static func delegatedGroup() throws(SystemError) -> Directory? {
        guard let mount = try MountTable.read().first(where: { $0.type == "cgroup2" }), let path = try ownGroups()[""],
            // Not there: this mount namespace shows other groups than the kernel counts this process in.
            let group = try? ownGroup(mount.path, path)
        else { return nil }
        let isDelegated = [".", "cgroup.procs", "cgroup.subtree_control"].allSatisfy { (name: String) in
            faccessat(group.number, name, W_OK, AT_EACCESS) == 0
        }
        return isDelegated && hasDelegable(group) ? group : nil
    }

    /// This process's group; or the one above, where an earlier launcher of the same parent has moved both out of it.
    private static func ownGroup(_ mount: String, _ path: String) throws(SystemError) -> Directory {
        let leaf = "/\(UnifiedHierarchy.leafName)"
        if path.hasSuffix(leaf) {
            let above = try Directory(mount + path.dropLast(leaf.utf8.count))
            if hasControllers(above), try above.read("cgroup.procs").isEmpty { return above }
        }
        return try Directory(mount + (path == "/" ? "" : path))
    }

    /// Whether a cgroup v2 group can give its children what every sandbox needs.
    private static func hasControllers(_ group: Directory) -> Bool {
        let present = (try? group.read("cgroup.controllers"))?.split(whereSeparator: \.isWhitespace) ?? []
        return required.allSatisfy { present.contains(Substring($0)) }
    }

    /// `/proc/self/cgroup`: this process's group by controller, "" for the unified hierarchy.
    private static func ownGroups() throws(SystemError) -> [String: String] {
        try groups(in: try wholeFile("/proc/self/cgroup"))
    }

    /// The lines of a process's `/proc/PID/cgroup`.
    static func groups(in text: String) throws(SystemError) -> [String: String] {
        var groups: [String: String] = [:]
        for line in text.split(separator: "\n") {
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
        /// Of its file system, as `stat(2)` names it for what is on it.
        package var device: DeviceNumber
        package var type: String
        /// Of the super block: a cgroup v1 mount names its controllers here.
        package var options: [String]
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    package static func read() throws(SystemError) -> [Entry] {
        // Bytes: characters of whole lines took half a millisecond.
        try wholeFileBytes("/proc/self/mountinfo").split(separator: UInt8(ascii: "\n")).compactMap { line in
            let fields = line.split(separator: UInt8(ascii: " "))
            let dash = fields.firstIndex { $0.count == 1 && $0.first == UInt8(ascii: "-") }
            guard let dash, dash >= 5, fields.count >= dash + 4, let device = DeviceNumber(text(fields[2]))
            else { return nil }
            return Entry(
                path: PathText.unescaped(text(fields[4])), device: device, type: text(fields[dash + 1]),
                options: fields[dash + 3].split(separator: UInt8(ascii: ",")).map(text))
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
