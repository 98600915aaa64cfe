import Synchronization

/// State behind a lock, and tasks that wait until it allows something: a condition variable for tasks.
///
/// Every suspension of this library is a `wait` on a monitor, so that there is one place only where a continuation is
/// stored and resumed. Whatever ends a connection or a run is written into the state by `update`, which wakes all
/// waiters; each looks again and either has its value or waits on.
final class Monitor<State: Sendable>: Sendable {
    private struct Guarded {
        var state: State
        /// Counts updates, so that a task that is about to wait notices one that came in between.
        var version: UInt64 = 0
        var nextTicket: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    }

    private enum Attempt<Value: Sendable>: Sendable {
        case value(Value)
        case wait(ticket: UInt64, version: UInt64)
    }

    private let guarded: Mutex<Guarded>

    init(_ state: State) {
        guarded = Mutex(Guarded(state: state))
    }

    /// Changes the state and lets every waiter look again.
    func update<Value: Sendable>(_ body: (inout State) -> Value) -> Value {
        let (value, woken) = guarded.withLock { guarded in
            let value = body(&guarded.state)
            guarded.version += 1
            let woken = Array(guarded.waiters.values)
            guarded.waiters.removeAll(keepingCapacity: true)
            return (value, woken)
        }
        for waiter in woken { waiter.resume() }
        return value
    }

    /// Reads the state, or changes it in a way that no waiter waits for.
    func peek<Value: Sendable>(_ body: (inout State) -> Value) -> Value {
        guarded.withLock { body(&$0.state) }
    }

    /// Suspends until `body` has a value. `body` runs under the lock, may run often, and may change the state when it
    /// returns a value; other waiters are not told.
    ///
    /// Throws `CancellationError` when the task is or gets cancelled.
    func wait<Value: Sendable>(
        isolation: isolated (any Actor)? = #isolation, _ body: (inout State) -> Value?
    ) async throws -> Value {
        while true {
            try Task.checkCancellation()
            let attempt = guarded.withLock { guarded -> Attempt<Value> in
                if let value = body(&guarded.state) { return .value(value) }
                guarded.nextTicket += 1
                return .wait(ticket: guarded.nextTicket, version: guarded.version)
            }
            switch attempt {
            case .value(let value): return value
            case .wait(let ticket, let version): await suspend(ticket: ticket, version: version)
            }
        }
    }

    /// Waits for an update after `version` or for the task's cancellation.
    ///
    /// Cancellation sets the task's flag first and calls the handler then. So either the flag is seen under the lock
    /// and nothing is stored, or the handler comes after the store and finds the continuation.
    private func suspend(
        isolation: isolated (any Actor)? = #isolation, ticket: UInt64, version: UInt64
    ) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isStale = guarded.withLock { guarded in
                    guard guarded.version == version, !Task.isCancelled else { return true }
                    guarded.waiters[ticket] = continuation
                    return false
                }
                if isStale { continuation.resume() }
            }
        } onCancel: {
            guarded.withLock { $0.waiters.removeValue(forKey: ticket) }?.resume()
        }
    }
}
