import CSandbox
import Glibc

/// Descriptors that somebody waits for, `epoll(7)`. One thread waits; any thread may watch and forget.
package struct ReadinessSet: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    package init() throws(SystemError) {
        descriptor = OwnedDescriptor(owning: try system("create an epoll set") { sandbox_readiness_create() })
    }

    /// Reports `token` whenever a descriptor can be read or has ended, until it is forgotten. One that is watched already
    /// reports the new token from now on.
    package borrowing func add(_ number: Int32, token: UInt64) throws(SystemError) {
        let set = descriptor.number
        try system("watch a descriptor") { sandbox_readiness_add(set, number, token) }
    }

    /// The same of a file of the kernel's that can always be read: `token` is reported when it has changed since it was read last.
    package borrowing func addChanging(_ number: Int32, token: UInt64) throws(SystemError) {
        let set = descriptor.number
        try system("watch a file") { sandbox_readiness_add_changing(set, number, token) }
    }

    /// Asks for one report of `token`; a descriptor has one watch at a time, and a second replaces it.
    package borrowing func watch(_ number: Int32, writing: Bool, token: UInt64) throws(SystemError) {
        let set = descriptor.number
        try system("watch a descriptor") { sandbox_readiness_watch(set, number, writing ? 1 : 0, token) }
    }

    /// Must come before the descriptor is closed: a duplicate of it would keep the watch alive. One that was never
    /// watched is fine.
    package borrowing func forget(_ number: Int32) {
        _ = sandbox_readiness_forget(descriptor.number, number)
    }

    /// Sleeps until something is ready, and returns its tokens; none when `milliseconds` have passed.
    package borrowing func wait(milliseconds: Int32? = nil) throws(SystemError) -> [UInt64] {
        let set = descriptor.number
        var tokens = [UInt64](repeating: 0, count: 64)
        let count = try system("wait for descriptors") {
            sandbox_readiness_wait(set, &tokens, tokens.count, milliseconds ?? -1)
        }
        return Array(tokens.prefix(Int(count)))
    }
}

/// Moves bytes without waiting.
package enum DescriptorIO {
    /// What a read or write without waiting came to.
    package enum Outcome: Sendable, Equatable {
        case bytes(Int)
        /// Nothing can be moved now.
        case blocked
        /// The end of the file, or the other side is gone (EIO at a terminal, EPIPE and ECONNRESET elsewhere).
        case ended
    }

    package static func read(_ number: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        retrying { Glibc.read(number, buffer.baseAddress, buffer.count) }
    }

    package static func write(_ number: Int32, _ buffer: UnsafeRawBufferPointer) -> Outcome {
        retrying { Glibc.write(number, buffer.baseAddress, buffer.count) }
    }

    /// Whether there are bytes to be read now.
    package static func isReadable(_ number: Int32) -> Bool {
        var descriptor = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, 0) > 0 && descriptor.revents & Int16(POLLIN) != 0
    }

    /// How many bytes a pipe holds; `nil` for what is no pipe.
    package static func bytesInPipe(_ number: Int32) -> Int? {
        let count = sandbox_pipe_bytes(number)
        return count < 0 ? nil : Int(count)
    }

    /// Lets a pipe hold more, `F_SETPIPE_SZ` of `fcntl(2)`. Returns whether it does: an ordinary user's pipes share a limit
    /// (fs.pipe-user-pages-soft).
    @discardableResult
    package static func enlargePipe(_ number: Int32, to bytes: Int32) -> Bool {
        sandbox_enlarge_pipe(number, bytes) >= bytes
    }

    /// Moves bytes between a pipe and a socket without copying them, `splice(2)`. Neither is waited for.
    package static func splice(from source: Int32, to target: Int32, _ count: Int) -> Outcome {
        retrying { sandbox_splice(source, target, count) }
    }

    /// Writes to a socket of which somebody else reads; a closed one is no signal.
    package static func send(_ number: Int32, _ buffer: UnsafeRawBufferPointer) -> Outcome {
        retrying { Glibc.send(number, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)) }
    }

    private static func retrying(_ body: () -> Int) -> Outcome {
        while true {
            let count = body()
            if count > 0 { return .bytes(count) }
            if count == 0 { return .ended }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .blocked
            case EBADF: preconditionFailure("a closed descriptor is a bug of this program")
            default: return .ended
            }
        }
    }
}

/// Another descriptor of the same open file, close-on-exec, of one that somebody else owns.
package func duplicateDescriptor(_ number: Int32) throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(owning: try system("duplicate descriptor") { fcntl(number, F_DUPFD_CLOEXEC, 3) })
}

extension DescriptorPair {
    /// Gives both ends away; the new owner closes them.
    package consuming func release() -> (first: Int32, second: Int32) {
        let second = self.second.release()
        return (first.release(), second)
    }
}
