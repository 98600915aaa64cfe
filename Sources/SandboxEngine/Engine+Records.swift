import LaunchPlan
import LinuxSystem
import Logging
package import SandboxModel
import SandboxPolicy

/// What the log says of runs and refusals: who, by which policy, why. Never a run's arguments, variables or paths, and nothing of
/// a message, which may name them: those are the caller's, and no policy can ask for them. Written when the answers are on
/// their way (`Afterwards`).
extension Engine {
    /// The end of a run.
    func record(_ run: Run, _ verdict: RunMachine.Verdict, _ told: Result<RunResult, ServiceError>) {
        metrics.told(told, uid: run.client.peer.uid)
        var metadata = metadata(run.client.peer.uid, run: run.id, policy: run.plan.policy)
        let peer = run.client.peer
        metadata["tenant"] = run.policy.tenant(uid: peer.uid, gid: peer.gid, groups: peer.groups).map { "\($0)" }
        switch verdict {
        case .ended(let outcome, let report):
            metadata["reason"] = "\(outcome.reason.rawValue)"
            metadata["code"] = outcome.code.map { "\($0)" }
            metadata["signal"] = outcome.signal.map { "\($0)" }
            metadata["limit"] = outcome.limit.map { "\($0)" }
            metadata["observed"] = outcome.observed.map { "\($0)" }
            metadata["wall_ms"] = report.map { "\(Self.milliseconds($0))" }
            metadata["denials"] = report.flatMap { $0.denials.isEmpty ? nil : "\($0.denials.count)" }
        case .notStarted(let failure):
            metadata["reason"] = "not_started"
            metadata["stage"] = "\(failure.stage.name)"
            metadata["errno"] = "\(errnoName(failure.errno))"
            if case .failure(let error) = told { metadata["error"] = "\(error.code.rawValue)" }
            return noteRefusal(of: peer.uid, nil) { [metadata] in metadata }
        case .refused(let error):
            metadata["reason"] = "\(error.code.rawValue)"
            return noteRefusal(of: peer.uid, nil) { [metadata] in metadata }
        }
        log.note(.runEnded, metadata)
    }

    private static func milliseconds(_ report: RunReport) -> UInt64 {
        report.endedAt > report.startedAt && report.startedAt > 0 ? (report.endedAt - report.startedAt) / 1_000_000 : 0
    }

    private func metadata(_ uid: UInt32, run: String? = nil, policy: String?) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["uid": "\(uid)"]
        metadata["run"] = run.map { "\($0)" }
        metadata["policy"] = policy.map { "\($0.shown)" }
        return metadata
    }

    /// A request that a policy refused, by one of its rules.
    func noteRefusal(by denial: Denial, id: String, policy: String, _ client: Client) {
        noteRefusal(of: client.peer.uid, "denied") { [self] in
            var metadata = metadata(client.peer.uid, run: id, policy: policy)
            metadata["reason"] = "denied"
            metadata["kind"] = "\(denial.kind.rawValue)"
            metadata["rule"] = "\(denial.rule.shown)"
            return metadata
        }
    }

    /// A request that could not be carried out. - Parameter policy: the one that was asked for, whatever that is.
    package func noteRefusal(_ error: ServiceError, policy: String?, of client: Client) {
        noteRefusal(of: client.peer.uid, error.code.rawValue) { [self] in
            var metadata = metadata(client.peer.uid, policy: policy)
            metadata["reason"] = "\(error.code.rawValue)"
            return metadata
        }
    }

    /// A connection that was not admitted.
    package func noteRefusal(_ error: ServiceError, ofConnectionFrom uid: UInt32) {
        noteRefusal(of: uid, error.code.rawValue) {
            ["uid": "\(uid)", "reason": "\(error.code.rawValue)", "kind": "connection"]
        }
    }

    /// One record each, as long as the user does not ask for them too fast: a log that others need must not be his to fill.
    ///
    /// - Parameter code: what is counted; `nil` where it is already.
    private func noteRefusal(of uid: UInt32, _ code: String?, _ metadata: @escaping () -> Logger.Metadata) {
        if let code { metrics.refused(uid: uid, code: code) }
        guard refusals.take(uid, at: monotonicNanoseconds()) == nil else {
            // Of very many users the counts of some are lost.
            if unrecorded.count < 1024 || unrecorded[uid] != nil { unrecorded[uid, default: 0] += 1 }
            return
        }
        let more = unrecorded.removeValue(forKey: uid)
        afterwards.add { [log] in
            var metadata = metadata()
            metadata["unrecorded"] = more.map { "\($0)" }
            log.note(.runRefused, metadata)
        }
    }
}
