/// How far the launcher was with a run's start, and when: CLOCK_MONOTONIC, nanoseconds.
package struct LaunchStamps: Sendable, Equatable {
    /// The request was received.
    package var receivedAt: UInt64
    /// All was ready, and the sandbox was about to get what lets it execute.
    package var handedOverAt: UInt64
    /// Whether the sandbox had been made ahead.
    package var isWarm: Bool

    package init(receivedAt: UInt64, handedOverAt: UInt64, isWarm: Bool) {
        self.receivedAt = receivedAt
        self.handedOverAt = handedOverAt
        self.isWarm = isWarm
    }

    static func encode(_ stamps: Self?, to writer: inout BinaryWriter) {
        writer.put(stamps != nil)
        guard let stamps else { return }
        writer.put(stamps.receivedAt)
        writer.put(stamps.handedOverAt)
        writer.put(stamps.isWarm)
    }

    static func optional(from reader: inout BinaryReader) throws(PlanError) -> Self? {
        guard try reader.bool("stamps") else { return nil }
        return Self(
            receivedAt: try reader.integer(), handedOverAt: try reader.integer(), isWarm: try reader.bool("warm"))
    }
}
