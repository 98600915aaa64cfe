import LaunchPlan
import LinuxSystem

/// A size or a number of files that a run's limits promise of a caller's own directory. Nothing on this side can keep
/// that: it is the directory's file system that does, or the run is refused.
struct WorkspaceSize {
    private let quota: ProjectQuota

    /// `nil` where nothing is promised, or nothing can be written.
    /// - Parameter directory: a descriptor of the workspace.
    init?(_ limits: LaunchLimits, mode: CompiledPolicy.WorkspaceMode, directory: Int32) throws(LaunchFailure) {
        guard limits.workspaceBytes != nil || limits.workspaceInodes != nil, mode == .write else { return nil }
        func refusal(_ reason: String) -> LaunchFailure { LaunchFailure(.workspaceQuota, reason) }
        do throws(ProjectQuota.Absence) {
            quota = try ProjectQuota(ofDirectory: directory)
        } catch {
            switch error {
            case .noProject: throw refusal("in no project that its files inherit")
            case .notEnforced: throw refusal("on a file system where no quota of projects is in force")
            case .system(let error): throw LaunchFailure(.workspaceQuota, error)
            }
        }
        let amounts = try at(.workspaceQuota) { () throws(SystemError) in try quota.amounts() }
        func require(_ promised: UInt64?, _ hard: UInt64?, _ unit: String) throws(LaunchFailure) {
            guard let promised else { return }
            guard let hard else { throw refusal("in project \(quota.project), which has no hard limit on \(unit)") }
            guard hard <= promised else {
                throw refusal("in project \(quota.project), which may use \(hard) \(unit), not \(promised)")
            }
        }
        try require(limits.workspaceBytes, amounts.hardBytes, "bytes")
        try require(limits.workspaceInodes, amounts.hardInodes, "inodes")
    }

    /// What the project has none left of: less than a page or block, or no inode.
    func fullSpaces() -> FullSpaces {
        // It was read when the run began; who takes the quota away meanwhile leaves nothing that could be full.
        guard let amounts = try? quota.amounts() else { return [] }
        var full: FullSpaces = []
        if let hard = amounts.hardBytes, amounts.usedBytes + quota.unitBytes > hard { full.insert(.workspace) }
        if let hard = amounts.hardInodes, amounts.usedInodes >= hard { full.insert(.workspaceInodes) }
        return full
    }
}
