import LaunchPlan
import SandboxModel

/// How far a run's start was, and when: CLOCK_MONOTONIC, nanoseconds. Taken of every run, told of those that ask.
struct StartStamps {
    /// Its frame was read.
    var readAt: UInt64?
    /// Its request was decoded.
    var arrivedAt: UInt64
    /// The launcher was about to be asked.
    var sentAt: UInt64?
    /// What the launcher noted.
    var launcher: LaunchStamps?
    var startedAt: UInt64?

    init(readAt: UInt64? = nil, arrivedAt: UInt64) {
        self.readAt = readAt
        self.arrivedAt = arrivedAt
    }

    var trace: StartTrace {
        var trace = StartTrace()
        trace.warm = launcher?.isWarm
        trace.decodeMicroseconds = Self.microseconds(readAt, arrivedAt)
        trace.checkMicroseconds = Self.microseconds(arrivedAt, sentAt)
        trace.queueMicroseconds = Self.microseconds(sentAt, launcher?.receivedAt)
        trace.launcherMicroseconds = Self.microseconds(launcher?.receivedAt, launcher?.handedOverAt)
        trace.sandboxMicroseconds = Self.microseconds(launcher?.handedOverAt, startedAt)
        return trace
    }

    private static func microseconds(_ earlier: UInt64?, _ later: UInt64?) -> UInt64? {
        guard let earlier, let later else { return nil }
        return later > earlier ? (later - earlier) / 1000 : 0
    }
}
