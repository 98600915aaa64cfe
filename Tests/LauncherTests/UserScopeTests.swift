import Glibc
import LinuxSystem
import SandboxTestSupport
import Testing

/// A service manager of a user's that does not answer.
struct UserScopeTests {
    private let directory = TemporaryDirectory()

    private func address() throws -> sockaddr_un {
        let path = "\(directory.path)/systemd/private"
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        try #require(path.utf8.count < MemoryLayout.size(ofValue: address.sun_path))
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        return address
    }

    private func withAddress(_ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) throws -> Int32 {
        var address = try address()
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    @Test func `one that takes no connection is waited for in bounded time`() throws {
        try #require(mkdir("\(directory.path)/systemd", 0o700) == 0)
        let listener = OwnedDescriptor(owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        try #require(try withAddress { bind(listener.number, $0, $1) } == 0 && listen(listener.number, 0) == 0)
        // As many as wait there.
        var waiting: [Int32] = []
        defer { for number in waiting { close(number) } }
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
        repeat {
            waiting.append(socket(AF_UNIX, flags, 0))
        } while try withAddress { connect(waiting[waiting.count - 1], $0, $1) } == 0 && waiting.count < 100
        try #require(waiting.count < 100)
        // It is this process that would be moved: it is not, and is told why.
        let error = #expect(throws: SystemError.self) { try UserScope.enter(runtimeDirectory: directory.path) }
        #expect(error?.errno == EAGAIN && "\(error!)".contains("connect to"), "\(String(describing: error))")
    }
}
