import CSandbox
import Glibc

/// An open directory, and files below it by name: one component, never a path that somebody else chose.
package final class Directory: Sendable {
    private let descriptor: OwnedDescriptor
    /// For messages; nothing is opened by it again.
    package let path: String

    package var number: Int32 { descriptor.number }

    package init(owning descriptor: consuming OwnedDescriptor, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Opens a directory of the host by a path that this program or its operator chose.
    package convenience init(_ path: String) throws(SystemError) {
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
        let number = try system("open directory", path) { open(path, flags) }
        self.init(owning: OwnedDescriptor(owning: number), path: path)
    }

    package func subdirectory(_ name: String) throws(SystemError) -> Directory {
        let path = "\(self.path)/\(name)"
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW
        let number = try system("open directory", path) { openat(self.number, name, flags) }
        return Directory(owning: OwnedDescriptor(owning: number), path: path)
    }

    package func makeSubdirectory(_ name: String, mode: UInt32 = 0o755) throws(SystemError) {
        try system("create directory", "\(path)/\(name)") { mkdirat(number, name, mode) }
    }

    /// Creates a directory where there is none, and opens it.
    package func ensureSubdirectory(_ name: String, mode: UInt32 = 0o755) throws(SystemError) -> Directory {
        do {
            try makeSubdirectory(name, mode: mode)
        } catch {
            guard error.errno == EEXIST else { throw error }
        }
        return try subdirectory(name)
    }

    package func removeSubdirectory(_ name: String) throws(SystemError) {
        try system("remove directory", "\(path)/\(name)") { unlinkat(number, name, AT_REMOVEDIR) }
    }

    package func has(_ name: String) -> Bool { faccessat(number, name, F_OK, 0) == 0 }

    /// Names of the entries, without `.` and `..`.
    package func entries() throws(SystemError) -> [String] { try names { _ in true } }

    /// Names of the directories in it: without a look at each entry, where the file system says what it is (readdir(3), d_type;
    /// cgroups do).
    package func subdirectories() throws(SystemError) -> [String] { try names { $0 == UInt8(DT_DIR) } }

    private func names(where isWanted: (UInt8) -> Bool) throws(SystemError) -> [String] {
        let copy = try system("open directory", path) { openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard let stream = fdopendir(copy) else {
            let code = errno
            close(copy)
            throw SystemError("read directory", path, errno: code)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            guard isWanted(entry.pointee.d_type) else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}
