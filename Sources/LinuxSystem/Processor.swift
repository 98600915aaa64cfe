import CSandbox

/// The processors that a thread may run on, `sched_setaffinity(2)`.
package enum Processor {
    /// Moves this thread to another processor, where there is one that it may use; afterwards it may run wherever it might before.
    ///
    /// For whoever has just started another process and goes on: both are on one processor then, and where processors share no
    /// cache (virtual machines say so) the kernel leaves them there, in turns of milliseconds, with the next processor idle.
    /// Nothing depends on it, so that what does not work is not told.
    package static func leave() { sandbox_leave_processor() }
}
