import SandboxClient

/// From when the time to the answer counts: the moment at which the run had to end.
enum Deadline: Sendable {
    /// The request was sent.
    case request
    /// The client heard that the command was started, and so many milliseconds: the wall-clock limit.
    case started(UInt64)
    /// The last time that the command wrote down, read from the clock that both share, and so many milliseconds.
    case told(UInt64)
    /// The client sent `cancel`, after the command had said "up".
    case cancel
    /// The same with `now`: without its grace.
    case cancelNow
    /// The client sent `kill` over another connection, after the command had said "up".
    case kill
    /// The client closed its connection, after the command had said "up". The answer is that pid 1 has been reaped.
    case closed

    var text: String {
        switch self {
        case .request: "request sent"
        case .started(let milliseconds): "started + \(milliseconds) ms"
        case .told(0): "the command's own clock"
        case .told(let milliseconds): "the command's own clock + \(milliseconds) ms"
        case .cancel: "cancel sent"
        case .cancelNow: "cancel sent, with `now`"
        case .kill: "kill sent"
        case .closed: "connection closed"
        }
    }
}

/// One row: a command, what ends it, and what its result must say.
struct LimitCase: Sendable {
    var name: String
    /// The command as people would say it.
    var shown: String
    var request: RunRequest
    var deadline: Deadline
    var reason: Outcome.Reason
    /// The limit that must be among `limits_hit`.
    var hit: String?
    /// Its standard output is held by this program until the run has ended.
    var isHeldOutside = false
    /// What takes seconds is run so many times less.
    var divisor = 1

    init(
        _ name: String, _ shown: String, _ argv: [String], _ limits: Limits = Limits(), policy: String? = nil,
        from deadline: Deadline, _ reason: Outcome.Reason
    ) {
        self.name = name
        self.shown = shown
        request = RunRequest(argv: argv, policy: policy, limits: limits)
        self.deadline = deadline
        self.reason = reason
    }

    func hitting(_ limit: String) -> LimitCase { changed { $0.hit = limit } }
    func heldOutside() -> LimitCase { changed { $0.isHeldOutside = true } }
    func rarely(_ divisor: Int) -> LimitCase { changed { $0.divisor = divisor } }
    func onTerminal() -> LimitCase { changed { $0.request.terminal = TerminalSize(columns: 80, rows: 24) } }

    private func changed(_ body: (inout LimitCase) -> Void) -> LimitCase {
        var copy = self
        body(&copy)
        return copy
    }
}
