import NIOCore

/// The end of a service: in peace, and then by force.
extension Engine {
    /// What a run may take of its grace when the service ends.
    private static let longestGrace = TimeAmount.seconds(2)

    /// Takes no more runs; those that are alive go on. `onDrained` follows when there is none.
    package func beginDraining() {
        isDraining = true
        if runs.isEmpty { onDrained() }
    }

    /// Takes no more runs and cancels those that are alive; `onDrained` follows.
    package func drain() {
        isDraining = true
        let wasIdle = runs.isEmpty
        for run in runs.values { run.cancel(now: false, "because sandboxd is stopping") }
        // Whatever grace their policies give: whoever stops the service gives it a few seconds.
        loop.assumeIsolated().scheduleTask(in: Self.longestGrace) { [weak self] in
            guard let self else { return }
            for run in Array(runs.values) { run.cancel(now: true, "because sandboxd is stopping") }
        }
        verifier.stop("sandboxd is stopping")
        if wasIdle { onDrained() }
    }
}
