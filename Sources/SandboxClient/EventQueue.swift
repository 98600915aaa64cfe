import SandboxModel

/// Events of one run that were received and not taken yet, and the credit for its output. Never more output than the window.
package struct EventQueue: Sendable {
    /// Output bytes that the daemon may have under way on one channel.
    package static let window = 256 << 10

    private var events: [RunEvent] = []
    /// Output received and not credited yet.
    private var uncredited = 0
    /// The part of `uncredited` that the consumer has taken.
    private var consumed = 0

    package init() {}

    package mutating func append(_ event: RunEvent) { events.append(event) }

    /// Stores a sample in the place of one that still waits, so that a consumer that is slow costs one at most.
    package mutating func append(usage: UsageSample) {
        events.removeAll { if case .usage = $0 { true } else { false } }
        events.append(.usage(usage))
    }

    /// Stores output, or drops it as taken where nobody wants it. Returns `false` when the daemon sent more than it may.
    package mutating func append(_ bytes: ArraySlice<UInt8>, isError: Bool, isWanted: Bool = true) -> Bool {
        guard !bytes.isEmpty else { return true }
        uncredited += bytes.count
        guard uncredited <= Self.window else { return false }
        if isWanted { store(bytes, isError: isError) } else { consumed += bytes.count }
        return true
    }

    /// Adds output, to the last event where that is small and of the same stream, so that a command that writes single
    /// bytes costs no more memory than another.
    private mutating func store(_ bytes: ArraySlice<UInt8>, isError: Bool) {
        if let last = events.last, let old = last.output(isError: isError), old.count + bytes.count <= 64 << 10 {
            events.removeLast()
            events.append(.output(old + bytes, isError: isError))
        } else {
            events.append(.output(Array(bytes), isError: isError))
        }
    }

    package mutating func next() -> RunEvent? {
        guard !events.isEmpty else { return nil }
        let event = events.removeFirst()
        consumed += event.outputBytes
        return event
    }

    /// Takes everything, and nobody looks at it.
    package mutating func drop() {
        events = []
        consumed = uncredited
    }

    /// Credit that is due: once half of the window has been consumed, in one frame.
    package mutating func takeCredit() -> UInt32 {
        guard consumed >= Self.window / 2 else { return 0 }
        defer {
            uncredited -= consumed
            consumed = 0
        }
        return UInt32(consumed)
    }
}
