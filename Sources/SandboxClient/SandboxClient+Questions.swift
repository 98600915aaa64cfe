public import SandboxModel
import SandboxWire

/// What can be asked of a service beside runs. Each call throws `ServiceError.Code.invalidRequest` where the daemon is too
/// old to be asked: an unknown message would end the connection, and with it every run.
extension SandboxClient {
    /// The caller's runs that are alive, of all of its connections; root sees everybody's.
    ///
    /// - Parameter usage: also what each has used, and the limits in force: `RunSummary.usage` and `limits`. The figures are
    ///   at most a tenth of a second old. A list of more than 512 runs has no limits.
    public func runs(usage: Bool = false) async throws -> [RunSummary] {
        if usage { try require(WireCapability.usage, "be asked what runs use") }
        guard case .runs(_, let runs) = try await connection.ask({ .list(channel: $0, usage: usage) }) else {
            throw unexpected(answerTo: "list")
        }
        return runs
    }

    /// One run by id, with what it has used and the limits in force. Throws `ServiceError.Code.unknownRun` when it has ended.
    public func stats(_ id: String) async throws -> RunSummary {
        try require(WireCapability.usage, "be asked what runs use")
        guard case .stats(_, let run) = try await connection.ask({ .stats(channel: $0, id: id) }) else {
            throw unexpected(answerTo: "stats")
        }
        return run
    }

    /// Ends a run by id, also one of another connection of the same user; its result says `cancelled`.
    ///
    /// Returns when the daemon has taken it: the run may have its grace then, which a second call or `now` ends.
    public func kill(_ id: String, now: Bool = false) async throws {
        guard case .killed = try await connection.ask({ .kill(channel: $0, id: id, now: now) }) else {
            throw unexpected(answerTo: "kill")
        }
    }

    /// What the service found on its host: which limits it can enforce and what it can count.
    public func host() async throws -> HostReport {
        try require(WireCapability.host, "be asked about its host")
        guard case .host(_, let host) = try await connection.ask({ .host(channel: $0) }) else {
            throw unexpected(answerTo: "host")
        }
        return host
    }

    /// What the service is doing: runs of the caller's user (root: of everybody), sandboxes that wait for the next ones, and
    /// how many runs found one.
    public func serviceStats() async throws -> ServiceStats {
        try require(WireCapability.service, "be asked what it is doing")
        guard case .service(_, let service) = try await connection.ask({ .service(channel: $0) }) else {
            throw unexpected(answerTo: "service")
        }
        return service
    }

    /// What the service has counted since it began, of the caller's user (root: of everybody), in the text format of Prometheus.
    public func metrics() async throws -> String {
        try require(WireCapability.metrics, "be asked for what it has counted")
        guard case .metrics(_, let text) = try await connection.ask({ .metrics(channel: $0) }) else {
            throw unexpected(answerTo: "metrics")
        }
        return text
    }

    /// The policies that the caller may use: all of the service's for root.
    public func policies() async throws -> [PolicySummary] {
        try require(WireCapability.policies, "be asked for its policies")
        guard case .policies(_, let policies) = try await connection.ask({ .policies(channel: $0) }) else {
            throw unexpected(answerTo: "policies")
        }
        return policies
    }

    /// One of them, with all that holds in it as `effective`.
    public func policy(_ name: String) async throws -> PolicySummary {
        try require(WireCapability.policies, "be asked for its policies")
        guard case .policy(_, let policy) = try await connection.ask({ .policy(channel: $0, name: name) }) else {
            throw unexpected(answerTo: "policy")
        }
        return policy
    }

    /// Probes the confinement of a policy, or of all of them, anew: what each probe found.
    ///
    /// - Parameter allChecks: for one policy, also the checks that held.
    public func verify(policy: String? = nil, allChecks: Bool = false) async throws -> [PolicyVerification] {
        try require(WireCapability.verify, "verify policies")
        let message = try await connection.ask { .verify(channel: $0, policy: policy, allChecks: allChecks) }
        guard case .verified(_, let policies) = message else { throw unexpected(answerTo: "verify") }
        return policies
    }

    /// Has the policy files read anew, for root: all of them come into force, or none where anything is wrong in any
    /// (`ServiceError.Code.invalidPolicies`). Runs that are alive keep the policies that they were started under. Returns when
    /// every new policy has been verified.
    public func reload() async throws -> ReloadReport {
        try require(WireCapability.reload, "read its policies anew")
        guard case .reloaded(_, let report) = try await connection.ask({ .reload(channel: $0) }) else {
            throw unexpected(answerTo: "reload")
        }
        return report
    }

    private func require(_ capability: String, _ what: String) throws(ServiceError) {
        try server.require([CapabilityNeed(capability: capability, what: what)])
    }

    private func unexpected(answerTo question: String) -> ServiceError {
        ServiceError(.protocolViolation, "sandboxd answered \(question) with something else")
    }
}
