import Glibc

/// What a run left in its workspace: every entry's name, type, mode, owner and links. Contents stay on the disk.
struct Snapshot {
    struct Entry: Equatable {
        var mode: UInt32
        var uid: UInt32
        var gid: UInt32
        /// Of files: how many names it has. A directory's number depends on the file system.
        var links: UInt
        var target: [UInt8]?

        var isFile: Bool { mode & S_IFMT == S_IFREG }

        var description: String {
            let kind =
                switch mode & S_IFMT {
                case S_IFREG: "file"
                case S_IFDIR: "directory"
                case S_IFLNK: "link to \(String(decoding: target ?? [], as: UTF8.self))"
                case S_IFIFO: "fifo"
                case S_IFSOCK: "socket"
                default: "node"
                }
            return "\(kind) \(String(mode & 0o7777, radix: 8)) of \(uid):\(gid), \(links) links"
        }
    }

    let root: String
    /// By name below the root. Names are bytes: what is not UTF-8 is kept apart by an escape.
    private(set) var entries: [String: Entry] = [:]
    private(set) var paths: [String: [UInt8]] = [:]

    init(_ root: String) throws {
        self.root = root
        try add(directory: Array(root.utf8), name: [])
    }

    private mutating func add(directory path: [UInt8], name: [UInt8]) throws {
        guard let stream = fdopendir(Self.openFile(path, O_RDONLY | O_DIRECTORY)) else {
            throw SnapshotError(path: path, errno: errno)
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let own = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: UInt8.self, capacity: 256) {
                    Array(UnsafeBufferPointer(start: $0, count: strlen($0)))
                }
            }
            if own == [46] || own == [46, 46] { continue }
            try add(entry: path + [47] + own, name: name.isEmpty ? own : name + [47] + own)
        }
    }

    private mutating func add(entry path: [UInt8], name: [UInt8]) throws {
        // By the parent's descriptor: a path can be longer than the kernel takes.
        let slash = path.lastIndex(of: 47) ?? 0
        let parent = Self.openFile(Array(path[..<slash]), O_RDONLY | O_DIRECTORY)
        defer { close(parent) }
        let own = Array(path[(slash + 1)...])
        var status = stat()
        guard Self.withPath(own, { fstatat(parent, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
            throw SnapshotError(path: path, errno: errno)
        }
        let type = status.st_mode & S_IFMT
        var entry = Entry(
            mode: status.st_mode, uid: status.st_uid, gid: status.st_gid,
            links: type == S_IFREG ? UInt(status.st_nlink) : 1)
        if type == S_IFLNK {
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = Self.withPath(own) { readlinkat(parent, $0, &buffer, 4096) }
            entry.target = buffer.prefix(max(0, count)).map(UInt8.init(bitPattern:))
        }
        let key = Self.text(name)
        entries[key] = entry
        paths[key] = path
        if type == S_IFDIR { try add(directory: path, name: name) }
    }

    private static func text(_ name: [UInt8]) -> String {
        String(validating: name, as: UTF8.self)
            ?? name.map { $0 < 128 ? String(UnicodeScalar($0)) : "\\x" + String($0, radix: 16) }.joined()
    }

    /// Opens an absolute path of any length, a part at a time. Links are not followed at its end.
    private static func openFile(_ path: [UInt8], _ flags: Int32) -> Int32 {
        var rest = path[...]
        var directory = AT_FDCWD
        defer { if directory != AT_FDCWD { close(directory) } }
        while rest.count > 3000, let slash = rest.prefix(3000).lastIndex(of: 47) {
            let part = Array(rest[..<slash])
            let next = withPath(part) { openat(directory, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
            guard next >= 0 else { return -1 }
            if directory != AT_FDCWD { close(directory) }
            directory = next
            rest = rest[(slash + 1)...]
        }
        return withPath(Array(rest)) { openat(directory, $0, flags | O_CLOEXEC | O_NOFOLLOW) }
    }

    private static func withPath<Result>(_ path: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (path + [0]).withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { body($0.baseAddress!) }
        }
    }

    /// The whole of a file, as root.
    static func contents(_ path: [UInt8]) throws -> [UInt8] {
        let descriptor = openFile(path, O_RDONLY)
        guard descriptor >= 0 else { throw SnapshotError(path: path, errno: errno) }
        defer { close(descriptor) }
        var status = stat()
        fstat(descriptor, &status)
        let size = Int(status.st_size)
        return try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let result = read(descriptor, buffer.baseAddress! + count, size - count)
                guard result >= 0 else { throw SnapshotError(path: path, errno: errno) }
                if result == 0 { break }
                count += result
            }
        }
    }
}

struct SnapshotError: Error, CustomStringConvertible {
    var path: [UInt8]
    var errno: Int32
    var description: String { "failed to read \(String(decoding: path, as: UTF8.self)): errno \(errno)" }
}
