import Glibc
package import SandboxModel

/// Threads for calls that block, so that no thread of the concurrency runtime ever does.
package enum Threads {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts a detached thread that ends with `body`. All signals are blocked in it: the program's own threads handle
    /// them.
    package static func start(_ body: @escaping @Sendable () -> Void) throws(ServiceError) {
        var all = sigset_t()
        var previous = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Body(body))
        let status = pthread_create(
            &thread, &attributes,
            { argument in
                // The argument is the box that is retained above; there is always one.
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, box.toOpaque())
        if status != 0 {
            box.release()
            throw ServiceError(
                .overloaded, "failed to start a thread: \(ErrorNumber(status))", category: .temporary)
        }
    }
}

/// Runs a blocking call on a thread of its own and waits for it by suspension.
///
/// The wait does not end by cancellation: a call that may block for ever belongs into a task that nobody awaits.
package func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        do {
            try Threads.start { continuation.resume(returning: body()) }
        } catch {
            continuation.resume(throwing: error)
        }
    }
}
