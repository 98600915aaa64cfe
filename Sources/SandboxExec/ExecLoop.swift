import Glibc
import SandboxClient
import SandboxModel
import SandboxWire

/// One run over one connection, on one thread: service, signals, standard input and output are looked after in turn, and
/// none of them is waited for alone.
struct ExecLoop {
    /// As many bytes may wait for the service before more input is read.
    private static let maximumPendingBytes = 1 << 20

    let options: ExecOptions
    let explain: ((PolicySummary) throws -> Void)?
    var link: ServiceLink
    var input: ExecInput
    var run: ExecRun
    private let signals: Descriptor
    private(set) var interruption = Interruption()
    private var output: ExecOutput
    private var pump = OutputPump()
    /// Why the command's output could not be written: nothing more is then.
    private(set) var writeFailure: ErrorNumber?
    private var isResultShown = false

    init(
        _ options: ExecOptions, _ link: ServiceLink, _ input: ExecInput, signals: Descriptor,
        explain: ((PolicySummary) throws -> Void)?
    ) throws(ServiceError) {
        self.options = options
        self.explain = explain
        self.link = link
        self.input = input
        self.signals = signals
        run = ExecRun(request: try options.request(stdin: input.isThere))
        output = ExecOutput(json: options.json, quiet: options.quiet)
    }

    /// Runs the command to its end.
    mutating func perform() throws -> RunResult {
        try greet()
        link.send()
        Rehearsal.perform()
        while true {
            if let result = try showEvents() { return result }
            link.send()
            try waitAndTake()
        }
    }

    /// Shows what has happened, as far as stdout and stderr take it. Returns the result once it is shown.
    private mutating func showEvents() throws(ServiceError) -> RunResult? {
        while true {
            if let failure = pump.write() { try giveUpOutput(failure) }
            guard pump.blocked == nil else { return nil }
            if let event = run.events.next() {
                try show(event)
                let credit = run.takeCredit()
                if credit > 0 { link.add(.credit(channel: ExecRun.channel, bytes: credit)) }
                continue
            }
            if let failure = run.failure { throw failure }
            guard let result = run.result else { return nil }
            if isResultShown { return result }
            isResultShown = true
            try show(.result(result))
        }
    }

    private mutating func show(_ event: RunEvent) throws(ServiceError) {
        if writeFailure == nil { pump.add(try output.chunks(for: event, of: run.id ?? "")) }
    }

    private mutating func giveUpOutput(_ failure: ErrorNumber) throws(ServiceError) {
        writeFailure = failure
        try cancel(now: false)
    }

    private mutating func cancel(now: Bool) throws(ServiceError) {
        if !run.isOver { try link.add(.cancel(channel: ExecRun.channel, now: now)) }
    }

    /// Sleeps until somebody has something for us, or takes something from us.
    private mutating func waitAndTake() throws {
        let wanted: [(Descriptor?, CInt)] = [
            (signals, POLLIN),
            (
                run.isOver ? nil : Descriptor(number: link.descriptor),
                link.pendingBytes > 0 ? POLLIN | POLLOUT : POLLIN
            ),
            (!run.isOver && link.pendingBytes < Self.maximumPendingBytes ? input.awaited : nil, POLLIN),
            (pump.blocked, POLLOUT),
        ]
        var entries = wanted.map { pollfd(fd: $0?.number ?? -1, events: Int16($1), revents: 0) }
        guard poll(&entries, nfds_t(entries.count), -1) > 0 else { return }
        if entries[0].revents != 0 { try takeSignals() }
        if entries[1].revents & ~Int16(POLLOUT) != 0 { try takeFrames() }
        if entries[2].revents != 0, !run.isOver, let bytes = input.next() {
            link.add(.data(.stdin, channel: ExecRun.channel, bytes))
        }
    }

    private mutating func takeSignals() throws(ServiceError) {
        guard case .success(let received) = signals.readNow(atMost: 16) else { return }
        for signal in received.map(CInt.init) {
            if signal == SIGWINCH {
                // A size that comes too late for its run does not matter.
                guard run.isAccepted, !run.isOver else { continue }
                try link.add(.resize(channel: ExecRun.channel, size: Terminal.size))
                continue
            }
            switch interruption.take(signal, hasRun: run.isAccepted) {
            case .cancel(let now): try cancel(now: now)
            case .leave:
                Terminal.restore()
                // The daemon sees the connection end, and ends the run.
                _exit(ExitStatus.signal(signal))
            }
        }
    }
}
