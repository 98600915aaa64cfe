import Glibc

/// A lock that ends with its holder, however that dies: flock(2) on a file that is never removed.
package struct FileLock: ~Copyable, Sendable {
    private let file: OwnedDescriptor

    /// Takes the lock. `nil` when another process holds it.
    package init?(at path: String) throws(SystemError) {
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW
        let file = OwnedDescriptor(owning: try system("open", path) { open(path, flags, 0o600) })
        let number = file.number
        guard flock(number, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            guard code == EWOULDBLOCK else { throw SystemError("lock", path, errno: code) }
            return nil
        }
        self.file = file
    }
}
