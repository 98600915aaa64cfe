import Glibc

/// A lock that ends with its holder, however that dies: flock(2) on a file that is never removed.
package struct FileLock: ~Copyable, Sendable {
    private let file: OwnedDescriptor
    private let isWritable: Bool

    /// Takes the lock. `nil` when another process holds it.
    ///
    /// - Parameter isWritable: whether the descriptor that holds it can write; for one that a process keeps which is to have no such
    ///   right later. `write` works all the same, as long as the process may open the file.
    package init?(at path: String, isWritable: Bool = true) throws(SystemError) {
        let flags = (isWritable ? O_RDWR : O_RDONLY) | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let file = OwnedDescriptor(owning: try system("open", path) { open(path, flags, 0o600) })
        let number = file.number
        // A pipe in its place would be waited for, for ever.
        var status = stat()
        try system("look at", path) { fstat(number, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError("lock", path, errno: EINVAL) }
        guard flock(number, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            guard code == EWOULDBLOCK else { throw SystemError("lock", path, errno: code) }
            return nil
        }
        self.file = file
        self.isWritable = isWritable
    }

    /// What is in the file of somebody else's lock, as far as it is looked at.
    package static func start(of path: String, bytes count: Int) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: count)
        let found = pread(file, &bytes, count, 0)
        return String(decoding: bytes.prefix(max(0, found)), as: UTF8.self)
    }

    /// Holds it until the process ends.
    package consuming func keep() { _ = file.release() }

    /// What its holder, or the last one, has written; bytes that are no text are replaced.
    package borrowing func read() throws(SystemError) -> String {
        let descriptor = file.number
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = try system("read a lock's file") { pread(descriptor, &bytes, bytes.count, 0) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    package borrowing func write(_ text: String) throws(SystemError) {
        guard isWritable else {
            // The same file, whatever its name leads to by now; the lock stays with the other description.
            let link = "/proc/self/fd/\(file.number)"
            let other = OwnedDescriptor(owning: try system("open", link) { open(link, O_WRONLY | O_CLOEXEC) })
            return try Self.write(text, to: other.number)
        }
        try Self.write(text, to: file.number)
    }

    private static func write(_ text: String, to descriptor: Int32) throws(SystemError) {
        let bytes = Array(text.utf8)
        try system("empty a lock's file") { ftruncate(descriptor, 0) }
        guard !bytes.isEmpty else { return }
        let written = try system("write a lock's file") { pwrite(descriptor, bytes, bytes.count, 0) }
        guard written == bytes.count else { throw SystemError("write a lock's file", errno: ENOSPC) }
    }

    /// Whose it is; a lock in a directory that everybody may write to is anybody's.
    package borrowing func owner() throws(SystemError) -> UInt32 {
        let descriptor = file.number
        var status = stat()
        try system("describe a lock's file") { fstat(descriptor, &status) }
        return status.st_uid
    }
}
