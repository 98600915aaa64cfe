import CSandbox

/// Readiness of many descriptors, level-triggered, `epoll(7)`.
package struct EventPoll: ~Copyable {
    private let descriptor: OwnedDescriptor

    package init() throws(SystemError) {
        descriptor = OwnedDescriptor(owning: try system("create an epoll") { sandbox_epoll_create() })
    }

    /// Waits for a descriptor to become readable or to end; `token` says which one it was.
    package borrowing func add(_ watched: Int32, token: UInt64) throws(SystemError) {
        let number = descriptor.number
        try system("watch a descriptor") { sandbox_epoll_add(number, watched, token) }
    }

    package borrowing func remove(_ watched: Int32) {
        // ENOENT: it was removed before.
        _ = sandbox_epoll_remove(descriptor.number, watched)
    }

    /// The tokens that are ready; none when `milliseconds` have passed. `nil` waits for the first one.
    package borrowing func wait(milliseconds: Int32? = nil) throws(SystemError) -> [UInt64] {
        let number = descriptor.number
        var tokens = [UInt64](repeating: 0, count: 64)
        let count = try system("wait for events") { sandbox_epoll_wait(number, &tokens, 64, milliseconds ?? -1) }
        return Array(tokens.prefix(Int(count)))
    }
}
