import Glibc

/// Files of one kernel directory that are read again and again: each is opened once and read from its beginning with one
/// system call, where an open, a read and a close would take ten times as long.
///
/// Not for several threads. Closes the files with itself; the directory is somebody else's.
final class KernelFileCache {
    let directory: Directory
    /// -1 for a file that is not there.
    private var descriptors: [String: Int32] = [:]
    private var writable: [String: Int32] = [:]

    init(_ directory: Directory) { self.directory = directory }

    deinit {
        for descriptor in descriptors.values where descriptor >= 0 { close(descriptor) }
        for descriptor in writable.values { close(descriptor) }
    }

    /// As `Directory.numbers`.
    @discardableResult
    func numbers<Value>(in name: String, maximum: Int = 4096, _ take: (KernelNumbers) -> Value) -> Value? {
        let file = descriptor(of: name)
        guard file >= 0 else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: maximum, alignment: 8) { buffer in
            let count = pread(file, buffer.baseAddress, maximum, 0)
            return count >= 0 ? take(KernelNumbers(UnsafeRawBufferPointer(rebasing: buffer[..<count]))) : nil
        }
    }

    /// A file with one number; `nil` also for "max".
    func number(in name: String) -> UInt64? { numbers(in: name) { $0.first } ?? nil }

    /// What stands behind `key` in a file of lines such as "key 12".
    func number(of key: StaticString, in name: String) -> UInt64? { numbers(in: name) { $0.value(of: key) } ?? nil }

    /// The number behind the first `mark` in a file.
    func number(behind mark: StaticString, in name: String) -> UInt64? {
        numbers(in: name) { $0.number(behind: mark) } ?? nil
    }

    /// Whether files stay open that are written.
    var keepsWritten = false

    /// One value, as `Directory.write`.
    func write(_ value: String, to name: String) throws(SystemError) {
        guard keepsWritten else { return try directory.write(value, to: name) }
        let file: Int32
        if let known = writable[name] {
            file = known
        } else {
            file = try system("open", "\(directory.path)/\(name)") {
                openat(directory.number, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
            }
            writable[name] = file
        }
        var value = value
        try system("write", "\(directory.path)/\(name)") {
            value.withUTF8 { pwrite(file, $0.baseAddress!, $0.count, 0) }
        }
    }

    private func descriptor(of name: String) -> Int32 {
        if let known = descriptors[name] { return known }
        let opened = openat(directory.number, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        descriptors[name] = opened
        return opened
    }
}
