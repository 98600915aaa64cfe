import Glibc
import LaunchPlan
import LinuxSystem
import NIOCore
package import SandboxModel
import SandboxPolicy

/// A run that has everything but its policy's verdict.
struct HeldLaunch {
    var plan: LaunchRequest
    /// This value's to close, until it is sent.
    var descriptors: [Int32]

    func close() {
        for descriptor in descriptors { Glibc.close(descriptor) }
    }
}

extension Engine {
    /// For a daemon of one call, before the launcher has taken its policy: the probe, and the sandbox for the run that will be
    /// asked for, which is made while that runs. A daemon that lives long makes sandboxes ahead of all requests.
    package func beginAhead(with policy: String) {
        verifier.begin(policy)
        launcher.send(.prepare(policy: policy))
    }

    /// Whether a run by this policy can be asked for at once.
    func isServed(_ policy: String) -> Bool {
        if case .served = verifier.admission(to: policy) { true } else { false }
    }

    /// Asks the launcher for a run when its policy is served.
    func hold(_ run: Run, _ launch: HeldLaunch) {
        switch verifier.admission(to: launch.plan.policy) {
        case .served: run.wasSent(at: sendNow(launch))
        case .refused(let error):
            launch.close()
            // The owner has not been told of the run yet.
            loop.assumeIsolated().execute { run.handle(.refused(error)) }
        case .undecided:
            held[run.number] = launch
            verifier.whenDecided(launch.plan.policy) { [weak self, weak run] error in
                // It may have been cancelled meanwhile.
                guard let self, let run, let launch = held.removeValue(forKey: run.number) else { return }
                guard let error else { return run.wasSent(at: sendNow(launch)) }
                launch.close()
                run.handle(.refused(error))
            }
        }
    }

    /// Asks the launcher for a run whose policy is served. Returns when (CLOCK_MONOTONIC, nanoseconds): before, because the launcher
    /// can have it before this returns.
    func sendNow(_ launch: HeldLaunch) -> UInt64 {
        let now = monotonicNanoseconds()
        // One that was held while policies were reloaded is still for the policy that it was judged by: any other is refused then.
        var plan = launch.plan
        plan.generation = generation
        launcher.send(.launch(plan), descriptors: launch.descriptors)
        #if SANDBOX_FAULTS
            Fault.reach(.requestSent)
        #endif
        return now
    }

    /// Ends a run's tree; one that the launcher has not been asked for ends here.
    func kill(_ number: UInt64) {
        guard let launch = held.removeValue(forKey: number) else { return launcher.send(.kill(run: number)) }
        launch.close()
        runs[number]?.handle(.launchFailed(LaunchFailure(.refused, "cancelled before the start")))
    }

    /// Probes one policy or all of them anew, and calls `then` with the verdicts.
    ///
    /// - Parameter allChecks: whether the verdict on the one policy has every check, and not only those that failed.
    package func verify(
        policy: String?, allChecks: Bool, for client: Client, then: @escaping ([PolicyVerification]) -> Void
    ) throws(ServiceError) {
        // Checks name paths and calls of the policy: nobody sees them who may not see it.
        if let policy { _ = try usablePolicy(policy, for: client) }
        // One answer of bounded size: a service can have hundreds of policies.
        guard policy != nil || !allChecks else {
            throw ServiceError(.invalidRequest, "all checks are shown for one policy")
        }
        let names = policy.map { [$0] } ?? visiblePolicies(for: client).map(\.name)
        let weaker = names.reduce(into: [:]) { all, name in all[name] = policies[name].flatMap(weaknesses) }
        try verifier.verify(names, for: client.peer.uid) { verdicts in
            then(
                verdicts.map { verdict in
                    var shown = verdict
                    shown.weaker = weaker[verdict.policy]
                    if !allChecks { shown.checks.removeAll(where: \.passed) }
                    return shown
                })
        }
    }
}

extension LauncherEvent {
    /// The run that it is about.
    var run: UInt64? {
        switch self {
        case .started(let run, _, _), .handedOver(let run, _), .failed(let run, _), .finished(let run, _),
            .sampled(let run, _):
            run
        case .policyReady, .policyRefused, .auditing, .auditRefused, .sealed, .pool, .policyText, .policiesReplaced,
            .reloadFailed:
            nil
        }
    }
}
