import SandboxModel

/// A `run` as nearly all are, read without `Codable`, which takes most of the time between a request's frame and its launch.
extension ClientMessage {
    /// What `Codable` makes of it, which tests and the fuzzer hold it to; `nil` for all that is left to that: every other
    /// message, whatever is rare, and whatever is wrong, so that there is one place for what is said about it.
    init?(ordinary document: JSONDocument) {
        guard !document.hasWords, let message = try? OrdinaryRun(document).message() else { return nil }
        self = message
    }
}

/// What has no place in an ordinary `run`.
private struct Extraordinary: Error {}

private struct OrdinaryRun {
    private let document: JSONDocument

    init(_ document: JSONDocument) { self.document = document }

    func message() throws(Extraordinary) -> ClientMessage {
        var isRun = false
        var channel: UInt32?
        var request: RunRequest?
        var window: UInt32?
        try members(of: 0) { key, value throws(Extraordinary) in
            switch key {
            case "type": isRun = try text(value) == "run"
            case "channel": channel = try integer(value)
            case "request": request = try self.request(value)
            case "window": window = try integer(value)
            default: throw Extraordinary()
            }
        }
        guard isRun, let channel, let request else { throw Extraordinary() }
        return .run(channel: channel, request: request, window: window)
    }

    private func request(_ index: Int) throws(Extraordinary) -> RunRequest {
        var request = RunRequest(argv: [])
        var isComplete = false
        try members(of: index) { key, value throws(Extraordinary) in
            switch key {
            case "argv":
                request.argv = try texts(value)
                isComplete = true
            case "policy": request.policy = try text(value)
            case "workspace": request.workspace = try text(value)
            case "cwd": request.cwd = try text(value)
            case "environment": request.environment = try variables(value)
            case "limits": request.limits = try limits(value)
            case "stdin": request.stdin = try flag(value)
            default: throw Extraordinary()
            }
        }
        guard isComplete else { throw Extraordinary() }
        return request
    }

    /// Those that agents set for each of their calls.
    private func limits(_ index: Int) throws(Extraordinary) -> Limits {
        var limits = Limits()
        try members(of: index) { key, value throws(Extraordinary) in
            switch key {
            case "cpu_ms": limits.cpuMilliseconds = try amount(value)
            case "idle_ms": limits.idleMilliseconds = try amount(value)
            case "memory_bytes": limits.memoryBytes = try amount(value)
            case "output_bytes": limits.outputBytes = try amount(value)
            case "processes": limits.processes = try amount(value)
            case "wall_ms": limits.wallMilliseconds = try amount(value)
            default: throw Extraordinary()
            }
        }
        return limits
    }

    // MARK: - Values

    private func members(
        of index: Int, _ body: (_ key: String, _ value: Int) throws(Extraordinary) -> Void
    ) throws(Extraordinary) {
        try require(.object, index)
        var key = index + 1
        while key < document.next(index) {
            guard let name = document.text(key) else { throw Extraordinary() }
            try body(name, key + 1)
            key = document.next(key + 1)
        }
    }

    /// What was stored as a whole, and is not more than a command can take.
    private func require(_ kind: JSONDocument.Node.Kind, _ index: Int) throws(Extraordinary) {
        let node = document.nodes[index]
        guard node.kind == kind, !node.mark, node.count <= RunRequest.maximumStrings else { throw Extraordinary() }
    }

    private func texts(_ index: Int) throws(Extraordinary) -> [String] {
        try require(.array, index)
        var texts: [String] = []
        texts.reserveCapacity(Int(document.nodes[index].count))
        var element = index + 1
        while element < document.next(index) {
            texts.append(try text(element))
            element = document.next(element)
        }
        return texts
    }

    private func variables(_ index: Int) throws(Extraordinary) -> [String: String] {
        var variables: [String: String] = [:]
        try members(of: index) { key, value throws(Extraordinary) in variables[key] = try text(value) }
        return variables
    }

    private func text(_ index: Int) throws(Extraordinary) -> String {
        guard let text = document.text(index) else { throw Extraordinary() }
        return text
    }

    private func flag(_ index: Int) throws(Extraordinary) -> Bool {
        switch document.nodes[index].kind {
        case .truth: return true
        case .falsehood: return false
        default: throw Extraordinary()
        }
    }

    private func integer(_ index: Int) throws(Extraordinary) -> UInt32 {
        guard let number: UInt32 = document.integer(index) else { throw Extraordinary() }
        return number
    }

    /// Digits without a fraction or an exponent, fewer than those of 2^53. (-0 is 0 here too.)
    private func amount(_ index: Int) throws(Extraordinary) -> UInt64 {
        let node = document.nodes[index]
        guard !node.mark, node.count < 16, let number: UInt64 = document.integer(index) else { throw Extraordinary() }
        return number
    }
}
