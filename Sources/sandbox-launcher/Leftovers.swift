import Glibc
import LaunchPlan
import LinuxSystem

/// What launchers that were killed have left: their sandboxes die with them, but nobody is left to remove the groups, and a process
/// that dies late still has its identity.
///
/// A block's lock is the proof: it is held as long as its launcher lives, or a process that this has forked. Where it is free,
/// whoever is in the block's groups, or has its identities in a pid namespace of its own, is nobody's.
struct Leftovers {
    let directory: String
    let proc: Directory
    /// Who waits for one command does not hear of another's launcher.
    let isService: Bool

    /// What dies takes milliseconds, seconds where a disk is slow.
    private static let patience: UInt64 = 5_000_000_000
    /// A launcher whose sandboxd is gone ends by itself, when it has ended its sandboxes. Nothing is lost where it is not let.
    private static let launcherPatience: UInt64 = 500_000_000
    /// Then what it has forked ends as well; where that waits for a disk, nobody waits for it.
    private static let lockPatience: UInt64 = 300_000_000
    private static let pause: UInt32 = 1000

    static func path(_ block: UInt32, in directory: String) -> String { "\(directory)/block-\(block)" }

    static func groupName(_ block: UInt32) -> String { "sandboxd-\(block)" }

    /// For a service, at its start: of every launcher on the host.
    func clearAll() {
        for entry in (try? Directory(directory).entries()) ?? [] {
            guard entry.hasPrefix("block-"), let block = UInt32(entry.dropFirst(6)) else { continue }
            if !clearFree(block) { endOrphan(block) }
        }
    }

    /// Returns whether the block is nobody's.
    private func clearFree(_ block: UInt32) -> Bool {
        do throws(SystemError) {
            guard let lock = try FileLock(at: Self.path(block, in: directory)) else { return false }
            clear(block, lock)
        } catch {
            say("\(error)")
        }
        return true
    }

    /// Of a block that is this process's now. Returns whether nothing of it is left; then its record is gone too.
    @discardableResult
    func clear(_ block: UInt32, _ lock: borrowing FileLock) -> Bool {
        guard let text = try? lock.read() else { return false }
        if text.isEmpty { return true }
        let since = monotonicNanoseconds()
        var groups: [AbandonedGroups] = []
        for path in BlockRecord(text)?.groups ?? [] {
            do throws(AbandonedGroups.Held) {
                if let found = try AbandonedGroups(path: path, name: Self.groupName(block)) { groups.append(found) }
            } catch {
                // One that sees another /run has the block: whoever has its identities is its.
                return false
            }
        }
        let users = SandboxIdentities.uids(ofBlock: block)
        var seen: Set<Int32> = []
        var removed = 0
        while true {
            let alive = groups.reduce(SandboxProcesses.kill(ofUsers: users, proc: proc)) {
                $0.union($1.killAll(proc: proc))
            }
            seen.formUnion(alive)
            var isGone = alive.isEmpty
            for group in groups {
                let left = group.removeAll()
                removed += left.removed
                isGone = isGone && left.isGone
            }
            let elapsed = monotonicNanoseconds() - since
            if isGone {
                if isService {
                    say(
                        "cleared away what a launcher that was killed has left in block \(block): processes \(seen.count), "
                            + "groups \(removed + groups.count), after \(elapsed / 1_000_000) ms")
                }
                return (try? lock.write("")) != nil
            }
            guard elapsed < Self.patience else {
                say("block \(block) is not used: \(alive.count) processes of a launcher that was killed do not end")
                return false
            }
            usleep(Self.pause)
        }
    }

    /// Ends a launcher whose sandboxd is gone and that does not end by itself, and clears away what it has left.
    private func endOrphan(_ block: UInt32) {
        let path = Self.path(block, in: directory)
        guard let record = BlockRecord.read(path), record.namespace == BlockRecord.namespace(),
            !record.daemon.isAlive(proc: proc)
        else { return }
        let since = monotonicNanoseconds()
        while record.launcher.isAlive(proc: proc) {
            if record.launcher.isStopped(proc: proc) || monotonicNanoseconds() - since > Self.launcherPatience {
                say("ending the launcher of block \(block), pid \(record.launcher.pid): its sandboxd is gone")
                record.launcher.kill(proc: proc)
                break
            }
            usleep(Self.pause)
        }
        // What it has forked gets its SIGKILL with its end, and holds the lock until then.
        let endedAt = monotonicNanoseconds()
        while monotonicNanoseconds() - endedAt < Self.lockPatience {
            // Somebody else's by now: another launcher that starts as well.
            guard !clearFree(block), BlockRecord.read(path) == record else { return }
            usleep(Self.pause)
        }
        say("block \(block) stays locked: its launcher, pid \(record.launcher.pid), does not end")
    }

    /// On standard error, which is sandboxd's log.
    private func say(_ text: String) {
        let line = "sandbox-launcher: \(text)\n"
        _ = line.withCString { write(2, $0, strlen($0)) }
    }
}
