import Glibc
import LaunchPlan
import LinuxSystem

/// Host uids for sandboxes: two for each, its pid 1's and its command's, and never the same for two that live.
///
/// They come in blocks (`SandboxIdentities`). A launcher holds its block by a lock, so that several launchers on one host share no uid and a dead one leaves none
/// taken. The groups have the uids' numbers.
final class IdentitySlots {
    private static let lockDirectory = "/run/sandbox-launcher"

    private let owner: IdentitySlot.Owner
    /// `nil` without root.
    private let lock: FileLock?
    private var free: [UInt32] = []
    private var next: UInt32 = 0

    private init(_ owner: IdentitySlot.Owner, lock: consuming FileLock?) {
        self.owner = owner
        self.lock = lock
    }

    /// The first block that is free, with the cgroups of that number. A launcher that has another /run does not see the
    /// lock on the block, but where it has the same cgroups it sees that these are taken.
    ///
    /// - Parameter isService: it looks first for what dead launchers have left in other blocks, too.
    static func reserve(
        _ rights: HostRights, isService: Bool, proc: Directory
    ) throws(LaunchFailure) -> (slots: IdentitySlots, groups: any ControlGroupHierarchy) {
        if case .user(let uid, let gid) = rights {
            let groups = try at(.cgroup) { () throws(SystemError) in
                try ControlGroupDetection.claimDelegated(name: "sandboxd")
            }
            return (IdentitySlots(.caller(uid: uid, gid: gid), lock: nil), groups)
        }
        if mkdir(lockDirectory, 0o700) != 0 && errno != EEXIST {
            throw LaunchFailure(.slots, errno: errno, "create directory \(lockDirectory)")
        }
        let leftovers = Leftovers(directory: lockDirectory, proc: proc, isService: isService)
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
            return (IdentitySlots(.block(block), lock: lock), groups)
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
    func forgetRecord() {
        switch lock {
        case .some(let lock): try? lock.write("")
        case nil: break
        }
    }

    /// The lowest slots come first: id maps of workspaces are kept per slot.
    func take() -> IdentitySlot? {
        if let number = free.popLast() { return slot(number) }
        guard next < SandboxIdentities.blockSize / 2 else { return nil }
        defer { next += 1 }
        return slot(next)
    }

    /// One that was taken, by its number.
    func slot(_ number: UInt32) -> IdentitySlot { IdentitySlot(number: number, owner: owner) }

    /// Every process with the slot's identities must be gone.
    func giveBack(_ slot: IdentitySlot) {
        // What a policy gives is nobody's to hand out.
        if slot.owner == owner { free.append(slot.number) }
    }

    /// The block's number; `nil` without root.
    var block: UInt32? { if case .block(let block) = owner { block } else { nil } }

    /// Blocks that no launcher holds, of those that one has held.
    var freeBlocks: [UInt32] {
        let entries = (try? Directory(Self.lockDirectory).entries()) ?? []
        return entries.compactMap { entry -> UInt32? in
            guard entry.hasPrefix("block-"), let block = UInt32(entry.dropFirst(6)), block != self.block else {
                return nil
            }
            // Held for the moment of looking.
            guard case .some(.some) = try? FileLock(at: Leftovers.path(block, in: Self.lockDirectory)) else {
                return nil
            }
            return block
        }
    }

    /// Where launchers keep what is between them, root's alone.
    static var directory: String { lockDirectory }
}

/// The host's names of one sandbox's two users.
struct IdentitySlot: Hashable {
    enum Owner: Hashable {
        /// Numbers of nobody's but sandboxes', and of each slot's own.
        case block(UInt32)
        /// Without root: the caller's own, the same in each.
        case caller(uid: UInt32, gid: UInt32)
        /// In a container: the policy's, the same in each.
        case given(uid: UInt32, gid: UInt32)
    }

    var number: UInt32
    var owner: Owner

    /// The uid of the sandbox's processes, but for pid 1.
    var command: UInt32 {
        switch owner {
        case .block(let block): Self.first(block, number) + 1
        case .caller(let uid, _), .given(let uid, _): uid
        }
    }

    /// Their gid.
    var commandGroup: UInt32 {
        switch owner {
        case .block: command
        case .caller(_, let gid), .given(_, let gid): gid
        }
    }

    /// Whoever has that uid is a process of this sandbox.
    var isExclusive: Bool { if case .block = owner { true } else { false } }

    /// `uid_map` and `gid_map` of its user namespace: 0 and 1000 inside, two numbers of nobody else's outside; without root
    /// 1000 alone, which is the caller.
    var maps: (uids: String, gids: String) {
        switch owner {
        case .block(let block):
            let map = "0 \(Self.first(block, number)) 1\n1000 \(command) 1\n"
            return (map, map)
        case .caller(let uid, let gid), .given(let uid, let gid): return ("1000 \(uid) 1\n", "1000 \(gid) 1\n")
        }
    }

    private static func first(_ block: UInt32, _ number: UInt32) -> UInt32 {
        SandboxIdentities.base + block * SandboxIdentities.blockSize + number * 2
    }
}
