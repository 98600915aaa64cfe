import Glibc

/// Files that the kernel makes up as they are read: small, each one value or one table.
extension Directory {
    /// Such a file as text; one read(2).
    package func read(_ name: String) throws(SystemError) -> String {
        let file = OwnedDescriptor(
            owning: try system("open", "\(path)/\(name)") {
                openat(number, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            })
        let descriptor = file.number
        var failure: Int32 = 0
        let text = String(unsafeUninitializedCapacity: 4096) { buffer in
            let count = Glibc.read(descriptor, buffer.baseAddress!, buffer.count)
            if count < 0 { failure = errno }
            return max(0, count)
        }
        if failure != 0 { throw SystemError("read", "\(path)/\(name)", errno: failure) }
        return text
    }

    /// Writes one value; one write(2), because that is what the kernel takes as one.
    package func write(_ value: String, to name: String) throws(SystemError) {
        let file = OwnedDescriptor(
            owning: try system("open", "\(path)/\(name)") {
                openat(number, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
            })
        let descriptor = file.number
        var value = value
        try system("write", "\(path)/\(name)") {
            value.withUTF8 { Glibc.write(descriptor, $0.baseAddress!, $0.count) }
        }
    }

    /// Takes numbers out of such a file, without making text of it: three system calls for all numbers of a file.
    ///
    /// - Parameter maximum: bytes of the file that are read.
    /// - Returns: `nil` when the kernel has no such file, or has it and answers no question about it.
    @discardableResult
    package func numbers<Value>(
        in name: String, maximum: Int = 4096, _ take: (KernelNumbers) -> Value
    ) -> Value? {
        let file = openat(number, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return withUnsafeTemporaryAllocation(byteCount: maximum, alignment: 8) { buffer in
            let count = Glibc.read(file, buffer.baseAddress!, maximum)
            return count >= 0 ? take(KernelNumbers(UnsafeRawBufferPointer(rebasing: buffer[..<count]))) : nil
        }
    }

    /// A file with one number; `nil` also for "max".
    package func number(in name: String) -> UInt64? { numbers(in: name) { $0.first } ?? nil }

    /// What stands behind `key` in a file of lines such as "key 12".
    package func number(of key: StaticString, in name: String) -> UInt64? {
        numbers(in: name) { $0.value(of: key) } ?? nil
    }

    /// The number behind the first `mark` in a file.
    package func number(behind mark: StaticString, in name: String) -> UInt64? {
        numbers(in: name) { $0.number(behind: mark) } ?? nil
    }
}

/// Numbers in the text of a kernel's file.
package struct KernelNumbers {
    private let bytes: UnsafeRawBufferPointer

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The one that the file begins with; `nil` for "max".
    package var first: UInt64? { number(at: 0) }

    /// What stands behind `key` in lines such as "key 12".
    package func value(of key: StaticString) -> UInt64? {
        var line = 0
        while line < bytes.count {
            let end = line + key.utf8CodeUnitCount
            if matches(key, at: line), end < bytes.count, bytes[end] == UInt8(ascii: " ") { return number(at: end + 1) }
            while line < bytes.count, bytes[line] != UInt8(ascii: "\n") { line += 1 }
            line += 1
        }
        return nil
    }

    /// The number behind the first `mark`, wherever it is.
    package func number(behind mark: StaticString) -> UInt64? {
        for index in bytes.indices where matches(mark, at: index) { return number(at: index + mark.utf8CodeUnitCount) }
        return nil
    }

    /// The sum of all numbers behind a `mark`: one of each device's line.
    package func sum(behind mark: StaticString) -> UInt64 {
        var sum: UInt64 = 0
        for index in bytes.indices where matches(mark, at: index) {
            sum &+= number(at: index + mark.utf8CodeUnitCount) ?? 0
        }
        return sum
    }

    private func matches(_ text: StaticString, at index: Int) -> Bool {
        let count = text.utf8CodeUnitCount
        return index + count <= bytes.count && memcmp(bytes.baseAddress! + index, text.utf8Start, count) == 0
    }

    private func number(at start: Int) -> UInt64? {
        var value: UInt64 = 0
        var index = start
        while index < bytes.count, case let digit = bytes[index] &- UInt8(ascii: "0"), digit < 10 {
            value = value &* 10 &+ UInt64(digit)
            index += 1
        }
        return index > start ? value : nil
    }
}
