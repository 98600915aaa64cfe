/// Host uids and gids that belong to sandboxes, and to nobody else.
///
/// From 0x70000000 upwards, which systemd's table of uids (UIDS-GIDS) leaves unused, in blocks of 65,536; a launcher
/// takes a block. Whoever has one of these numbers came out of a sandbox (by a socket in a workspace, say) and is never
/// served. Block 0 holds the daemon's own fallback identity.
package enum SandboxIdentities {
    package static let base: UInt32 = 0x7000_0000
    package static let blockSize: UInt32 = 65_536
    package static let blockCount: UInt32 = 1024
    /// Of block 0: no process has it but one that tries for a moment what a user may.
    package static let nobodyElse = base + 1
    /// Of block 0: sandbox-docker's.
    package static let engineClient = base + 2

    package static func uids(ofBlock block: UInt32) -> Range<UInt32> {
        base + block * blockSize..<base + (block + 1) * blockSize
    }

    package static func contains(_ uid: UInt32) -> Bool {
        uid >= base && uid - base < blockSize * blockCount
    }
}
