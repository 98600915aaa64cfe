import Foundation
import Glibc

/// A directory of the test's own below /var/tmp (a disk: overlayfs and old tmpfs can not be id-mapped), removed with it.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() {
        var template = Array("/var/tmp/sandboxd-test-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "mkdtemp failed")
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        // What a test leaves behind is in /var/tmp and named after it.
        try? FileManager.default.removeItem(atPath: path)
    }

    package func write(_ name: String, _ text: String, mode: UInt32 = 0o644) throws {
        let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw TemporaryDirectoryError(errno: errno) }
        defer { close(descriptor) }
        guard Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count else {
            throw TemporaryDirectoryError(errno: errno)
        }
    }

    package func read(_ name: String) throws -> String {
        let descriptor = open("\(path)/\(name)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TemporaryDirectoryError(errno: errno) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    package func makeDirectory(_ name: String) throws {
        guard mkdir("\(path)/\(name)", 0o755) == 0 else { throw TemporaryDirectoryError(errno: errno) }
    }

    package func has(_ name: String) -> Bool { access("\(path)/\(name)", F_OK) == 0 }

    package func owner(of name: String) -> UInt32? {
        var status = stat()
        return lstat("\(path)/\(name)", &status) == 0 ? status.st_uid : nil
    }
}

package struct TemporaryDirectoryError: Error { package let errno: Int32 }
