import LaunchPlan
import SandboxModel

extension LimitHit {
    /// Limits that were met without ending the run, and only those that somebody has counted or seen: forks that the kernel
    /// refused, and file systems without a free block or inode when the command ended by itself. Of a failed open for want
    /// of descriptors the kernel keeps no count, so that one is never here.
    ///
    /// - Parameter policy: what is in force where `limits` say nothing.
    static func list(_ report: RunReport, limits: Limits, policy: CompiledPolicy?) -> [LimitHit] {
        var hits: [LimitHit] = []
        if report.usage.forksRefused > 0 {
            hits.append(
                LimitHit(limit: "processes", value: limits.processes ?? 0, count: report.usage.forksRefused))
        }
        let sizes = SpaceSizes(limits, policy)
        for space in FullSpaces.named where report.fullSpaces.contains(space.space) {
            hits.append(LimitHit(limit: space.name, value: space.size(sizes)))
        }
        return hits
    }
}

/// How large the file systems of a run are, in bytes and inodes.
private struct SpaceSizes {
    var tmp: UInt64
    var shm: UInt64
    var workspace: UInt64
    var workspaceInodes: UInt64

    init(_ limits: Limits, _ policy: CompiledPolicy?) {
        tmp = limits.tmpBytes ?? policy?.tmpBytes ?? 0
        shm = policy?.shmBytes ?? 0
        // A workspace in memory is as large as the policy's /tmp where nothing else is said.
        workspace = limits.workspaceBytes ?? policy?.maximum.workspaceBytes ?? policy?.tmpBytes ?? 0
        workspaceInodes =
            limits.workspaceInodes ?? policy?.maximum.workspaceInodes ?? MemoryFiles.inodes(ofBytes: workspace)
    }
}

extension FullSpaces {
    fileprivate static let named: [(space: FullSpaces, name: String, size: @Sendable (SpaceSizes) -> UInt64)] = [
        (.tmp, "tmp", { $0.tmp }),
        (.tmpInodes, "tmp-inodes", { MemoryFiles.inodes(ofBytes: $0.tmp) }),
        (.shm, "shm", { $0.shm }),
        (.shmInodes, "shm-inodes", { MemoryFiles.inodes(ofBytes: $0.shm) }),
        (.workspace, "workspace-size", { $0.workspace }),
        (.workspaceInodes, "workspace-inodes", { $0.workspaceInodes }),
    ]
}
