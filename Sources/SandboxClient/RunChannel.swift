import SandboxModel
import SandboxWire

/// The client's end of one run: events that were received and not taken yet, and both directions' credit.
///
/// The reader thread fills it, one consumer empties it. It never holds more output than the window.
final class RunChannel: Sendable {
    enum End: Sendable {
        case result(RunResult)
        case failure(ServiceError)
    }

    fileprivate struct State: Sendable {
        var number: UInt32 = 0
        var id: String?
        var inputCredit = 0
        var isInputClosed: Bool
        var events = EventQueue()
        var end: End?
        var isEndTaken = false
        /// Nobody will take events any more: output is credited and dropped, so that the run can end.
        var isAbandoned = false
    }

    private let connection: Connection
    private let monitor: Monitor<State>
    let acceptsInput: Bool

    init(connection: Connection, acceptsInput: Bool) {
        self.connection = connection
        self.acceptsInput = acceptsInput
        monitor = Monitor(State(isInputClosed: !acceptsInput))
    }

    func setNumber(_ number: UInt32) { monitor.peek { $0.number = number } }

    // MARK: for the reader thread

    func accept(id: String, inputCredit: UInt32) {
        monitor.update { state in
            state.id = id
            state.inputCredit += Int(inputCredit)
        }
    }

    func takeInputCredit(_ bytes: UInt32) { monitor.update { $0.inputCredit += Int(bytes) } }

    func takeStarted() {
        monitor.update { state in
            if !state.isAbandoned { state.events.append(.started) }
        }
    }

    func takeUsage(_ usage: UsageSample) {
        monitor.update { state in
            if !state.isAbandoned { state.events.append(usage: usage) }
        }
    }

    func takeOmitted(_ stream: StreamName, bytes: UInt64) {
        monitor.update { state in
            if !state.isAbandoned { state.events.append(.omitted(stream, bytes: bytes)) }
        }
    }

    /// Stores output. Returns `false` when the daemon sent more than it may.
    func takeOutput(_ bytes: ArraySlice<UInt8>, isError: Bool) -> Bool {
        guard !bytes.isEmpty else { return true }
        let (isAllowed, credit) = monitor.update { state -> (Bool, UInt32) in
            let isAllowed = state.events.append(bytes, isError: isError, isWanted: !state.isAbandoned)
            return (isAllowed, isAllowed ? state.takeCredit() : 0)
        }
        sendCredit(credit)
        return isAllowed
    }

    func end(_ end: End) {
        monitor.update { state in
            if state.end == nil { state.end = end }
        }
    }

    // MARK: for the consumer

    /// Waits for the daemon's answer to the request: the run's id.
    func waitUntilAccepted() async throws -> String {
        let answer = try await monitor.wait { state -> Result<String, ServiceError>? in
            if let id = state.id { return .success(id) }
            switch state.end {
            case .result(let result): return .success(result.id)
            case .failure(let error): return .failure(error)
            case nil: return nil
            }
        }
        return try answer.get()
    }

    /// The next event; `nil` after the result. Throws the service's error once, then returns `nil`.
    func nextEvent(isolation: isolated (any Actor)? = #isolation) async throws -> RunEvent? {
        let (next, credit) = try await monitor.wait { state -> (Result<RunEvent?, ServiceError>, UInt32)? in
            if let event = state.events.next() { return (.success(event), state.takeCredit()) }
            if state.isEndTaken || state.isAbandoned { return (.success(nil), 0) }
            guard let end = state.end else { return nil }
            state.isEndTaken = true
            switch end {
            case .result(let result): return (.success(.result(result)), 0)
            case .failure(let error): return (.failure(error), 0)
            }
        }
        sendCredit(credit)
        return try next.get()
    }

    /// Waits until input can be written: for how many bytes. Throws when the run has ended or its input is closed.
    func waitForInputRoom() async throws -> Int {
        try await monitor.wait { $0.inputRoom }.get()
    }

    func write(_ bytes: ArraySlice<UInt8>) async throws {
        var rest = bytes
        while !rest.isEmpty {
            let limit = min(rest.count, Frame.maximumDataBytes - 4)
            let count = try await monitor.wait { state -> Result<Int, ServiceError>? in
                guard let room = state.inputRoom else { return nil }
                return room.map { room in
                    let count = min(room, limit)
                    state.inputCredit -= count
                    return count
                }
            }.get()
            try await connection.writer.send(.data(.stdin, channel: number, rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
    }

    func closeInput() async throws {
        let isOpen = monitor.update { state in
            defer { state.isInputClosed = true }
            return !state.isInputClosed && state.end == nil
        }
        if isOpen { try await connection.writer.send(.data(.stdin, channel: number, [])) }
    }

    func send(_ message: (UInt32) -> ClientMessage) async throws {
        if monitor.peek({ $0.end == nil }) { try await connection.writer.send(Connection.frame(message(number))) }
    }

    /// Asks the daemon to end the run; its result still comes.
    func cancel(now: Bool) {
        guard monitor.peek({ $0.end == nil }) else { return }
        // A number and two words: this cannot fail to become JSON.
        if let frame = try? Connection.frame(.cancel(channel: number, now: now)) {
            connection.writer.sendWithoutWaiting(frame)
        }
    }

    /// Cancels the run and lets go of what it has sent and will send.
    func abandon() {
        let (isAlive, credit) = monitor.update { state -> (Bool, UInt32) in
            guard !state.isAbandoned, state.end == nil else { return (false, 0) }
            state.isAbandoned = true
            state.events.drop()
            return (true, state.takeCredit())
        }
        guard isAlive else { return }
        sendCredit(credit)
        cancel(now: false)
    }

    private var number: UInt32 { monitor.peek { $0.number } }

    private func sendCredit(_ bytes: UInt32) {
        guard bytes > 0 else { return }
        connection.writer.sendWithoutWaiting(.credit(channel: number, bytes: bytes))
    }
}

extension RunChannel.State {
    /// Credit that is due, as long as there is somebody to have it.
    fileprivate mutating func takeCredit() -> UInt32 { end == nil ? events.takeCredit() : 0 }

    fileprivate var inputRoom: Result<Int, ServiceError>? {
        if end != nil { return .failure(ServiceError(.unknownRun, "the run has ended")) }
        if isInputClosed { return .failure(ServiceError(.invalidRequest, "the run's standard input is closed")) }
        return inputCredit > 0 ? .success(inputCredit) : nil
    }
}
