import CSandbox
import Glibc

/// A process that is not mistaken for a later one with its number. In the pid namespace of this one.
package struct ProcessIdentity: Sendable, Equatable {
    package let pid: Int32
    /// Clock ticks since the host's boot, `proc(5)`.
    package let startedAt: UInt64

    package init(pid: Int32, startedAt: UInt64) {
        self.pid = pid
        self.startedAt = startedAt
    }

    /// The process that has this number now; `nil` when none has, or one that has ended and is not reaped yet.
    package init?(of pid: Int32, proc: Directory) {
        guard let (identity, state) = Self.look(pid, proc), !Self.isOver(state) else { return nil }
        self = identity
    }

    package func isAlive(proc: Directory) -> Bool { ProcessIdentity(of: pid, proc: proc) == self }

    /// Somebody has stopped it: it does nothing by itself any more.
    package func isStopped(proc: Directory) -> Bool {
        guard let (identity, state) = Self.look(pid, proc), identity == self else { return false }
        return state == UInt8(ascii: "T") || state == UInt8(ascii: "t")
    }

    /// SIGKILL, for this process and no other.
    package func kill(proc: Directory) {
        let pidfd = sandbox_pidfd_open(pid)
        guard pidfd >= 0 else { return }
        defer { close(pidfd) }
        // Asked after the descriptor was made: it is of the process that has this number now.
        if isAlive(proc: proc) { _ = sandbox_pidfd_send_signal(pidfd, SIGKILL) }
    }

    private static func isOver(_ state: UInt8) -> Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }

    /// The name is in parentheses and may have any byte in it; behind the last one are the state, and, as the twentieth, the start.
    private static func look(_ pid: Int32, _ proc: Directory) -> (ProcessIdentity, state: UInt8)? {
        guard let text = try? proc.read("\(pid)/stat"), let end = text.utf8.lastIndex(of: UInt8(ascii: ")")) else {
            return nil
        }
        let fields = text[end...].dropFirst().split(separator: " ")
        guard fields.count > 19, let state = fields[0].utf8.first, let start = UInt64(fields[19]) else { return nil }
        return (ProcessIdentity(pid: pid, startedAt: start), state)
    }
}

/// Processes of the host's users that sandboxes have.
package enum SandboxProcesses {
    /// SIGKILL for every process that has one of these uids and is in a pid namespace below this one: what came out of a sandbox,
    /// and nobody else. Returns those that have not ended.
    package static func kill(ofUsers uids: Range<UInt32>, proc: Directory) -> Set<Int32> {
        var found: Set<Int32> = []
        for entry in (try? proc.entries()) ?? [] {
            guard let pid = Int32(entry), isSandboxed(pid, uids, proc) else { continue }
            found.insert(pid)
            let pidfd = sandbox_pidfd_open(pid)
            guard pidfd >= 0 else { continue }
            // Asked again: the number may have become somebody else's meanwhile.
            if isSandboxed(pid, uids, proc) { _ = sandbox_pidfd_send_signal(pidfd, SIGKILL) }
            close(pidfd)
        }
        return found
    }

    private static func isSandboxed(_ pid: Int32, _ uids: Range<UInt32>, _ proc: Directory) -> Bool {
        guard let status = try? proc.read("\(pid)/status") else { return false }
        var (isOurs, isBelow) = (false, false)
        for line in status.split(separator: "\n") {
            if line.hasPrefix("State:\tZ") || line.hasPrefix("State:\tX") { return false }
            if line.hasPrefix("Uid:") {
                isOurs = line.split(separator: "\t").dropFirst().contains { UInt32($0).map(uids.contains) ?? false }
            }
            if line.hasPrefix("NSpid:") { isBelow = line.split(separator: "\t").count == 3 }
        }
        return isOurs && isBelow
    }
}
