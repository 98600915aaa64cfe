/// What became of all runs of a soak.
struct SoakTally: Encodable, Sendable {
    /// Requests that were sent.
    var sent = 0
    var results = 0
    var errors = 0
    /// Runs whose connection this program closed before their end: nobody was left to be told.
    var abandoned = 0
    /// Last words after the last word.
    var seconds = 0
    /// Runs whose connection was open and that got no last word.
    var missing = 0
    /// By kind, then by reason or code.
    var ends: [String: [String: Int]] = [:]
    /// Ends that are not the kind's.
    var unexpected = 0
    /// The first of them, for people.
    var examples: [String] = []
    /// Runs that the daemon had accepted, and how many of them its log has ended exactly once.
    var accepted = 0
    var loggedOnce = 0
    var outputBytes: UInt64 = 0
    /// `list` with usage, and its answers.
    var questions = 0
    var answers = 0

    mutating func count(_ kind: SoakKind, _ end: String, _ message: String) {
        ends[kind.name, default: [:]][end, default: 0] += 1
        guard !kind.ends.contains(end) else { return }
        unexpected += 1
        if examples.count < 10 { examples.append("\(kind.name): \(end): \(message)") }
    }

    /// Whether every run had exactly one end, and the right one.
    var isRight: Bool {
        seconds == 0 && missing == 0 && unexpected == 0 && accepted == loggedOnce
            && results + errors + abandoned == sent && answers == questions
    }
}

/// SplitMix64: the same mixture again for the same seed.
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
