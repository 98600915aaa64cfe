import CEscape
import Glibc

extension Attempt {
    private static let bind = 4096
    private static let remount = 32
    private static let move = 8192

    /// mount(2) and what belongs to it; unconfined these run in a mount namespace that is thrown away.
    static let mounts: [Attempt] = [
        Attempt("mount-tmpfs", "mount(2)", "a tmpfs over /tmp") { _ in
            mustFail(call(__NR_mount, text("tmpfs"), text("/tmp"), text("tmpfs"), 0, 0))
        },
        Attempt("mount-bind-over-etc", "mount(2)", "bind /tmp over /etc") { _ in
            mustFail(call(__NR_mount, text("/tmp"), text("/etc"), 0, bind, 0))
        },
        Attempt("mount-move", "mount(2)", "move /tmp over /etc") { _ in
            mustBeRefused(call(__NR_mount, text("/tmp"), text("/etc"), 0, move, 0))
        },
        Attempt("mount-remount-writable", "mount(2)", "remount /usr read-write") { _ in
            mustBeRefused(call(__NR_mount, 0, text("/usr"), 0, bind | remount, 0))
        },
        Attempt("mount-remount-root", "mount(2)", "remount the sandbox's root, which holds devices, read-write") { _ in
            // Bind: it concerns this mount, never the file system.
            mustBeRefused(call(__NR_mount, 0, text("/nonexistent"), 0, bind | remount, 0))
        },
        Attempt("mount-proc", "CVE-2019-19921, CVE-2025-52881", "a fresh /proc without masks, over /tmp") { _ in
            mustFail(call(__NR_mount, text("proc"), text("/tmp"), text("proc"), 0, 0))
        },
        Attempt("mount-over-proc", "CVE-2019-19921, CVE-2025-52881", "a tmpfs over /proc, to fake what others read") {
            _ in mustFail(call(__NR_mount, text("tmpfs"), text("/proc"), text("tmpfs"), 0, 0))
        },
        Attempt("mount-sysfs", "mount(2)", "sysfs over /tmp") { _ in
            mustFail(call(__NR_mount, text("sysfs"), text("/tmp"), text("sysfs"), 0, 0))
        },
        Attempt("mount-propagation", "CVE-2019-5736 class", "make the root a shared mount") { _ in
            mustFail(call(__NR_mount, 0, text("/"), 0, 1 << 20, 0))
        },
        Attempt("mount-devpts", "CVE-2025-52565", "a devpts instance over /tmp") { _ in
            mustFail(call(__NR_mount, text("devpts"), text("/tmp"), text("devpts"), 0, 0))
        },
        Attempt("mount-devtmpfs", "devices", "the host's devtmpfs over /tmp") { _ in
            mustFail(call(__NR_mount, text("devtmpfs"), text("/tmp"), text("devtmpfs"), 0, 0))
        },
        Attempt("umount-mask", "CVE-2025-31133", "uncover what a mask in /proc hides") { _ in
            mustBeRefused(call(__NR_umount2, text("/proc/sysrq-trigger"), 2))
        },
        Attempt("umount-proc", "lower /proc", "uncover the /proc below the sandbox's own") { _ in
            mustFail(call(__NR_umount2, text("/proc"), 2))
        },
        Attempt("umount-workspace", "mount(2)", "take the workspace's mount away") { _ in
            mustBeRefused(call(__NR_umount2, text("/sandbox/workspace"), 2))
        },
        Attempt("pivot-root", "pivot_root(2)", "another root") { _ in
            mustBeRefused(call(__NR_pivot_root, text("/tmp"), text("/tmp")))
        },
        Attempt("chroot", "chroot(2)", "chroot(\"/\")") { _ in mustFail(call(__NR_chroot, text("/"))) },
        Attempt("chroot-breakout", "chroot(2)", "chroot below the working directory and walk up") { host in
            _ = call(__NR_mkdirat, currentDirectory, text("jail"), 0o755)
            let result = call(__NR_chroot, text("jail"))
            if result < 0 { return .stopped("chroot: \(errorName(result))") }
            for _ in 0..<40 { chdir("..") }
            let path = String(host.secretFile.dropFirst())
            let descriptor = openFile(path)
            return descriptor >= 0 ? .escaped(readAll(descriptor)) : .stopped(errorName(descriptor))
        },
        Attempt("host-mount-table", "mount(2)", "a mount point of the host in /proc/self/mountinfo") { _ in
            let known = [
                "/", "/usr", "/proc", "/dev/pts", "/dev/shm", "/tmp", "/sandbox/workspace", "/etc", "/sandbox",
                // Where root could not make any for the sandbox.
                "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
            ]
            let points = (readFile("/proc/self/mountinfo", limit: 1 << 20) ?? "").split(separator: "\n")
                .compactMap { $0.split(separator: " ").dropFirst(4).first.map(String.init) }
            let foreign = points.filter { point in
                !known.contains(point) && !point.hasPrefix("/proc/") && !point.hasPrefix("/etc/")
                    && !point.hasPrefix("/usr/")
            }
            return foreign.isEmpty ? .stopped("\(points.count) of its own") : .escaped(foreign.joined(separator: " "))
        },
    ]

    /// The calls that came with Linux 5.2 and later, which denylists of older programs do not have.
    static let newMountAPI: [Attempt] =
        [
            ("fsopen", Int(__NR_fsopen), [badAddress, 0]), ("fsconfig", Int(__NR_fsconfig), [-1, 0, 0, 0, 0]),
            ("fsmount", Int(__NR_fsmount), [-1, 0, 0]), ("fspick", Int(__NR_fspick), [-1, badAddress, 0]),
            ("open-tree", Int(__NR_open_tree), [-1, badAddress, 1]),
            ("move-mount", Int(__NR_move_mount), [-1, badAddress, -1, badAddress, 0]),
            ("mount-setattr", Int(__NR_mount_setattr), [-1, badAddress, 0, badAddress, 32]),
            ("statmount", 457, [badAddress, badAddress, 0, 0]), ("listmount", 458, [badAddress, badAddress, 0, 0]),
            ("open-tree-attr", 467, [-1, badAddress, 1, badAddress, 32]),
        ].map { name, number, arguments in
            Attempt(
                "\(name)", "CVE-2021-41133", "\(name.replacingDashes)(2) with arguments that only the kernel can judge"
            ) {
                _ in
                becomeRootOfNamespaces(CLONE_NEWNS)
                let a = arguments + Array(repeating: 0, count: 6 - arguments.count)
                let result = escape_call(number, a[0], a[1], a[2], a[3], a[4], a[5])
                return mustBeRefused(result)
            }
        } + [
            Attempt("detached-tree", "open_tree(2)", "a detached copy of /, to be looked at without masks") { _ in
                becomeRootOfNamespaces(CLONE_NEWNS)
                return mustFail(call(__NR_open_tree, currentDirectory, text("/"), 1 | 0x8000))
            }
        ]
}

extension String {
    fileprivate var replacingDashes: String { split(separator: "-").joined(separator: "_") }
}
