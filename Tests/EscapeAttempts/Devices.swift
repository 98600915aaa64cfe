import CEscape
import Glibc

extension Attempt {
    static let devices: [Attempt] =
        [
            ("mem", O_RDONLY), ("kmsg", O_RDONLY), ("kvm", O_RDWR), ("fuse", O_RDWR), ("net/tun", O_RDWR),
            ("loop-control", O_RDWR), ("console", O_RDONLY), ("vda", O_RDONLY), ("port", O_RDONLY),
            ("userfaultfd", O_RDWR),
        ].map { name, flags in
            Attempt("dev-\(name == "net/tun" ? "tun" : name)", "devices", "open /dev/\(name)") { _ in
                let verdict = mustNotOpen("/dev/\(name)", flags | O_NONBLOCK | O_NOCTTY)
                guard verdict == .stopped("ENOENT"), openFile("/dev/ttyS0", oPath) >= 0 else { return verdict }
                return .absent("not on this host")
            }.heldAnyway(name == "vda" ? "where a device group forbids it to root as well" : nil)
        } + nodes + terminals

    /// mknod(2) with a harmless device, 1:3, /dev/null's.
    private static func node(_ name: String, _ tries: String, _ mode: Int, _ directory: String = ".") -> Attempt {
        Attempt("mknod-\(name)", "mknod(2)", tries) { _ in
            let path = "\(directory)/node"
            let result = call(__NR_mknodat, currentDirectory, text(path), mode, 0x103)
            unlink(path)
            return mustFail(result)
        }
    }

    private static let nodes: [Attempt] = [
        node("character", "a character device in the workspace", Int(S_IFCHR) | 0o666),
        node("block", "a block device in the workspace", Int(S_IFBLK) | 0o666),
        node("high-bits", "a character device with bits above the 32nd in its mode", Int(S_IFCHR) | 0o666 | 1 << 33),
        node("tmp", "a block device in /tmp", Int(S_IFBLK) | 0o666, "/tmp"),
        node("shm", "a character device in /dev/shm", Int(S_IFCHR) | 0o666, "/dev/shm"),
        Attempt("mknod-older-call", "mknod(2)", "a character device by mknod(2) itself") { _ in
            let result = call(__NR_mknod, text("node"), Int(S_IFCHR) | 0o666, 0x103)
            unlink("node")
            return mustFail(result)
        },
        Attempt("device-node-replaced", "CVE-2025-31133", "replace /dev/null by a link, for who binds it later") { _ in
            // Into a name that is not there: nothing is lost where it works.
            any([
                mustFail(call(__NR_symlinkat, text("/proc/sysrq-trigger"), currentDirectory, text("/dev/null2"))),
                mustFail(
                    call(__NR_linkat, currentDirectory, text("/dev/null"), currentDirectory, text("/dev/null3"), 0)),
            ]).afterwards {
                unlink("/dev/null2")
                unlink("/dev/null3")
            }
        },
        Attempt("mask-replaced", "CVE-2025-31133", "change what covers the masked files: /.mask/file") { _ in
            any([
                mustFail(call(__NR_fchmodat, currentDirectory, text("/.mask/file"), 0o666)),
                mustFail(call(__NR_openat, currentDirectory, text("/.mask/file"), Int(O_WRONLY), 0)),
                mustFail(call(__NR_unlinkat, currentDirectory, text("/.mask/file"), 0)),
            ])
        }.heldAnyway("there is no mask outside"),
        Attempt("console-by-link", "CVE-2025-52565", "a link at /dev/console, for who binds a terminal there") { _ in
            mustFail(call(__NR_symlinkat, text("/dev/pts/0"), currentDirectory, text("/dev/console-link"))).afterwards {
                unlink("/dev/console-link")
            }
        },
    ]

    /// ioctl(2) on no descriptor: EBADF is the kernel's answer, EPERM the filter's.
    private static func terminal(
        _ name: String, _ origin: String, _ request: UInt64, _ tries: String
    ) -> Attempt {
        Attempt(name, origin, tries) { _ in mustBeRefused(Int(escape_ioctl(-1, UInt(request), 0))) }
    }

    private static let terminals: [Attempt] = [
        terminal("tiocsti", "CVE-2017-5226", 0x5412, "type into a terminal by TIOCSTI"),
        terminal("tiocsti-high-bits", "CVE-2019-10063", 0x1_0000_5412, "TIOCSTI with a bit above the 32nd"),
        terminal(
            "tiocsti-all-high-bits", "CVE-2019-10063", 0xffff_ffff_0000_5412, "TIOCSTI with all bits above the 32nd"),
        terminal("tioclinux", "CVE-2023-28100", 0x541c, "paste into a console by TIOCLINUX"),
        terminal("tioclinux-high-bits", "CVE-2023-28100", 0x8000_0000_0000_541c, "TIOCLINUX with the highest bit"),
        terminal("tiocsetd", "line disciplines", 0x5423, "load a line discipline by TIOCSETD"),
        Attempt("controlling-terminal", "terminals", "a terminal of the caller's as controlling terminal") { _ in
            let descriptor = openFile("/dev/tty", O_RDWR)
            return mustFail(descriptor)
        }.heldAnyway("tests are started without one"),
        Attempt("host-terminals", "devpts", "a terminal of the host in /dev/pts") { _ in
            let directory = openFile("/dev/pts", O_RDONLY | O_DIRECTORY)
            if directory < 0 { return .stopped(errorName(directory)) }
            // A terminal of one's own is number 0 in an instance of one's own.
            let master = openFile("/dev/ptmx", O_RDWR | O_NOCTTY)
            if master < 0 { return .stopped("ptmx: \(errorName(master))") }
            var number: UInt32 = 0
            let result = withUnsafeMutablePointer(to: &number) {
                escape_ioctl(Int32(master), 0x8004_5430, Int(bitPattern: $0))
            }
            return result == 0 && number == 0 ? .stopped("own instance") : .escaped("this is terminal \(number)")
        }.heldAnyway("no terminal is open where tests run"),
    ]

}

extension Verdict {
    /// Tidies up, where the attempt worked.
    func afterwards(_ body: () -> Void) -> Verdict {
        body()
        return self
    }
}
