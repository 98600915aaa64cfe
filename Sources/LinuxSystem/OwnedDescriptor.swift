import CSandbox
package import Glibc

/// A descriptor with one owner, closed when the owner is done with it. The compiler sees to the "one".
package struct OwnedDescriptor: ~Copyable, Sendable {
    package let number: Int32

    /// Takes ownership of a descriptor that nobody else closes.
    package init(owning number: Int32) { self.number = number }

    deinit { close(number) }

    /// Gives the descriptor away; the new owner closes it.
    package consuming func release() -> Int32 {
        let number = self.number
        discard self
        return number
    }

    /// Another descriptor of the same open file, close-on-exec, numbered `minimum` or higher.
    package borrowing func duplicate(minimum: Int32 = 3) throws(SystemError) -> OwnedDescriptor {
        let number = self.number
        return OwnedDescriptor(owning: try system("duplicate descriptor") { fcntl(number, F_DUPFD_CLOEXEC, minimum) })
    }
}

/// Both ends of a pipe or of a pair of sockets, close-on-exec.
package struct DescriptorPair: ~Copyable, Sendable {
    /// The reading end of a pipe.
    package var first: OwnedDescriptor
    /// The writing end of a pipe.
    package var second: OwnedDescriptor

    /// Closes the second end and keeps the first.
    package consuming func closingSecond() -> OwnedDescriptor { first }

    /// Closes the first end and keeps the second.
    package consuming func closingFirst() -> OwnedDescriptor { second }

    package static func pipe() throws(SystemError) -> DescriptorPair {
        var ends: [Int32] = [-1, -1]
        try system("create a pipe") { sandbox_pipe(&ends) }
        return DescriptorPair(first: OwnedDescriptor(owning: ends[0]), second: OwnedDescriptor(owning: ends[1]))
    }

    /// Connected AF_UNIX sockets of a type such as SOCK_SEQPACKET.
    package static func sockets(_ type: __socket_type) throws(SystemError) -> DescriptorPair {
        var ends: [Int32] = [-1, -1]
        let flags = Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        try system("create a socket pair") { socketpair(AF_UNIX, flags, 0, &ends) }
        return DescriptorPair(first: OwnedDescriptor(owning: ends[0]), second: OwnedDescriptor(owning: ends[1]))
    }
}

/// Sets O_NONBLOCK on a descriptor's open file description.
package func setNonBlocking(_ descriptor: Int32) throws(SystemError) {
    let flags = try system("read flags of a descriptor") { fcntl(descriptor, F_GETFL) }
    try system("make a descriptor non-blocking") { fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) }
}
