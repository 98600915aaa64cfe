import CInitPlan
import CSandbox
import Glibc
import LinuxSystem

/// Fills the empty tmpfs that becomes a template's root. Everything is done below one directory descriptor.
struct TemplateTree {
    let root: Directory
    /// Else there are empty files in their places, for `showDevices`.
    let makesDevices: Bool

    /// Character devices that every program expects, `mem(4)`, `random(4)`, `tty(4)`. Made in the template's own tmpfs:
    /// it belongs to the host's user namespace, so they work inside, and nobody inside can make another.
    private static let devices: [(name: String, major: UInt32, minor: UInt32)] = [
        ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
    ]
    private static let deviceLinks: [(name: String, target: String)] = [
        ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"),
    ]

    func fill(_ contents: TemplateContents) throws(SystemError) {
        for name in ["proc", "tmp", "etc", "dev"] { try root.makeSubdirectory(name) }
        try makeDevices()
        try makeMasks()
        let sandbox = try root.ensureSubdirectory("sandbox")
        try sandbox.makeSubdirectory("workspace")
        try link("workspace", to: "sandbox/workspace", in: root)
        for (name, target) in contents.links { try link(name, to: target, in: root) }
        let etc = try root.subdirectory("etc")
        for (name, bytes) in contents.files { try write(bytes, to: name, in: etc, mode: 0o644) }
        try link("mtab", to: "../proc/self/mounts", in: etc)
        try link("os-release", to: "../usr/lib/os-release", in: etc)
        for shown in contents.shown { try makeMountPoint(shown) }
    }

    private func makeDevices() throws(SystemError) {
        let dev = try root.subdirectory("dev")
        for (name, major, minor) in Self.devices {
            guard makesDevices else {
                try write([], to: name, in: dev, mode: 0)
                continue
            }
            let number = dev_t(major << 8 | minor)
            try system("create device", name) { mknodat(dev.number, name, S_IFCHR | 0o666, number) }
            // mknod(2) heeds the umask.
            try system("open device to all", name) { fchmodat(dev.number, name, 0o666, 0) }
        }
        for (name, target) in Self.deviceLinks { try link(name, to: target, in: dev) }
        for name in ["pts", "shm"] { try dev.makeSubdirectory(name) }
    }

    /// Puts the host's own devices into the tree that is the current directory. Nothing can be changed about them from inside:
    /// read-only is what a mount says of a device's mode, owner and times, not of what is written to it.
    static func showDevices() throws(SystemError) {
        for (name, major, minor) in devices {
            let path = "/dev/\(name)"
            let source = OwnedDescriptor(owning: try system("open", path) { open(path, SANDBOX_O_PATH | O_CLOEXEC) })
            let number = source.number
            var status = stat()
            try system("describe", path) { fstat(number, &status) }
            guard status.st_mode & S_IFMT == S_IFCHR, status.st_rdev == dev_t(major << 8 | minor) else {
                throw SystemError("take for device \(major):\(minor)", path, errno: ENODEV)
            }
            let mount = try DetachedMount.clone(of: number, recursive: false)
            try DetachedMount.restrict(mount, [.readOnly, .noSuid, .noExec], recursive: false)
            try DetachedMount.attach(mount, at: "dev/\(name)", below: AT_FDCWD)
        }
    }

    /// What covers paths that must not be seen: an empty file and an empty directory without any permission.
    private func makeMasks() throws(SystemError) {
        let mask = try root.ensureSubdirectory(".mask")
        try write([], to: "file", in: mask, mode: 0)
        try mask.makeSubdirectory("directory", mode: 0)
    }

    private func makeMountPoint(_ shown: ShownPath) throws(SystemError) {
        let components = shown.path.split(separator: "/").map(String.init)
        guard let name = components.last else { throw SystemError("show", shown.path, errno: EINVAL) }
        var directory = root
        for component in components.dropLast() { directory = try directory.ensureSubdirectory(component) }
        if shown.isDirectory {
            _ = try directory.ensureSubdirectory(name)
        } else if !directory.has(name) {
            try write([], to: name, in: directory, mode: 0o444)
        }
    }

    private func link(_ name: String, to target: String, in directory: Directory) throws(SystemError) {
        try system("create link", "\(directory.path)/\(name)") { symlinkat(target, directory.number, name) }
    }

    private func write(
        _ bytes: [UInt8], to name: String, in directory: Directory, mode: UInt32
    ) throws(SystemError) {
        let subject = "\(directory.path)/\(name)"
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        let file = OwnedDescriptor(
            owning: try system("create", subject) { openat(directory.number, name, flags, mode) })
        let number = file.number
        guard !bytes.isEmpty else { return }
        let written = try system("write", subject) { Glibc.write(number, bytes, bytes.count) }
        guard written == bytes.count else { throw SystemError("write", subject, errno: ENOSPC) }
    }
}
