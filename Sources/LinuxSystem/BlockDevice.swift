import CSandbox
import Glibc

/// A device by its number, as `stat(2)` has it and as the kernel's files write it: "8:1".
package struct DeviceNumber: Hashable, Sendable, CustomStringConvertible {
    package var major: UInt32
    package var minor: UInt32

    package init(major: UInt32, minor: UInt32) {
        self.major = major
        self.minor = minor
    }

    /// glibc's packing of a `dev_t`, `makedev(3)`.
    package init(_ device: UInt64) {
        major = UInt32(truncatingIfNeeded: device >> 8 & 0xfff | device >> 32 & 0xffff_f000)
        minor = UInt32(truncatingIfNeeded: device & 0xff | device >> 12 & 0xffff_ff00)
    }

    package init?(_ text: some StringProtocol) {
        let halves = text.split(separator: ":", omittingEmptySubsequences: false)
        guard halves.count == 2, let major = UInt32(halves[0]), let minor = UInt32(halves[1]) else { return nil }
        self.init(major: major, minor: minor)
    }

    /// Of the file system behind a descriptor.
    package init(ofFileSystemAt descriptor: Int32) throws(SystemError) {
        var status = stat()
        try system("describe a file") { fstat(descriptor, &status) }
        self.init(UInt64(status.st_dev))
    }

    /// Of the file system that a path leads to, links in it followed: a path of the host that its operator chose.
    package init(ofFileSystemAt path: String) throws(SystemError) {
        var status = stat()
        try system("describe", path) { stat(path, &status) }
        self.init(UInt64(status.st_dev))
    }

    package var description: String { "\(major):\(minor)" }

    /// The disk that this is, or is a partition of: what the kernel limits bandwidth on. `nil` for a device that the kernel
    /// made up for a file system without one, or with several: tmpfs, overlayfs, btrfs, network file systems.
    package var disk: DeviceNumber? {
        guard major != 0, let device = try? Directory("/sys/dev/block/\(self)") else { return nil }
        guard device.has("partition") else { return self }
        // A partition's directory lies in its disk's.
        return (try? Directory("\(device.path)/..").read("dev")).flatMap { DeviceNumber($0.prefix { $0 != "\n" }) }
    }
}

/// Kinds of file systems, by the magic number of `statfs(2)`.
package enum FileSystemKind {
    /// Whether pages that are written out later are still charged to the group that made them dirty: with the kernel's
    /// flag SB_I_CGROUPWB, which only these file systems with a disk of their own set.
    package static func chargesWrites(at descriptor: Int32) throws(SystemError) -> Bool {
        var magic: UInt64 = 0
        try system("describe a file system") { sandbox_file_system_magic(descriptor, &magic) }
        // ext2, ext3 and ext4; XFS; F2FS.
        return [0xef53, 0x5846_5342, 0xf2f5_2010].contains(magic)
    }
}
