import CSandbox

/// The processors that threads run on, `sched_setaffinity(2)`, where two of this project have something to do at once and
/// somebody waits for both: in a daemon for one call.
///
/// A message over a Unix socket wakes its reader on the sender's own processor (the kernel takes the sender to be about to
/// sleep), a forked child often begins before its parent goes on, and where processors share no cache, as in many virtual
/// machines, the kernel leaves both there, in turns of milliseconds, with the next processor idle: a quarter of a call.
/// Nothing depends on any of this, so that what does not work is not told.
package enum Processor {
    /// The one that this thread is on; negative where the kernel does not say so.
    package static var current: Int32 { sandbox_processor() }

    /// Moves another process of one thread off this thread's processor, where there is another one that it may use; afterwards
    /// it may run wherever it might before. For whoever has just given it something to do and goes on.
    package static func sendAway(_ pid: Int32) { sandbox_send_from_processor(pid, sandbox_processor()) }

    /// Moves this thread to another one, where it is still on `processor`; afterwards it may run wherever it might before.
    package static func leave(_ processor: Int32) {
        if sandbox_processor() == processor { sandbox_send_from_processor(0, processor) }
    }

    /// Gives this thread's processor to another process, which with its children stays there, and goes on elsewhere.
    package static func leave(to pid: Int32) {
        let here = sandbox_processor()
        sandbox_confine_to_processor(pid, here)
        leave(here)
    }
}
