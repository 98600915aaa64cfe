import CSandbox
import Glibc

/// The quota of the project that a directory belongs to, `quotactl(2)`: what ext4 and XFS offer to bound a directory.
package final class ProjectQuota: Sendable {
    /// What a project may use, and what it uses.
    package struct Amounts: Sendable, Equatable {
        /// `nil`: no limit.
        package var hardBytes: UInt64?
        package var hardInodes: UInt64?
        package var usedBytes: UInt64
        package var usedInodes: UInt64
    }

    /// Why a directory has none.
    package enum Absence: Error, Equatable {
        /// The directory is in no project, or what is made in it is not.
        case noProject
        /// Limits on projects are not in force on this file system.
        case notEnforced
        case system(SystemError)
    }

    package let project: UInt32
    private let directory: OwnedDescriptor

    /// - Parameter number: any descriptor of the directory, which it is opened through again; as root.
    package init(ofDirectory number: Int32) throws(Absence) {
        let opened = openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { throw .system(SystemError("open the workspace", errno: errno)) }
        directory = OwnedDescriptor(owning: opened)
        var (project, isInherited): (UInt32, Int32) = (0, 0)
        // ENOTTY, EOPNOTSUPP: a file system that knows no projects.
        guard sandbox_project(opened, &project, &isInherited) == 0 else { throw .notEnforced }
        // Not on, unknown to the file system, or to this kernel: all the same to who relies on it.
        guard sandbox_project_quota_is_enforced(opened) == 1 else { throw .notEnforced }
        // Everything that was never given to a project is in project 0.
        guard project != 0, isInherited != 0 else { throw .noProject }
        self.project = project
    }

    package func amounts() throws(SystemError) -> Amounts {
        let number = directory.number
        var quota = sandbox_project_quota()
        let project = self.project
        try system("read the quota of project", "\(project)") {
            sandbox_read_project_quota(number, project, &quota)
        }
        return Amounts(
            hardBytes: quota.hard_bytes == 0 ? nil : quota.hard_bytes,
            hardInodes: quota.hard_inodes == 0 ? nil : quota.hard_inodes, usedBytes: quota.used_bytes,
            usedInodes: quota.used_inodes)
    }

    /// The least that a write needs: a block, or the blocks of a page where they are smaller, which the page cache has
    /// reserved together.
    package var unitBytes: UInt64 {
        var status = stat()
        return fstat(directory.number, &status) == 0 ? UInt64(max(4096, status.st_blksize)) : 4096
    }
}
