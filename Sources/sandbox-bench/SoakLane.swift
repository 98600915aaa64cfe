import LinuxSystem
import SandboxModel
import SandboxWire

/// One connection with several runs alive; every channel number is used once, so that a second last word is noticed.
final class SoakLane {
    private struct OpenRun {
        var kind: SoakKind
        var sentAt: UInt64
        /// When to act, where the kind does.
        var actAt: UInt64?
        var window: UInt32?
    }

    private let width: Int
    let connection: WireConnection
    private var open: [UInt32: OpenRun] = [:]
    private var lastWords: Set<UInt32> = []
    private var nextChannel: UInt32 = 1
    private var openQuestions: Set<UInt32> = []
    /// Questions have numbers of their own, from here.
    private static let firstQuestion: UInt32 = 1 << 30
    private(set) var acceptedIds: [String] = []

    init(socket: String, width: Int) throws {
        self.width = width
        connection = try WireConnection(path: socket)
    }

    var isEmpty: Bool { open.isEmpty && openQuestions.isEmpty }
    var hasRoom: Bool { open.count < width }
    var nextActAt: UInt64? { open.values.compactMap(\.actAt).min() }
    var oldestSentAt: UInt64? { open.values.map(\.sentAt).min() }
    var openCount: Int { open.count }

    func start(_ kind: SoakKind, workspace: String?, using generator: inout some RandomNumberGenerator) throws {
        var request = kind.request
        request.workspace = workspace
        let now = monotonicNanoseconds()
        var run = OpenRun(kind: kind, sentAt: now)
        if case .cancel(let within) = kind.act {
            run.actAt = now + UInt64.random(in: 0...UInt64(within) * 1000, using: &generator)
        }
        // Half of them with credit, half by the socket's own flow control.
        if Bool.random(using: &generator) { run.window = 32 << 10 }
        let channel = nextChannel
        nextChannel += 1
        open[channel] = run
        try connection.send(.run(channel: channel, request: request, window: run.window))
    }

    /// Asks for all runs with what they use.
    func ask(_ tally: inout SoakTally) throws {
        let channel = Self.firstQuestion + UInt32(tally.questions)
        tally.questions += 1
        openQuestions.insert(channel)
        try connection.send(.list(channel: channel, usage: true))
    }

    /// Does what is due.
    func act(now: UInt64, using generator: inout some RandomNumberGenerator) throws {
        for (channel, run) in open {
            guard let at = run.actAt, at <= now else { continue }
            open[channel]?.actAt = nil
            switch run.kind.act {
            case .cancel, .cancelStarted:
                try connection.send(.cancel(channel: channel, now: false))
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    try connection.send(.cancel(channel: channel, now: false))
                }
            case .signal(let number): try connection.send(.signal(channel: channel, signal: number))
            case .nothing, .input: break
            }
        }
    }

    /// Takes what has come.
    func receive(into tally: inout SoakTally, using generator: inout some RandomNumberGenerator) throws {
        for frame in try connection.receive() {
            switch frame.kind {
            case .control:
                try take(try ControlCoding.decode(ServerMessage.self, from: frame.payload), &tally, &generator)
            case .stdout, .stderr:
                tally.outputBytes += UInt64(frame.payload.count - 4)
                guard let channel = frame.channel, open[channel]?.window != nil else { continue }
                connection.send(.credit(channel: channel, bytes: UInt32(frame.payload.count - 4)))
            case .stdin, .credit: break
            }
        }
    }

    private func take(
        _ message: ServerMessage, _ tally: inout SoakTally, _ generator: inout some RandomNumberGenerator
    ) throws {
        switch message {
        case .accepted(let channel, let id, _):
            acceptedIds.append(id)
            if case .input(let count)? = open[channel]?.kind.act {
                connection.send(.data(.stdin, channel: channel, [UInt8](repeating: 0x61, count: count)))
                connection.send(.data(.stdin, channel: channel, []))
            }
        case .started(let channel):
            switch open[channel]?.kind.act {
            case .cancelStarted(let within):
                let later = UInt64.random(in: 0...UInt64(within) * 1000, using: &generator)
                open[channel]?.actAt = monotonicNanoseconds() + later
            case .signal: open[channel]?.actAt = monotonicNanoseconds()
            case .nothing, .cancel, .input, nil: break
            }
        case .result(let channel, let result):
            end(channel, result.outcome.reason.rawValue, result.outcome.message, isError: false, &tally)
        case .error(let channel?, let error):
            end(channel, error.code.rawValue, error.message, isError: true, &tally)
        case .runs(let channel, _):
            if openQuestions.remove(channel) != nil { tally.answers += 1 } else { tally.seconds += 1 }
        case .error(nil, let error): throw error
        default: break
        }
    }

    private func end(_ channel: UInt32, _ end: String, _ message: String, isError: Bool, _ tally: inout SoakTally) {
        guard lastWords.insert(channel).inserted, let run = open.removeValue(forKey: channel) else {
            tally.seconds += 1
            return
        }
        if isError { tally.errors += 1 } else { tally.results += 1 }
        tally.count(run.kind, end, message)
    }
}

/// A client that starts a few runs, reads nothing, and is gone a moment later.
final class SoakDeserter {
    private let connection: WireConnection
    let leavesAt: UInt64
    let runs: Int

    init(socket: String, using generator: inout some RandomNumberGenerator) throws {
        connection = try WireConnection(path: socket)
        runs = Int.random(in: 1...3, using: &generator)
        for channel in 0..<runs {
            let request = SoakKind.abandoned[Int.random(in: 0..<SoakKind.abandoned.count, using: &generator)]
            try connection.send(.run(channel: UInt32(channel), request: request, window: nil))
        }
        leavesAt = monotonicNanoseconds() + UInt64.random(in: 0...30_000_000, using: &generator)
    }
}
