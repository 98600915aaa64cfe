import LaunchPlan
package import SandboxModel

extension Policy {
    /// The limits of a run: the policy's, with the request's where those are narrower.
    ///
    /// - Parameter workspaceInMemory: whether the run has no directory of the host as its workspace. The one in memory that
    ///   it gets is never without a size, and without one of its own is as large as the policy's `/tmp`.
    /// - Throws: `.limitNotAllowed` for a value below what the policy's key accepts, one that is wider than the policy's and
    ///   one that is no number, with the range that is allowed and the line that sets its end.
    package func narrowed(by request: Limits, workspaceInMemory: Bool = true) throws(ServiceError) -> Limits {
        var narrowed = limits
        if workspaceInMemory { narrowed.workspaceBytes = narrowed.workspaceBytes ?? limits.tmpBytes }
        guard request != Limits() else { return narrowed }
        for limit in RequestLimit.allCases {
            guard let field = limit.field else { continue }
            guard let asked = request[keyPath: field] else { continue }
            if usesImage, limit == .readRate || limit == .writeRate {
                throw ServiceError(
                    .limitNotAllowed,
                    "limit \(limit.name) is not allowed: policy \(name) has 'backend: docker' (\(place(.backend))), and rates "
                        + "hold for the disks behind the host's files")
            }
            var bound = bound(of: limit, workspaceInMemory: workspaceInMemory)
            if limit == .workspaceInodes, workspaceInMemory, bound.key == nil {
                // As many as the launcher gives one of this size; its size comes before it in the list of limits.
                bound.most = MemoryFiles.inodes(ofBytes: narrowed.workspaceBytes ?? 0)
            }
            guard let accepted = limit.key.accepted, accepted.contains(asked), asked <= bound.most else {
                throw notAllowed(limit, limit.key.notation(asked), bound)
            }
            narrowed[keyPath: field] = asked
        }
        guard let cores = request.cpus else { return narrowed }
        let bound = bound(of: .cpus)
        // Written so that "not a number" fails.
        guard cores >= 0.001, cores <= Double(bound.most) / 1000 else {
            throw notAllowed(.cpus, Self.describe(cores: cores), bound)
        }
        narrowed.cpus = cores
        return narrowed
    }

    /// The most that a request may ask for, and the key that says so; no key where no policy could allow more.
    private struct Bound {
        var most: UInt64
        var key: PolicyKey?
    }

    private func bound(of limit: RequestLimit, workspaceInMemory: Bool = false) -> Bound {
        if let own = amount(limit.key) ?? limit.key.amountWhenAbsent { return Bound(most: own, key: limit.key) }
        // What holds in place of a limit that the policy does not set.
        let other: PolicyKey? =
            switch limit {
            case .stdout, .stderr: .output
            case .workspaceSize where workspaceInMemory: .tmp
            default: nil
            }
        if let other, let most = amount(other) { return Bound(most: most, key: other) }
        return Bound(most: limit.key.accepted?.upperBound ?? 0, key: nil)
    }

    /// "limit memory of 0B is not allowed: 1MiB to policy python's 512MiB (python.yaml:30)". Amounts are written so that they
    /// can be asked for as they stand.
    private func notAllowed(_ limit: RequestLimit, _ asked: String, _ bound: Bound) -> ServiceError {
        let key = limit.key
        let least = key.accepted?.lowerBound ?? 0
        let allowed =
            switch bound.key {
            case nil: "\(key.notation(least)) to \(key.notation(bound.most))"
            case let other? where settings[other] == nil:
                "policy \(name) sets no '\(other.rawValue)', which means \(key.notation(bound.most))"
            case let other?:
                "\(key.notation(least)) to policy \(name)'s \(other == key ? "" : "\(other.name) of ")"
                    + "\(key.notation(bound.most)) (\(place(other)))"
            }
        return ServiceError(.limitNotAllowed, "limit \(limit.name) of \(asked) is not allowed: \(allowed)")
    }

    /// Rounded up to what is above the limit by the least that can be written, so that it is not shown as the limit itself.
    private static func describe(cores: Double) -> String {
        guard cores >= 0.001, cores <= 1024 else { return "\(cores)" }
        return CoreCount.describe(millicores: UInt64((cores * 1000).rounded(.up)))
    }
}
