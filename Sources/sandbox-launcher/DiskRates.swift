import Glibc
import LaunchPlan
import LinuxSystem

/// The disks that a policy's sandboxes read from, found with its file system, and what may be said about their rates.
struct DiskRates {
    private var disks: [DeviceNumber] = []
    /// A path whose file system has no disk of its own to be slowed down.
    private var pathWithoutDisk: String?

    init(_ contents: TemplateContents) throws(SystemError) {
        let mounts = try MountTable.read()
        for shown in contents.shown {
            add(try DeviceNumber(ofFileSystemAt: shown.path), of: shown.path)
            // Shown with what is mounted below it.
            guard let real = realpath(shown.path, nil) else {
                throw SystemError("find", shown.path, errno: errno)
            }
            defer { free(real) }
            let path = String(cString: real)
            for mount in mounts where PathText.isWithin(mount.path, path) { add(mount.device, of: mount.path) }
        }
    }

    private mutating func add(_ device: DeviceNumber, of path: String) {
        if let disk = device.disk {
            if !disks.contains(disk) { disks.append(disk) }
        } else if pathWithoutDisk == nil {
            pathWithoutDisk = path
        }
    }

    /// What the kernel is to be told for a run: the rates for each disk that the run can reach.
    /// - Parameter workspace: a descriptor of the caller's directory; `nil` for one in memory.
    func rates(
        _ limits: LaunchLimits, policy: CompiledPolicy, workspace: Int32?, resources: ResourceControl
    ) throws(LaunchFailure) -> [DiskRate] {
        guard limits.readBytesPerSecond != nil || limits.writeBytesPerSecond != nil else { return [] }
        try require(limits, resources)
        var rates: [DiskRate] = []
        if let bytes = limits.readBytesPerSecond {
            for disk in disks { rates.append(DiskRate(disk: disk, readBytes: bytes)) }
        }
        guard let workspace else { return rates }
        let device = try at(.cgroup) { () throws(SystemError) in try DeviceNumber(ofFileSystemAt: workspace) }
        guard let disk = device.disk else {
            throw Self.refusal(Self.name(limits), "the workspace is on a file system without a disk of its own")
        }
        rates.removeAll { $0.disk == disk }
        var rate = DiskRate(disk: disk, readBytes: limits.readBytesPerSecond)
        if let bytes = limits.writeBytesPerSecond, policy.workspaceMode == .write {
            let isCharged = try at(.cgroup) { () throws(SystemError) in
                try FileSystemKind.chargesWrites(at: workspace)
            }
            guard isCharged else {
                throw Self.refusal("write-rate", "the workspace's file system charges buffered writes to nobody")
            }
            rate.writeBytes = bytes
        }
        if rate.readBytes != nil || rate.writeBytes != nil { rates.append(rate) }
        return rates
    }

    /// Refuses rates that this host cannot enforce, whatever the workspace is.
    func require(_ limits: LaunchLimits, _ resources: ResourceControl) throws(LaunchFailure) {
        if limits.writeBytesPerSecond != nil, !resources.features.contains(.writeRate) {
            let reason =
                resources.version == 1
                ? "by cgroup v1: buffered writes are charged to nobody" : "here: cgroup v2 has no io controller"
            throw LaunchFailure(.cgroup, "write-rate cannot be enforced \(reason)")
        }
        guard limits.readBytesPerSecond != nil else { return }
        guard resources.features.contains(.readRate) else {
            let controller = resources.version == 1 ? "blkio" : "io"
            throw LaunchFailure(
                .cgroup, "read-rate cannot be enforced here: \(resources.name) has no \(controller) controller")
        }
        if let pathWithoutDisk {
            throw Self.refusal(
                "read-rate", "\(pathWithoutDisk) is on a file system without a disk of its own")
        }
    }

    private static func refusal(_ rate: String, _ reason: String) -> LaunchFailure {
        LaunchFailure(.cgroup, "\(rate) cannot be enforced: \(reason)")
    }

    private static func name(_ limits: LaunchLimits) -> String {
        limits.readBytesPerSecond == nil ? "write-rate" : "read-rate"
    }
}
