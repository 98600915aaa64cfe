import SandboxClient
import SandboxModel

/// How far a run has come.
struct ExecRun {
    /// The only one of the connection.
    static let channel: UInt32 = 1

    let request: RunRequest
    /// How the daemon introduced itself.
    var server: ServerHello?
    var isSent = false
    var id: String?
    var events = EventQueue()
    /// The end, one of the two, which is told when all events are. (No `Result` and no enumeration of both: to copy one, the
    /// runtime searches for conformances first.)
    private(set) var result: RunResult?
    private(set) var failure: ServiceError?

    init(request: RunRequest) { self.request = request }

    var isAccepted: Bool { id != nil }
    var isOver: Bool { result != nil || failure != nil }

    /// Credit that is due, as long as there is somebody to have it.
    mutating func takeCredit() -> UInt32 { isOver ? 0 : events.takeCredit() }

    mutating func finish(_ result: RunResult) {
        id = id ?? result.id
        if !isOver { self.result = result }
    }

    mutating func fail(_ error: ServiceError) {
        if !isOver { failure = error }
    }
}
