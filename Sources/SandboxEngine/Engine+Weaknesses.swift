import LaunchPlan
import SandboxModel
import SandboxPolicy

extension Weakness {
    /// What a daemon lacks for a run with these limits. Nothing, where its launcher is root: what that cannot enforce it refuses.
    ///
    /// - Parameter hasWorkspace: it works on a directory of the host.
    static func list(_ limits: Limits, hasWorkspace: Bool, on resources: ResourceControl) -> [Weakness] {
        let features = resources.features
        guard !features.contains(.identities) else { return [] }
        return allCases.filter { weakness in
            switch weakness {
            case .ownUID: true
            case .memory: !features.contains(.memoryLimit)
            case .cpus: !features.contains(.cpuLimit)
            case .cpuTime: limits.cpuMilliseconds != nil && !features.contains(.cpuUsage)
            case .readRate: limits.readBytesPerSecond != nil && !features.contains(.readRate)
            case .writeRate: limits.writeBytesPerSecond != nil && !features.contains(.writeRate)
            case .workspaceSize: hasWorkspace && (limits.workspaceBytes ?? limits.workspaceInodes) != nil
            }
        }
    }
}

extension Engine {
    /// Names of what a run will lack; `nil` for nothing.
    ///
    /// - Throws: `notEnforceable`, when the request does not accept all of it.
    func weaknesses(of request: RunRequest, limits: Limits, policy: String) throws(ServiceError) -> [String]? {
        let weaknesses = Weakness.list(limits, hasWorkspace: request.workspace != nil, on: resources)
        let missing = weaknesses.filter { !request.acceptWeaker.contains($0.name) }
        guard missing.isEmpty else { throw refusal(missing, policy) }
        return weaknesses.isEmpty ? nil : weaknesses.map(\.name)
    }

    /// What a policy's runs may lack, with its own limits and a directory of the host.
    func weaknesses(of policy: Policy) -> [String]? {
        guard let limits = try? policy.narrowed(by: Limits(), workspaceInMemory: false) else { return nil }
        let weaknesses = Weakness.list(limits, hasWorkspace: true, on: resources)
        return weaknesses.isEmpty ? nil : weaknesses.map(\.name)
    }

    private func refusal(_ missing: [Weakness], _ policy: String) -> ServiceError {
        let each = missing.map { "\($0.name) (\($0.meaning))" }.joined(separator: ", ")
        let options = missing.map { "--accept-weaker \($0.name)" }.joined(separator: " ")
        let byGroup = missing.filter(\.isKeptByGroup).map(\.name)
        let group =
            byGroup.isEmpty
            ? ""
            : "; \(byGroup.joined(separator: ", ")): also by a group of your own in a systemd user session with cgroup v2"
                + (groupAbsence.map { " (here: \($0))" } ?? "")
        return ServiceError(
            .notEnforceable,
            "without root sandboxd cannot keep all that policy '\(policy)' promises: \(each). To run without it: "
                + "\(options). To have it: sudo, or a service\(group)")
    }
}
