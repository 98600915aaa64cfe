import CEscape
import Glibc

extension Attempt {
    static let files: [Attempt] = [
        Attempt("usr-write", "read-only mounts", "open a file of /usr for writing") { _ in
            mustNotOpen("/usr/lib/os-release", O_WRONLY)
        },
        Attempt("usr-create", "read-only mounts", "a nameless file in /usr: O_TMPFILE") { _ in
            mustFail(call(__NR_openat, currentDirectory, text("/usr"), Int(oTemporary | O_WRONLY), 0o600))
        },
        Attempt("usr-directory", "read-only mounts", "a directory in /usr/lib") { _ in
            let path = "/usr/lib/escape-\(getpid())"
            return mustFail(call(__NR_mkdirat, currentDirectory, text(path), 0o755)).afterwards { rmdir(path) }
        },
        Attempt("etc-write", "read-only mounts", "open /etc/passwd for writing") { _ in
            mustNotOpen("/etc/passwd", O_WRONLY)
        },
        Attempt("ld-preload-of-all", "read-only mounts", "/etc/ld.so.preload, which every program reads") { _ in
            let result = call(__NR_openat, currentDirectory, text("/etc"), Int(oTemporary | O_WRONLY), 0o600)
            return mustFail(result)
        },
        Attempt("root-create", "read-only mounts", "a nameless file in the root directory") { _ in
            mustFail(call(__NR_openat, currentDirectory, text("/"), Int(oTemporary | O_WRONLY), 0o600))
        },
        Attempt("security-attribute", "xattr(7)", "security.capability on a file of the workspace") { _ in
            attribute("security.capability", capability)
        },
        Attempt("trusted-attribute", "xattr(7)", "a trusted.* attribute, which only the host's root may read") { _ in
            attribute("trusted.overlay.opaque", [0x79])
        },
        Attempt("attribute-by-newer-call", "xattr(7)", "security.capability by setxattrat(2)") { _ in
            let file = made("attributed")
            let value = memory(32)
            value.storeBytes(of: UInt64(UInt(bitPattern: badAddress)), as: UInt64.self)
            value.storeBytes(of: 20, toByteOffset: 8, as: UInt32.self)
            close(Int32(file))
            return mustBeRefused(
                call(463, currentDirectory, text("attributed"), 0, text("security.capability"), address(value), 16))
        },
        Attempt("immutable-file", "file flags", "a file that its owner cannot delete: FS_IMMUTABLE_FL") { _ in
            let file = made("immutable")
            let flags = memory(8)
            flags.storeBytes(of: 0x10, as: Int.self)
            let result = escape_ioctl(Int32(file), 0x4008_6602, address(flags))
            flags.storeBytes(of: 0, as: Int.self)
            _ = escape_ioctl(Int32(file), 0x4008_6602, address(flags))
            return mustFail(Int(result))
        },
        Attempt("chown-to-root", "id maps", "give a file of the workspace to root") { _ in
            let file = made("given")
            return mustFail(call(__NR_fchown, file, 0, 0))
        },
        Attempt("chown-to-anybody", "id maps", "give a file of the workspace to a user of the host") { _ in
            let file = made("given")
            return mustFail(call(__NR_fchown, file, 65534, 65534))
        },
        Attempt("file-by-descriptor-of-proc", "CVE-2024-21626", "chdir(2) to /proc/self/fd/N of each descriptor") {
            host in
            for number in 0..<16 {
                guard call(__NR_chdir, text("/proc/self/fd/\(number)")) == 0 else { continue }
                let verdict = readsSecret("../../../../../../../.." + host.secretFile)
                if verdict.word == "escaped" { return verdict }
            }
            return .stopped("none leads out")
        },
        Attempt("watch-host-files", "covert channels", "see who opens programs of the host: inotify(7) on /usr/bin") {
            _ in
            let watcher = call(__NR_inotify_init1, Int(O_NONBLOCK))
            if watcher < 0 { return .stopped(errorName(watcher)) }
            return mustFail(call(__NR_inotify_add_watch, watcher, text("/usr/bin"), 0x20), "watching")
        },
        Attempt("lock-host-files", "isolate 2.4: file locks", "flock(2) of a file of /usr, which others feel") { _ in
            let file = openFile("/usr/lib/os-release")
            return mustFail(call(__NR_flock, file, Int(LOCK_EX | LOCK_NB)), "locked")
        },
        Attempt("lease-host-files", "isolate 2.4: file locks", "fcntl(2) F_SETLEASE on a file of /usr") { _ in
            let file = openFile("/usr/lib/os-release")
            return mustFail(Int(escape_fcntl(Int32(file), 1024, Int(F_RDLCK))), "a lease")
        },
        Attempt("record-lock-host-files", "isolate 2.4: file locks", "fcntl(2) F_SETLK for writing on a file of /usr") {
            _ in
            let lock = memory(64)
            lock.storeBytes(of: Int16(F_WRLCK), as: Int16.self)
            let file = openFile("/usr/lib/os-release", O_RDWR)
            if file < 0 { return .stopped(errorName(file)) }
            return mustFail(Int(escape_fcntl(Int32(file), F_SETLK, address(lock))), "locked")
        },
        Attempt("futex-of-host", "covert channels", "wake a process of the host that waits on a page of /usr") { _ in
            let file = openFile("/usr/lib/os-release")
            let page = call(__NR_mmap, 0, 4096, Int(PROT_READ), Int(MAP_SHARED), file, 0)
            if page < 0 { return .error("mmap: \(errorName(page))") }
            for _ in 0..<200 {
                let woken = call(__NR_futex, page, 1, 1)
                if woken != 0 { return mustFail(woken, "\(woken) process of the host woke up") }
                usleep(2000)
            }
            return .stopped("nobody woke up")
        },
        Attempt("swap-file-for-directory", "path walk", "renameat2(2) RENAME_WHITEOUT, a device by another name") { _ in
            close(Int32(made("whiteout")))
            let result = call(
                __NR_renameat2, currentDirectory, text("whiteout"), currentDirectory, text("whiteout-2"), 4)
            unlink("whiteout")
            unlink("whiteout-2")
            return mustFail(result, "a whiteout, which is a character device")
        },
    ]

    /// VFS_CAP_REVISION_2 with cap_sys_admin.
    private static let capability: [UInt8] = [1, 0, 0, 2, 0, 0, 0x20, 0] + Array(repeating: 0, count: 12)

    private static func made(_ name: String) -> Int { openFile(name, O_RDWR | O_CREAT, mode: 0o644) }

    private static func attribute(_ name: String, _ value: [UInt8]) -> Verdict {
        let file = made("attributed")
        let bytes = memory(value.count)
        bytes.copyMemory(from: value, byteCount: value.count)
        let result = call(__NR_fsetxattr, file, text(name), address(bytes), value.count, 0)
        unlink("attributed")
        return mustFail(result)
    }
}
