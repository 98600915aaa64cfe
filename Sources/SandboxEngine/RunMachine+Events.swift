package import LaunchPlan
package import SandboxModel

extension RunMachine {
    /// Timers that sandboxd watches; the kernel has none for a whole tree.
    package enum Clock: Sendable, Hashable, CaseIterable {
        case wall, idle, cpu
        /// When to tell what the tree uses.
        case usage
        /// How long the tree may take to end after it was asked to.
        case grace
        /// How long the launcher may take to start a run, or to end it.
        case launcher
    }

    package enum Event: Sendable, Equatable {
        case started(at: UInt64)
        /// Its pid 1 has the command, and has had no CPU time to say that it executes.
        case handedOver(at: UInt64)
        /// The launcher could not start it; nothing of it is left.
        case launchFailed(LaunchFailure)
        /// Its policy is not served after all; the launcher has not been asked.
        case refused(ServiceError)
        /// Nothing of the tree runs any more. Its output may still be in the pipes.
        case exited(RunReport)
        /// The command wrote something.
        case output
        /// It wrote more than one of its limits on output; `observed` counts the byte that was too much.
        case outputOverflow(OutputLimit, observed: UInt64)
        /// After `exited`: the last output has been handed to the client.
        case drained
        case timer(Clock)
        /// Somebody wants to know what the tree uses.
        case sampleWanted
        case sampled(TreeUsage)
        /// `now`: without its grace. A second one does not wait for the grace either.
        case cancel(now: Bool)
        case clientGone
        case launcherGone
    }

    /// Which limit on output was exceeded.
    package enum OutputLimit: Sendable, Hashable, CaseIterable {
        /// Of both streams together.
        case sum
        case stdout, stderr
    }

    package enum Action: Sendable, Equatable {
        /// Tell the client that the command runs.
        case announce
        /// Ask the whole tree to end (SIGTERM). At most once, and never after `kill`.
        case stop
        /// End the whole tree. At most once.
        case kill
        /// Ask the launcher what the tree has consumed. The next one comes after its answer.
        case sample
        /// Tell the client what the tree has consumed: its interval is over.
        case publish(TreeUsage)
        /// Replaces what the clock was set to before.
        case arm(Clock, at: UInt64)
        /// The end. Nothing comes after it.
        case deliver(Verdict)
    }

    package enum Verdict: Sendable, Equatable {
        case ended(Outcome, RunReport?)
        case notStarted(LaunchFailure)
        case refused(ServiceError)
    }

    /// Why sandboxd ended a run, and when it decided so.
    package struct Decision: Sendable, Equatable {
        var reason: Outcome.Reason
        var at: UInt64
        var limit: UInt64?
        var observed: UInt64?
        /// With `outputLimit`.
        var output = OutputLimit.sum
        /// Whether the tree was asked to end before it was killed.
        var hadGrace = false
    }
}
