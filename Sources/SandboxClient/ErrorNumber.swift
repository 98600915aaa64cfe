import Glibc

/// An errno, printed by its name.
package struct ErrorNumber: Error, Sendable, Equatable, CustomStringConvertible {
    package let value: CInt

    package init(_ value: CInt) { self.value = value }

    /// The calling thread's `errno`: read it right after the call that failed.
    package static var current: ErrorNumber { ErrorNumber(errno) }

    /// Those that sockets, files and processes give; any other is printed as its number.
    private static let names: [CInt: String] = [
        EPERM: "EPERM", ENOENT: "ENOENT", EINTR: "EINTR", EIO: "EIO", EBADF: "EBADF", EAGAIN: "EAGAIN",
        ENOMEM: "ENOMEM", EACCES: "EACCES", EEXIST: "EEXIST", ENOTDIR: "ENOTDIR", EISDIR: "EISDIR",
        EINVAL: "EINVAL", ENFILE: "ENFILE", EMFILE: "EMFILE", EFBIG: "EFBIG", ENOSPC: "ENOSPC", EROFS: "EROFS",
        EPIPE: "EPIPE", ENAMETOOLONG: "ENAMETOOLONG", ELOOP: "ELOOP", ENOEXEC: "ENOEXEC", ETXTBSY: "ETXTBSY",
        ENOTSOCK: "ENOTSOCK", EPROTOTYPE: "EPROTOTYPE", ECONNREFUSED: "ECONNREFUSED", ECONNRESET: "ECONNRESET",
        ENOTCONN: "ENOTCONN", EDQUOT: "EDQUOT",
    ]

    package var description: String { Self.names[value] ?? "errno \(value)" }
}
