import Glibc

/// `/etc/passwd` and `/etc/group`, read as files: the name service would load modules and may start threads.
package enum AccountFiles {
    package struct Account: Sendable, Equatable {
        package var uid: UInt32
        package var gid: UInt32

        package init(uid: UInt32, gid: UInt32) {
            self.uid = uid
            self.gid = gid
        }
    }

    /// The account of a name, `nil` when the file has none.
    package static func user(_ name: String, in contents: [UInt8]) -> Account? {
        for fields in lines(contents) where fields.count >= 4 && fields[0] == name {
            guard let uid = UInt32(fields[2]), let gid = UInt32(fields[3]) else { continue }
            return Account(uid: uid, gid: gid)
        }
        return nil
    }

    /// The number of a group's name, `nil` when the file has none.
    package static func group(_ name: String, in contents: [UInt8]) -> UInt32? {
        for fields in lines(contents) where fields.count >= 3 && fields[0] == name {
            if let gid = UInt32(fields[2]) { return gid }
        }
        return nil
    }

    private static func lines(_ contents: [UInt8]) -> [[String]] {
        contents.split(separator: UInt8(ascii: "\n")).map { line in
            line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
        }
    }
}

/// A whole file that only its owner, if that is root, can change.
package enum TrustedFile {
    /// Reads at most `maximum` bytes; a longer file is EFBIG. With `ownedByRoot`, a file of another owner, or one that
    /// its group or others may write, is EPERM. Links are not followed.
    package static func read(_ path: String, maximum: Int = 1 << 20, ownedByRoot: Bool) throws(SystemError) -> [UInt8] {
        let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let file = OwnedDescriptor(owning: try system("open", path) { open(path, flags) })
        let number = file.number
        var status = stat()
        try system("look at", path) { fstat(number, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError("read", path, errno: EINVAL) }
        if ownedByRoot { try check(status, path) }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = try system("read", path) { Glibc.read(number, &chunk, chunk.count) }
            guard count > 0 else { return contents }
            contents.append(contentsOf: chunk.prefix(count))
            guard contents.count <= maximum else { throw SystemError("read", path, errno: EFBIG) }
        }
    }

    /// The names in a directory of root's, sorted.
    package static func list(_ path: String) throws(SystemError) -> [String] {
        let flags = O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW
        let number = try system("open", path) { open(path, flags) }
        var status = stat()
        guard fstat(number, &status) == 0, let directory = fdopendir(number) else {
            let code = errno
            close(number)
            throw SystemError("read", path, errno: code)
        }
        defer { closedir(directory) }
        try check(status, path)
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Whoever may rename in a directory above a file chooses what is there: all of them must be root's. EPERM names the first
    /// that is not. Links are not followed. - Parameter path: absolute.
    package static func checkDirectories(above path: String) throws(SystemError) {
        var above = ""
        for name in [""] + path.split(separator: "/").dropLast().map(String.init) {
            above = above == "/" ? "/\(name)" : "\(above)/\(name)"
            let flags = O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW
            let place = above
            let directory = OwnedDescriptor(owning: try system("open", place) { open(place, flags) })
            let number = directory.number
            var status = stat()
            try system("look at", place) { fstat(number, &status) }
            try check(status, place)
        }
    }

    private static func check(_ status: stat, _ path: String) throws(SystemError) {
        guard status.st_uid == 0, status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
            throw SystemError("trust (it must be root's, and writable by nobody else)", path, errno: EPERM)
        }
    }
}
