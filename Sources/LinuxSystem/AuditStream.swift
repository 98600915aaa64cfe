import CSandbox
import Glibc

/// The kernel's audit messages, for a process with CAP_AUDIT_READ; `audit(8)`, multicast group AUDIT_NLGRP_READLOG.
/// Whoever else listens, an audit daemon, hears the same.
package struct AuditStream: ~Copyable {
    private let socket: OwnedDescriptor
    package var number: Int32 { socket.number }

    package init() throws(SystemError) {
        socket = OwnedDescriptor(owning: try system("listen to audit messages") { sandbox_audit_stream() })
    }

    /// Whether the host has audit switched on. Without it the kernel says nothing of Landlock.
    package static func isEnabled() throws(SystemError) -> Bool {
        try system("ask whether audit is enabled") { sandbox_audit_is_enabled() } == 1
    }

    /// One message: its type and text. What was lost because nobody read in time is lost.
    package struct Message: Sendable {
        package let type: UInt16
        package let text: [UInt8]

        package init(type: UInt16, text: [UInt8]) {
            self.type = type
            self.text = text
        }
    }

    private static let largest = 16 << 10
    private static let headerBytes = 16

    /// `nil` when there is none.
    package func next() -> Message? {
        let descriptor = number
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.largest) { buffer, count in
            var received = recv(descriptor, buffer.baseAddress!, buffer.count, Int32(MSG_DONTWAIT))
            // ENOBUFS: some were lost; the next one is still to be had.
            if received < 0 && errno == ENOBUFS {
                received = recv(descriptor, buffer.baseAddress!, buffer.count, Int32(MSG_DONTWAIT))
            }
            count = max(0, received)
        }
        guard bytes.count >= Self.headerBytes else { return nil }
        return Message(
            type: UInt16(bytes[4]) | UInt16(bytes[5]) << 8, text: Array(bytes[Self.headerBytes...]))
    }
}
