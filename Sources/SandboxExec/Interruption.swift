import Glibc

/// Ctrl-C and its relatives: the first cancels the run, which has its grace then; the second ends that; the result is still
/// shown. The third ends sandboxctl.
struct Interruption {
    enum Step: Equatable {
        case cancel(now: Bool)
        case leave
    }

    /// The first signal that asked for an end.
    private(set) var signal: CInt?
    private var count = 0

    /// What a signal asks for. `hasRun`: the service has taken the run; before that, only leaving ends it.
    mutating func take(_ signal: CInt, hasRun: Bool) -> Step {
        guard hasRun, count < 2 else { return .leave }
        count += 1
        self.signal = self.signal ?? signal
        return .cancel(now: count > 1)
    }
}
