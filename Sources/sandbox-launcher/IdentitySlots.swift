import Glibc
import LaunchPlan
import LinuxSystem

/// Host uids for sandboxes: two for each, its pid 1's and its command's, and never the same for two that live.
///
/// They come in blocks (`SandboxIdentities`). A launcher holds its block by a lock, so that several launchers on one host share no uid and a dead one leaves none
/// taken. The groups have the uids' numbers.
final class IdentitySlots {
    private static let lockDirectory = "/run/sandbox-launcher"

    /// This launcher's block, also the name of its cgroup.
    let block: UInt32
    private let lock: FileLock
    private var free: [UInt32] = []
    private var next: UInt32 = 0

    private init(block: UInt32, lock: consuming FileLock) {
        self.block = block
        self.lock = lock
    }

    /// The first block that is free, with the cgroups of that number. A launcher that has another /run does not see the
    /// lock on the block, but where it has the same cgroups it sees that these are taken.
    ///
    /// - Parameter isService: it looks first for what dead launchers have left in other blocks, too.
    static func reserve(
        isService: Bool, proc: Directory
    ) throws(LaunchFailure) -> (slots: IdentitySlots, groups: any ControlGroupHierarchy) {
        if mkdir(lockDirectory, 0o700) != 0 && errno != EEXIST {
            throw LaunchFailure(.slots, errno: errno, "create directory \(lockDirectory)")
        }
        let leftovers = Leftovers(directory: lockDirectory, proc: proc)
        if isService { leftovers.clearAll() }
        // Block 0 holds the daemon's own fallback identity.
        for block in 1..<SandboxIdentities.blockCount {
            guard let lock = try lock(block), leftovers.clear(block, lock) else { continue }
            let groups = try at(.cgroup) { () throws(SystemError) in
                try ControlGroupDetection.claim(name: Leftovers.groupName(block))
            }
            guard let groups else { continue }
            if let record = BlockRecord(groups: groups.paths, proc: proc) {
                try at(.slots) { () throws(SystemError) in try lock.write(record.text) }
            }
            return (IdentitySlots(block: block, lock: lock), groups)
        }
        throw LaunchFailure(.slots, errno: EAGAIN, "reserve a block of identities in \(lockDirectory)")
    }

    private static func lock(_ block: UInt32) throws(LaunchFailure) -> FileLock? {
        do throws(SystemError) {
            return try FileLock(at: Leftovers.path(block, in: lockDirectory))
        } catch {
            throw LaunchFailure(.slots, error)
        }
    }

    /// When nothing is left that another launcher would have to look for.
    func forgetRecord() { try? lock.write("") }

    /// The lowest slots come first: id maps of workspaces are kept per slot.
    func take() -> IdentitySlot? {
        if let slot = free.popLast() { return IdentitySlot(number: slot, block: block) }
        guard next < SandboxIdentities.blockSize / 2 else { return nil }
        defer { next += 1 }
        return IdentitySlot(number: next, block: block)
    }

    /// Every process with the slot's identities must be gone.
    func giveBack(_ slot: IdentitySlot) { free.append(slot.number) }
}

/// The host's names of one sandbox's two users.
struct IdentitySlot: Hashable {
    var number: UInt32
    var block: UInt32

    var root: UInt32 { SandboxIdentities.base + block * SandboxIdentities.blockSize + number * 2 }
    var command: UInt32 { root + 1 }
}
