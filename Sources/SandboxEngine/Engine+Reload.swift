import LaunchPlan
import LinuxSystem
import Logging
import NIOCore
import NIOPosix
package import SandboxModel
import SandboxPolicy

/// A reload that the launcher was asked for.
struct Reloading {
    /// What root has read, as far as it has come.
    var text: [UInt8] = []
    let then: (Result<ReloadReport, ServiceError>) -> Void
    /// The launcher has the new policies.
    var isReplaced = false
}

/// Policies that are read anew by a fresh process of root's, which the launcher starts: this process has no say in what the launcher
/// then enforces.
extension Engine {
    /// Reads the policies anew, for a client.
    ///
    /// - Parameter then: called once, when every new policy has been verified.
    package func reload(
        for client: Client, then: @escaping (Result<ReloadReport, ServiceError>) -> Void
    ) throws(ServiceError) {
        guard client.peer.uid == 0 else {
            throw ServiceError(.notPermitted, "user \(client.peer.uid) may not have the policies read anew: root may")
        }
        try reload(then: then)
    }

    /// The same, for whoever has sent a signal.
    package func reload(then: @escaping (Result<ReloadReport, ServiceError>) -> Void) throws(ServiceError) {
        guard readPolicies != nil else {
            throw ServiceError(.invalidRequest, "a sandboxd for one call has no policies to read anew")
        }
        guard !isDraining else { throw .stopping }
        guard reloading == nil else {
            throw ServiceError(ReloadFailure.busy, "policies are being read already")
        }
        reloading = Reloading(then: then)
        onReload(true)
        launcher.send(.reload)
    }

    func receivedOfReload(_ event: LauncherEvent) {
        guard reloading != nil else { return log.warning("the launcher told of a reload that nobody asked for") }
        switch event {
        case .policyText(let bytes):
            guard (reloading?.text.count ?? 0) + bytes.count <= PolicyReaderMessage.maximumTextsBytes else { return }
            reloading?.text += bytes
        case .policiesReplaced(let generation): take(generation)
        case .reloadFailed(let failure, let reason):
            for line in reason.split(separator: "\n") {
                log.note(.policiesNotReloaded, ["reason": "\(String(line).shown)"], at: .error)
            }
            endReload(.failure(ServiceError(failure, reason)))
        default: break
        }
    }

    func endReload(_ result: Result<ReloadReport, ServiceError>) {
        guard let reloading else { return }
        self.reloading = nil
        onReload(false)
        reloading.then(result)
    }

    /// The launcher enforces other policies from now on. Reading them takes milliseconds, in which runs end: not on the loop.
    private func take(_ generation: UInt32) {
        guard let readPolicies, let text = reloading?.text, reloading?.isReplaced == false else { return }
        reloading?.isReplaced = true
        let engine = NIOLoopBound(self, eventLoop: loop)
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        pool.runIfActive(eventLoop: loop) { try readPolicies(try PolicyTexts(decoding: text)) }
            .whenComplete { result in
                pool.shutdownGracefully { _ in }
                engine.value.took(result, generation)
            }
    }

    private func took(_ result: Result<PolicySet, any Error>, _ generation: UInt32) {
        switch result {
        case .success(let policies): replace(by: policies, generation)
        case .failure(let error):
            // The launcher's are others by now, and no request would fit them.
            let reason = "the policies that root has read can not be understood: \("\(error)".shown)"
            log.critical("\(reason)")
            endReload(.failure(ServiceError(.launchFailed, reason)))
            onDisagreement(reason)
        }
    }

    private func replace(by new: PolicySet, _ generation: UInt32) {
        let old = policies
        policies = new
        compiled = [:]
        for name in new.names { compiled[name] = new[name]?.compiled() }
        self.generation = generation
        verifier.replace(new, generation: generation)
        launcher.send(.adopted(generation: generation))
        verifier.whenAllDecided { [weak self] verdicts in
            guard let self else { return }
            let report = Self.report(old, new, verdicts)
            let changed = report.policies.filter { $0.change != .unchanged }
            log.note(
                .policiesReloaded,
                [
                    "policies": "\(new.names.joined(separator: ","))", "generation": "\(generation)",
                    "changed": "\(changed.map { "\($0.change.rawValue) \($0.policy)" }.joined(separator: ", "))",
                ], at: .notice)
            endReload(.success(report))
        }
    }

    private static func report(_ old: PolicySet, _ new: PolicySet, _ verdicts: [PolicyVerification]) -> ReloadReport {
        let removed = old.names.filter { new[$0] == nil }.map { ReloadReport.Entry(policy: $0, change: .removed) }
        let kept = verdicts.map { verdict in
            let before = old[verdict.policy]?.digest
            let change: ReloadReport.Change =
                before == nil ? .added : before == verdict.digest ? .unchanged : .changed
            let failed = verdict.checks.first { !$0.passed }
            return ReloadReport.Entry(
                policy: verdict.policy, change: change, digest: verdict.digest, state: verdict.state,
                reason: verdict.reason
                    ?? failed.map { "\($0.name): expected \($0.expected), observed \($0.observed)" })
        }
        return ReloadReport(policies: (removed + kept).sorted { $0.policy < $1.policy })
    }
}
