import Glibc
import LaunchPlan
import LinuxSystem

/// What a service holds of its host.
struct Census: Encodable {
    var daemonDescriptors: Int
    var launcherDescriptors: Int
    var daemonThreads: Int
    var launcherThreads: Int
    /// Children of the launcher: one for each sandbox.
    var children: Int
    /// Processes with an identity of this launcher's sandboxes.
    var sandboxProcesses: Int
    /// As this program sees them.
    var hostMounts: Int
    var daemonMounts: Int
    var launcherMounts: Int
    /// Of this launcher, in all hierarchies.
    var groups: Int

    init(_ service: BenchService) throws {
        daemonDescriptors = try ProcessTable.descriptors(of: service.daemon)
        launcherDescriptors = try ProcessTable.descriptors(of: service.launcher)
        daemonThreads = try ProcessTable.threads(of: service.daemon)
        launcherThreads = try ProcessTable.threads(of: service.launcher)
        children = try ProcessTable.children(of: service.launcher).count
        hostMounts = try ProcessTable.mounts(of: getpid())
        daemonMounts = try ProcessTable.mounts(of: service.daemon)
        launcherMounts = try ProcessTable.mounts(of: service.launcher)
        let homes = try Self.groupHomes(of: service.launcher)
        guard let block = homes.first?.block else {
            throw SystemError("find the cgroups of the launcher", errno: ENOENT)
        }
        groups = try homes.reduce(0) { count, home in
            let directory = try Directory(home.path)
            return try count + directory.entries().count { directory.has("\($0)/cgroup.procs") }
        }
        let first = SandboxIdentities.base + block * SandboxIdentities.blockSize
        sandboxProcesses = try ProcessTable.countSandboxed(uids: first..<first + SandboxIdentities.blockSize)
    }

    /// The launcher keeps its directory of each hierarchy open: `.../sandboxd-BLOCK`.
    private static func groupHomes(of launcher: pid_t) throws -> [(path: String, block: UInt32)] {
        Set(try ProcessTable.openFiles(of: launcher)).compactMap { path in
            guard path.hasPrefix("/sys/fs/cgroup/"), let name = path.split(separator: "/").last,
                name.hasPrefix("sandboxd-"), let block = UInt32(name.dropFirst("sandboxd-".count))
            else { return nil }
            return (path, block)
        }
    }

    /// Once nothing of any sandbox is left, or after ten seconds: the kernel takes namespaces apart in the background.
    static func settled(_ service: BenchService) async throws -> Census {
        for _ in 0..<100 {
            try await Task.sleep(for: .milliseconds(100))
            let census = try Census(service)
            if census.children == 0, census.sandboxProcesses == 0, census.groups == 0 { return census }
        }
        return try Census(service)
    }

    var figures: [(name: String, value: Int)] {
        [
            ("descriptors of sandboxd", daemonDescriptors), ("descriptors of the launcher", launcherDescriptors),
            ("threads of sandboxd", daemonThreads), ("threads of the launcher", launcherThreads),
            ("children of the launcher", children), ("processes of sandboxes", sandboxProcesses),
            ("mounts of the host", hostMounts), ("mounts of sandboxd", daemonMounts),
            ("mounts of the launcher", launcherMounts), ("cgroups", groups),
        ]
    }
}
