import Glibc

/// Why the daemon does not start: what it prints, and its exit status out of `sysexits.h`.
struct StartUpError: Error {
    enum Status: Int32 {
        case usage = 64
        case noUser = 67
        /// Another daemon has the socket, or a part of this one cannot be started.
        case unavailable = 69
        case osError = 71
        case cannotCreate = 73
        case notPermitted = 77
        case configuration = 78
    }

    var status: Status
    var message: String

    init(_ status: Status, _ message: String) {
        self.status = status
        self.message = message
    }
}
