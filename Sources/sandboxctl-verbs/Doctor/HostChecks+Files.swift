import Glibc

/// File systems, devices, and what of the host's directories matters.
extension HostChecks {
    static func files(_ host: HostFacts) -> [Finding] {
        [fileSystems(host), procOptions(host), devices(host), workspace(host), temporary(host), quota(host)]
    }

    private static func fileSystems(_ host: HostFacts) -> Finding {
        let known = Set(host.words("/proc/filesystems"))
        let missing = ["proc", "tmpfs", "devpts"].filter { !known.contains($0) }
        return Finding(
            .files, "file-systems", found: missing.isEmpty, .needed,
            missing.isEmpty ? "proc, tmpfs, devpts" : "not \(missing.joined(separator: ", "))",
            means: "a sandbox's root, /tmp and /dev/shm are tmpfs, and it has its own /proc and terminals",
            remedy: "boot a kernel that is built with CONFIG_TMPFS, CONFIG_PROC_FS and CONFIG_UNIX98_PTYS")
    }

    private static func procOptions(_ host: HostFacts) -> Finding {
        let options = host.mounts.last { $0.path == "/proc" && $0.type == "proc" }?.options ?? []
        let hidden = options.first { $0.hasPrefix("hidepid=") && !["hidepid=0", "hidepid=off"].contains($0) }
        return Finding(
            .files, "proc-options", found: hidden == nil, .useful, hidden ?? "every process can be seen",
            means:
                "sandboxes have a /proc of their own, which shows them alone, so this is no matter to them; with hidepid an "
                + "ordinary user's doctor and ps see less of the service")
    }

    private static func devices(_ host: HostFacts) -> Finding {
        let nodes = ["null", "zero", "full", "random", "urandom", "tty", "ptmx"]
        let missing = nodes.filter { host.file("/dev/\($0)")?.kind != .characterDevice }
        return Finding(
            .files, "devices", found: !missing.contains("null"), .needed,
            missing.isEmpty ? nodes.joined(separator: ", ") : "/dev has no \(missing.joined(separator: ", "))",
            means: "sandboxd needs /dev/null at its start. Sandboxes have nodes of their own, made by the launcher",
            remedy: "mknod -m 666 /dev/null c 1 3")
    }

    /// By its file system: which ones a mount can map ids on.
    private static func mapping(_ path: String, _ host: HostFacts) -> (isMapped: Bool, type: String) {
        let type = host.mount(of: path)?.type ?? "not known"
        switch type {
        case "tmpfs": return (host.isAtLeast(6, 3), type)
        case "ext4", "xfs", "btrfs", "f2fs", "erofs", "vfat": return (true, type)
        default: return (false, type)
        }
    }

    private static func workspace(_ host: HostFacts) -> Finding {
        let path = host.caller.workingDirectory
        let (isMapped, type) = mapping(path, host)
        return Finding(
            .files, "workspace", found: isMapped, .useful, "\(path) is on \(type)",
            means:
                "a workspace of the host's must lie on a file system whose ids a mount can map: ext4, xfs, btrfs, tmpfs from Linux 6.3; "
                + "not overlayfs, not network file systems",
            remedy: "use a workspace on such a file system, or none: it is in memory then")
    }

    private static func temporary(_ host: HostFacts) -> Finding {
        let (isMapped, type) = mapping("/tmp", host)
        return Finding(
            .files, "workspace-in-tmp", found: isMapped, .useful, "/tmp is on \(type)",
            means: "many agents make their workspaces in /tmp",
            remedy: "let agents make workspaces on a disk: TMPDIR=/var/tmp")
    }

    /// Whether a workspace's size can be promised for a directory of the host: on which file systems project quotas are in force.
    /// `fs.quota` is there with CONFIG_QUOTA, which ext4 and f2fs need and XFS does not.
    private static func quota(_ host: HostFacts) -> Finding {
        let isKnown = host.read("/proc/sys/fs/quota/lookups") != nil && !isQuotaCallMissing(host)
        let mounts = host.mounts.filter { mount in
            let isAble = mount.type == "xfs" || isKnown && ["ext4", "f2fs"].contains(mount.type)
            return isAble && mount.options.contains { ["prjquota", "pquota"].contains($0) }
        }
        let lack = isKnown ? "" : "; this kernel lacks CONFIG_QUOTA for others than XFS"
        return Finding(
            .files, "workspace-quota", found: !mounts.isEmpty, .useful,
            mounts.isEmpty
                ? "no file system has project quotas in force\(lack)"
                : "in force on \(mounts.map(\.path).prefix(4).joined(separator: ", "))",
            means: "a directory for a policy with workspace.size or inodes needs a project quota that promises it",
            remedy: !isKnown
                ? nil
                : "mount the workspaces' file system with the option prjquota, in /etc/fstab (ext4 that is not mounted needs tune2fs -O "
                    + "project,quota -Q prjquota before)")
    }

    private static func isQuotaCallMissing(_ host: HostFacts) -> Bool { host.calls[.quotactlFd] == ENOSYS }
}
