import LinuxSystem
package import SandboxModel
import SandboxPolicy

extension Engine {
    /// The policies that a client may see: those that it may use, all for root.
    package func policyList(for client: Client) -> [PolicySummary] {
        visiblePolicies(for: client).map { $0.summary }
    }

    /// One of them, with all that holds in it.
    package func policy(named name: String, for client: Client) throws(ServiceError) -> PolicySummary {
        let policy = try usablePolicy(name, for: client)
        var summary = policy.summary
        let effective = PolicyRenderer.effective(policy)
        guard effective.utf8.count <= Self.maximumEffectiveBytes else {
            throw ServiceError(.overloaded, "policy '\(name.shown)' is too large to be sent")
        }
        summary.effective = effective
        summary.weaker = weaknesses(of: policy)
        return summary
    }

    /// Escaped as JSON, where a byte of text becomes two at most, it still fits a control frame.
    private static var maximumEffectiveBytes: Int { 1_000_000 }

    /// A policy that a client may see.
    func usablePolicy(_ name: String, for client: Client) throws(ServiceError) -> Policy {
        guard let policy = policies[name] else { throw unknownPolicy(name, for: client) }
        if client.peer.uid != 0, let denial = policy.refusal(client.peer) {
            throw ServiceError(.denied, "policy '\(name)' (\(denial.rule)) refused \(denial.subject.shown)")
        }
        return policy
    }

    func unknownPolicy(_ name: String, for client: Client) -> ServiceError {
        let names = visiblePolicies(for: client).map(\.name).joined(separator: ", ")
        return ServiceError(.unknownPolicy, "no policy '\(name.shown)'; there are \(names)")
    }

    func visiblePolicies(for client: Client) -> [Policy] {
        policies.names.compactMap { policies[$0] }
            .filter { client.peer.uid == 0 || $0.refusal(client.peer) == nil }
    }
}

extension Policy {
    func refusal(_ peer: PeerIdentity) -> Denial? { refusal(uid: peer.uid, gid: peer.gid, groups: peer.groups) }
}
