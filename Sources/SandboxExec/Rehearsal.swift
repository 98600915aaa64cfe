import SandboxModel
import SandboxWire

/// Reads an answer while the service works on the real one.
///
/// The first time that a type is decoded, Swift's runtime builds what it needs for it, and searches the program for
/// conformances: 0.3 ms for a result, which would pass between the command's end and ours.
enum Rehearsal {
    static let result = """
        {"type":"result","channel":1,"result":{"id":"","policy":"","backend":"","outcome":{"reason":"exited","code":0,\
        "message":""},"usage":{"wall_ms":1,"start_ms":0.5,"stdout_truncated":false},"limits":{"cpus":1,"wall_ms":1},\
        "limits_hit":[],"denials":[]}}
        """

    /// What comes of it does not matter.
    static func perform() { _ = try? ControlCoding.decode(ServerMessage.self, from: Array(result.utf8)) }
}
