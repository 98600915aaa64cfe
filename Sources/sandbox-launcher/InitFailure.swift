import CInitPlan
import Glibc
import LaunchPlan
import LinuxSystem

/// What pid 1 has said of a step that failed, when it is gone before it was given everything: that is the reason, and not the
/// message that could not be delivered.
enum InitFailure {
    /// What it says comes before its socket's end. Its command's process ends first where the step was that one's.
    private static let patience: Int32 = 100
    private static let mostMessages = 8

    /// - Parameters:
    ///   - errno: of the message that could not be delivered.
    ///   - socket: pid 1's.
    static func told(after errno: Int32, over socket: Int32) -> LaunchFailure? {
        guard errno == EPIPE || errno == ECONNRESET else { return nil }
        for _ in 0..<mostMessages {
            var state = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&state, 1, patience) > 0 else { return nil }
            // Nothing: the error of an undelivered message is read once, and what was said before comes after it.
            guard
                let message = try? MessageSocket.receive(
                    from: socket, maximum: MemoryLayout<init_denial>.size, wait: false)
            else { continue }
            message.closeAll()
            if let failure = LaunchFailure(report: message.bytes) { return failure }
        }
        return nil
    }
}

extension LaunchFailure {
    /// `nil` for a message of pid 1's that tells of no failure.
    init?(report bytes: [UInt8]) {
        guard bytes.count == MemoryLayout<init_report>.size else { return nil }
        let report = bytes.withUnsafeBytes { $0.loadUnaligned(as: init_report.self) }
        guard report.kind == init_report_failed.rawValue else { return nil }
        self.init(LaunchStage(rawValue: UInt16(truncatingIfNeeded: report.stage)) ?? .initReceive, errno: report.error)
    }
}
