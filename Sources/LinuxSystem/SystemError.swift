import CSandbox
import Glibc

/// A system call that failed: its name, the object, and the kernel's reason.
package struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
    package var call: String
    package var subject: String
    package var errno: Int32

    package init(_ call: String, _ subject: String = "", errno: Int32) {
        self.call = call
        self.subject = subject
        self.errno = errno
    }

    package var description: String {
        "failed to \(call)\(subject.isEmpty ? "" : " \(subject)"): \(errnoName(errno))"
    }
}

/// Runs a system call, again after EINTR, and turns its failure into an error that names it.
///
/// errno is read before anything else can change it. EBADF and EFAULT are bugs of this program, and in a process that
/// holds descriptors for others they are dangerous ones, so they stop it.
@discardableResult
package func system<Value: FixedWidthInteger & SignedInteger>(
    _ call: String, _ subject: @autoclosure () -> String = "", _ body: () -> Value
) throws(SystemError) -> Value {
    while true {
        let value = body()
        if value >= 0 { return value }
        let code = Glibc.errno
        if code == EINTR { continue }
        precondition(code != EBADF && code != EFAULT, "\(call): \(errnoName(code)) is a bug of this program")
        throw SystemError(call, subject(), errno: code)
    }
}

/// "ENOENT" for 2, the name that manuals use; "errno 4242" for one without a name.
package func errnoName(_ code: Int32) -> String {
    guard let name = sandbox_errno_name(code) else { return "errno \(code)" }
    return String(cString: name)
}

/// CLOCK_MONOTONIC in nanoseconds: the same clock in every process of the host.
package func monotonicNanoseconds() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}
