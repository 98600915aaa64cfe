import CSandbox
import Glibc
import LaunchPlan

/// A child of this process, by pidfd: no pid is ever guessed, none can be re-used under us.
package struct ForkedChild: ~Copyable, Sendable {
    package let pid: Int32
    package let pidfd: OwnedDescriptor
    /// Else it is somebody else's child, who reaps it: how it ended is not known here, and its number may be another's then.
    package let isOwn: Bool

    package init(pid: Int32, pidfd: consuming OwnedDescriptor) {
        self.pid = pid
        self.pidfd = pidfd
        isOwn = true
    }

    /// Somebody else's child, which is known to live: it is at the other end of a socket.
    package init(stranger pid: Int32) throws(SystemError) {
        self.pid = pid
        pidfd = OwnedDescriptor(owning: try system("open process", "\(pid)") { sandbox_pidfd_open(pid) })
        isOwn = false
    }

    /// Forks, with new namespaces (CLONE_NEW*) for the child, which runs `body` and ends.
    ///
    /// Only for a process with one thread: the child is a copy of it and goes on in Swift.
    package static func fork(
        namespaces: Namespaces = [], _ body: () -> Int32
    ) throws(SystemError) -> ForkedChild {
        var pidfd: Int32 = -1
        let pid = try system("fork") { sandbox_fork(namespaces.cloneFlags, &pidfd) }
        if pid == 0 { _exit(body()) }
        return ForkedChild(pid: pid, pidfd: OwnedDescriptor(owning: pidfd))
    }

    package borrowing func signal(_ number: Int32) throws(SystemError) {
        let descriptor = pidfd.number
        try system("signal a child") { sandbox_pidfd_send_signal(descriptor, number) }
    }

    /// Waits until the child has ended and reaps it. `nil` with `wait: false` while it lives.
    ///
    /// The result is a wait(2)-like pair: whether it exited, and the exit status or the signal.
    @discardableResult
    package borrowing func reap(wait: Bool = true) throws(SystemError) -> (exited: Bool, value: Int32)? {
        let descriptor = pidfd.number
        guard isOwn else { return Self.waitForStranger(descriptor, wait: wait) ? (false, SIGKILL) : nil }
        var code: Int32 = 0
        var status: Int32 = 0
        let flags = wait ? 0 : Int32(WNOHANG)
        let ended = try system("wait for a child") { sandbox_wait_pidfd(descriptor, &code, &status, flags) }
        return ended == 0 ? nil : (code == Int32(CLD_EXITED), status)
    }

    /// Whether it has ended, pidfd_open(2). Who reaps it takes no second for that.
    private static func waitForStranger(_ pidfd: Int32, wait: Bool) -> Bool {
        var state = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
        while true {
            let count = poll(&state, 1, wait ? 1000 : 0)
            if count < 0, errno == EINTR { continue }
            return count > 0
        }
    }

    package borrowing func killAndReap() {
        // ESRCH: it has ended already.
        try? signal(SIGKILL)
        _ = try? reap()
    }
}

extension ForkedChild {
    /// For arrays, which hold no noncopyable values.
    package final class Box {
        package let process: ForkedChild

        package init(_ process: consuming ForkedChild) { self.process = process }
    }
}

extension ForkedChild {
    /// SIGKILL for every process of a user, who is a sandbox's and nobody else's. Returns whether it was sent.
    package static func killAll(ofUser uid: UInt32) -> Bool {
        // Block 0 is not given to sandboxes: the daemon may have its number.
        guard SandboxIdentities.contains(uid), uid >= SandboxIdentities.base + SandboxIdentities.blockSize else {
            return false
        }
        var pidfd: Int32 = -1
        var failed: Int32 = 0
        let pid = sandbox_kill_user(uid, &pidfd, &failed)
        guard pid > 0 else { return false }
        _ = try? ForkedChild(pid: pid, pidfd: OwnedDescriptor(owning: pidfd)).reap()
        return failed == 0
    }
}
