import CEscape
import Glibc

extension Attempt {
    /// A set-user-ID file in the workspace is the caller's, on the host's disk: whoever executes it there becomes the
    /// caller. Judged by the bit, not by the call's answer.
    static let specialModes: [Attempt] = [
        make("chmod") { call(__NR_chmod, text($0), 0o4755) },
        make("fchmod") { call(__NR_fchmod, openFile($0, O_RDWR), 0o4755) },
        make("fchmodat") { call(__NR_fchmodat, currentDirectory, text($0), 0o4755) },
        make("fchmodat2") { call(452, currentDirectory, text($0), 0o4755, 0) },
        make("setgid") { call(__NR_fchmodat, currentDirectory, text($0), 0o2755) },
        make("fchmod-high-bits") { call(__NR_fchmod, openFile($0, O_RDWR), 0o4755 | 1 << 32) },
        make("chmod-through-proc") {
            call(__NR_fchmodat, currentDirectory, text("/proc/self/fd/\(openFile($0, oPath))"), 0o4755)
        },
        make("open", fresh: true) { call(__NR_open, text($0), Int(O_CREAT | O_WRONLY), 0o4755) },
        make("openat", fresh: true) { call(__NR_openat, currentDirectory, text($0), Int(O_CREAT | O_WRONLY), 0o4755) },
        make("openat-high-bits", fresh: true) {
            call(__NR_openat, currentDirectory, text($0), Int(O_CREAT | O_WRONLY), 0o4755 | 1 << 40)
        },
        make("creat", fresh: true) { call(__NR_creat, text($0), 0o4755) },
        make("mknod", fresh: true) { call(__NR_mknod, text($0), Int(S_IFREG) | 0o4755, 0) },
        make("mknodat", fresh: true) { call(__NR_mknodat, currentDirectory, text($0), Int(S_IFREG) | 0o4755, 0) },
        make("mknodat-type-0", fresh: true) { call(__NR_mknodat, currentDirectory, text($0), 0o4755, 0) },
        make("mkdir", fresh: true) { path in
            _ = call(__NR_mkdir, text(path), 0o2755)
            // The kernel leaves these bits out of mkdir(2); a directory is then given them.
            return call(__NR_fchmodat, currentDirectory, text(path), 0o2755)
        },
        make("openat2", fresh: true) { path in
            let how = memory(24)
            how.storeBytes(of: UInt64(O_CREAT | O_WRONLY), as: UInt64.self)
            how.storeBytes(of: 0o4755, toByteOffset: 8, as: UInt64.self)
            return call(437, currentDirectory, text(path), address(how), 24)
        },
        make("tmpfile-and-link", fresh: true) { path in
            let file = call(__NR_openat, currentDirectory, text("."), Int(oTemporary | O_WRONLY), 0o4755)
            if file < 0 { return file }
            return call(
                __NR_linkat, currentDirectory, text("/proc/self/fd/\(file)"), currentDirectory, text(path), 0x400)
        },
        make("posix-acl") { path in
            // A mask entry of an access list that would carry the bit, were it taken over.
            let list = memory(28)
            list.storeBytes(of: 2, as: UInt32.self)
            for (index, entry) in [(1, 0o4007), (4, 0o5), (0x20, 0o5)].enumerated() {
                list.storeBytes(of: UInt16(entry.0), toByteOffset: 4 + index * 8, as: UInt16.self)
                list.storeBytes(of: UInt16(entry.1), toByteOffset: 6 + index * 8, as: UInt16.self)
                list.storeBytes(of: UInt32.max, toByteOffset: 8 + index * 8, as: UInt32.self)
            }
            let file = openFile(path, O_RDWR)
            return call(__NR_fsetxattr, file, text("system.posix_acl_access"), address(list), 28, 0)
        }.heldAnyway("an access list has no such bit"),
    ]

    /// - Parameter fresh: the call creates the file itself.
    private static func make(
        _ name: String, fresh: Bool = false, _ body: @escaping @Sendable (String) -> Int
    ) -> Attempt {
        Attempt("set-id-by-\(name)", "set-user-ID files", "a set-ID bit in the workspace by \(name)") { _ in
            let path = "set-id-\(name)"
            unlink(path)
            rmdir(path)
            umask(0)
            if !fresh { close(Int32(openFile(path, O_RDWR | O_CREAT, mode: 0o755))) }
            let result = body(path)
            var status = stat()
            let there = lstat(path, &status) == 0
            unlink(path)
            rmdir(path)
            guard there, status.st_mode & 0o6000 != 0 else {
                return .stopped(result < 0 ? errorName(result) : "the bit is not there")
            }
            return .escaped("mode \(String(status.st_mode & 0o7777, radix: 8))")
        }
    }

}
