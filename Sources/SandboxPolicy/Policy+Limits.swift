package import SandboxModel

extension Policy {
    /// The limits of a run: the policy's, with the request's where those are narrower.
    ///
    /// - Throws: `.limitNotAllowed` for a zero, a value that is no number and one that is wider than the policy's.
    package func narrowed(by request: Limits) throws(ServiceError) -> Limits {
        var narrowed = limits
        narrowed.memoryBytes = try narrow(.memory, request.memoryBytes)
        narrowed.cpus = try narrowCores(request.cpus)
        narrowed.processes = try narrow(.processes, request.processes)
        narrowed.openFiles = try narrow(.openFiles, request.openFiles)
        narrowed.fileSizeBytes = try narrow(.fileSize, request.fileSizeBytes)
        narrowed.outputBytes = try narrow(.output, request.outputBytes)
        narrowed.wallMilliseconds = try narrow(.timeout, request.wallMilliseconds)
        narrowed.cpuMilliseconds = try narrow(.cpuTime, request.cpuMilliseconds)
        narrowed.idleMilliseconds = try narrow(.idle, request.idleMilliseconds)
        return narrowed
    }

    private func narrow(_ key: PolicyKey, _ asked: UInt64?) throws(ServiceError) -> UInt64? {
        let own = amount(key)
        guard let asked else { return own }
        // Without a limit of the policy only times remain, and they must not overflow a clock.
        let most = own ?? TimeSpan.accepted.upperBound
        if asked == 0 { throw notAllowed("limit \(key.name) of 0 is not allowed: it must be at least 1") }
        guard asked <= most else {
            throw wider(key, key.describe(asked), own.map(key.describe) ?? TimeSpan.describe(most))
        }
        return asked
    }

    private func narrowCores(_ asked: Double?) throws(ServiceError) -> Double? {
        guard let asked, let most = limits.cpus else { return limits.cpus }
        // Also false for "not a number".
        guard asked.isFinite, asked >= 0.001 else {
            throw notAllowed("limit cpus of \(asked) is not allowed: it must be at least 0.001")
        }
        guard asked <= most else {
            let shown = asked <= 1024 ? CoreCount.describe(millicores: UInt64((asked * 1000).rounded(.up))) : "\(asked)"
            throw wider(.cpus, shown, CoreCount.describe(millicores: amount(.cpus) ?? 0))
        }
        return asked
    }

    private func wider(_ key: PolicyKey, _ asked: String, _ most: String) -> ServiceError {
        notAllowed("limit \(key.name) of \(asked) is wider than policy \(name)'s \(most) (\(place(key)))")
    }

    private func notAllowed(_ message: String) -> ServiceError { ServiceError(.limitNotAllowed, message) }
}
