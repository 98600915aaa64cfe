import Glibc

/// The descriptors of this process, `proc_pid_fd(5)`. Not the one that is open for looking.
package func openDescriptors() throws(SystemError) -> Set<Int32> {
    guard let directory = opendir("/proc/self/fd") else {
        throw SystemError("read", "/proc/self/fd", errno: errno)
    }
    defer { closedir(directory) }
    var numbers: Set<Int32> = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if let number = Int32(name), number != dirfd(directory) { numbers.insert(number) }
    }
    return numbers
}

/// Closes all but some, whoever owns them: for a child that is a copy of its parent and uses nothing of what it closes.
package func closeDescriptors(except kept: Set<Int32>) throws(SystemError) {
    for number in try openDescriptors() where !kept.contains(number) { close(number) }
}
