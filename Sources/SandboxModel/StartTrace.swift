/// Where the time of a run's start went: microseconds, each part from the end of the one before. A part that the run did not
/// come to is absent.
public struct StartTrace: Codable, Sendable, Equatable {
    /// Whether its sandbox had been made ahead.
    public var warm: Bool?
    /// From the request's frame until what it says was understood.
    public var decodeMicroseconds: UInt64?
    /// From there until the launcher was asked: policy, command filter, pipes; also a wait for the policy's probe.
    public var checkMicroseconds: UInt64?
    /// From there until the launcher had received it.
    public var queueMicroseconds: UInt64?
    /// From there until the sandbox was given its command, with the making of the sandbox where none had waited.
    public var launcherMicroseconds: UInt64?
    /// From there until the command was executed.
    public var sandboxMicroseconds: UInt64?

    public init() {}

    enum CodingKeys: String, CodingKey {
        case warm
        case decodeMicroseconds = "decode_us"
        case checkMicroseconds = "check_us"
        case queueMicroseconds = "queue_us"
        case launcherMicroseconds = "launcher_us"
        case sandboxMicroseconds = "sandbox_us"
    }
}
