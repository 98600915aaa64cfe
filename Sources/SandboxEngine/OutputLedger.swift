import SandboxModel

/// What of a run's output the limits let pass, what of that is carried to the client, and what came in all. A value
/// without I/O; a terminal's output is all standard output.
struct OutputLedger {
    /// One stream's part.
    struct Stream {
        fileprivate let limit: UInt64
        fileprivate let head: UInt64
        /// At the most; 0: nothing is kept for the end.
        let tailBytes: Int
        /// Bytes that the command wrote and sandboxd read.
        fileprivate(set) var observed: UInt64 = 0
        /// Of these, what no limit was met by.
        fileprivate(set) var passed: UInt64 = 0
        fileprivate(set) var carried: UInt64 = 0
        /// A limit was met: nothing more of it passes.
        fileprivate(set) var isCut = false

        /// How many bytes more are carried as they come.
        var headLeft: UInt64 { head - min(head, passed) }
        /// What passed and was neither carried nor is in a tail of so many bytes.
        func omitted(besides tail: Int) -> UInt64 { passed - carried - UInt64(tail) }
        var isTruncated: Bool { carried < observed }
    }

    private let sumLimit: UInt64
    private(set) var stdout: Stream
    private(set) var stderr: Stream

    init(limits: Limits, keep: OutputKeep?) {
        sumLimit = limits.outputBytes ?? .max
        stdout = Stream(limits.stdoutBytes, keep?.stdout)
        stderr = Stream(limits.stderrBytes, keep?.stderr)
    }

    subscript(kind: OutputKind) -> Stream {
        get { kind == .stdout ? stdout : stderr }
        set {
            if kind == .stdout { stdout = newValue } else { stderr = newValue }
        }
    }

    /// What became of bytes that were read.
    struct Passage: Equatable {
        /// How many of them, from the first on, may be carried or kept.
        var passed: Int
        /// The limit that the next one is too many for, and what was observed against it. Once for each limit.
        var exceeded: RunMachine.OutputLimit?
        var observed: UInt64 = 0
    }

    /// How many bytes of a stream could be read now without meeting a limit.
    func room(for kind: OutputKind) -> UInt64 {
        let stream = self[kind]
        return stream.isCut ? 0 : min(stream.limit - stream.passed, sumLimit - (stdout.passed + stderr.passed))
    }

    /// Counts bytes of one stream.
    mutating func read(_ count: Int, of kind: OutputKind) -> Passage {
        self[kind].observed += UInt64(count)
        let stream = self[kind]
        guard !stream.isCut else { return Passage(passed: 0) }
        let own = stream.limit - stream.passed
        let sum = sumLimit - (stdout.passed + stderr.passed)
        let passed = min(UInt64(count), own, sum)
        self[kind].passed += passed
        guard passed < count else { return Passage(passed: Int(passed)) }
        self[kind].isCut = true
        guard own > sum else {
            return Passage(
                passed: Int(passed), exceeded: kind == .stdout ? .stdout : .stderr, observed: stream.observed)
        }
        stdout.isCut = true
        stderr.isCut = true
        return Passage(passed: Int(passed), exceeded: .sum, observed: stdout.observed + stderr.observed)
    }

    mutating func carry(_ count: Int, of kind: OutputKind) { self[kind].carried += UInt64(count) }
}

extension OutputLedger.Stream {
    fileprivate init(_ limit: UInt64?, _ part: OutputKeep.Part?) {
        self.limit = limit ?? .max
        head = part?.headBytes ?? .max
        tailBytes = Int(min(part?.tailBytes ?? 0, OutputKeep.maximumTailBytes))
    }
}
