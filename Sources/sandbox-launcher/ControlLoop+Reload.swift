import Glibc
import LaunchPlan
import LinuxSystem

/// Policies that are read anew while sandboxes run. A run keeps what it was started with.
extension ControlLoop {
    /// How long the preparer may take for what it is at before it is given up.
    private static let quiescence: UInt64 = 1_000_000_000

    mutating func setReader(_ arguments: [String], _ descriptors: [Int32]) {
        guard !sealed, policyReader == nil, let program = descriptors.first, descriptors.count == 1,
            let own = try? duplicateDescriptor(program)
        else { return }
        policyReader = PolicyReader(program: own, arguments: arguments)
    }

    mutating func startReload() {
        guard sealed, let policyReader else {
            return send(.reloadFailed(.unsupported, reason: "this daemon's policies cannot be read anew"))
        }
        guard reload == nil else {
            return send(.reloadFailed(.busy, reason: "policies are being read already"))
        }
        do throws(LaunchFailure) {
            let started = try at(.handOver) { () throws(SystemError) in
                let started = try policyReader.start()
                try readiness.add(started.socket.number, token: Kind.reader.token())
                return started
            }
            reload = started
        } catch {
            send(.reloadFailed(.reader, reason: "failed to start who reads policies: \(Self.words(error))"))
        }
    }

    private static func words(_ failure: LaunchFailure) -> String {
        failure.errno == 0 ? failure.subject : "\(failure.subject): \(errnoName(failure.errno))"
    }

    /// One message in each turn of the loop: a policy takes some milliseconds, and requests go in between.
    mutating func hearReader() {
        guard let reload else { return }
        do throws(LaunchFailure) {
            let message = try at(.handOver) { () throws(SystemError) in
                try MessageSocket.receive(
                    from: reload.socket.number, maximum: LauncherCommand.maximumBytes, wait: false)
            }
            guard let message else {
                // When all was said, its end is no news.
                if reload.completeSince != nil { return readiness.forget(reload.socket.number) }
                throw LaunchFailure(.refused, "the process that reads policies has ended; its reason is in the log")
            }
            message.closeAll()
            guard let said = try? PolicyReaderMessage(decoding: message.bytes) else {
                throw LaunchFailure(.refused, "the process that reads policies said what is no message")
            }
            try take(said, for: reload)
        } catch {
            // A socket that is ready for nothing.
            if error.errno == EAGAIN { return }
            failReload(.reader, Self.words(error))
        }
    }

    private mutating func take(_ said: PolicyReaderMessage, for reload: PolicyReload) throws(LaunchFailure) {
        guard reload.completeSince == nil else { return }
        switch said {
        case .policy(let policy): answer(prepare(policy, for: reload), to: reload)
        case .text(let bytes): try reload.add(bytes)
        case .complete: reload.complete()
        case .refused(let reason): failReload(.policies, reason)
        }
    }

    /// A policy that is as it was keeps everything that was made of it.
    private func prepare(_ policy: CompiledPolicy, for reload: PolicyReload) -> LauncherEvent {
        do throws(LaunchFailure) {
            guard reload.policies[policy.name] == nil, reload.policies.count < Self.maximumPolicies else {
                throw LaunchFailure(.refused, errno: EPERM, "no more policies are taken")
            }
            if let known = policies[policy.name], known.policy == policy {
                reload.policies[policy.name] = known
            } else {
                reload.policies[policy.name] = try PreparedPolicy(policy, host: host, isAudited: audit != nil)
            }
            return .policyReady(name: policy.name)
        } catch {
            return .policyRefused(name: policy.name, failure: error)
        }
    }

    private mutating func answer(_ event: LauncherEvent, to reload: PolicyReload) {
        do throws(SystemError) {
            try MessageSocket.send(event.encoded, over: reload.socket.number, wait: false)
        } catch {
            failReload(.reader, "the process that reads policies does not listen: \(errnoName(error.errno))")
        }
    }

    private mutating func failReload(_ failure: ReloadFailure, _ reason: String) {
        endReload()
        send(.reloadFailed(failure, reason: reason))
    }

    mutating func endReload() {
        guard let reload else { return }
        readiness.forget(reload.socket.number)
        reload.end()
        self.reload = nil
    }

    /// Returns in how many nanoseconds to look again, if at all.
    mutating func checkReload() -> UInt64? {
        let now = monotonicNanoseconds()
        if let previous, previous.until <= now { self.previous = nil }
        guard let reload else { return previous.map { $0.until - now } }
        if let since = reload.completeSince {
            guard pool.ordered.isEmpty || now > since + Self.quiescence else { return 1_000_000 }
            replacePolicies(by: reload)
            return previous.map { $0.until - now }
        }
        guard now < reload.deadline else {
            failReload(.reader, "the process that reads policies does not end")
            return nil
        }
        return reload.deadline - now
    }

    private mutating func replacePolicies(by reload: PolicyReload) {
        let isSame =
            policies.count == reload.policies.count && policies.allSatisfy { reload.policies[$0.key] === $0.value }
        previous = PreviousPolicies(policies: policies, generation: generation)
        policies = reload.policies
        if policies.values.contains(where: { $0.policy.container != nil }) { containers.isNeeded = true }
        generation += 1
        endReload()
        if !isSame { renewPool() }
        for text in reload.texts { send(.policyText(text)) }
        send(.policiesReplaced(generation: generation))
    }

    mutating func adopted(_ generation: UInt32) {
        if generation == self.generation { previous = nil }
    }

    /// The policy that a request names, as it was when that was judged.
    func policy(for request: LaunchRequest) throws(LaunchFailure) -> PreparedPolicy {
        let known: PreparedPolicy?
        if request.generation == generation {
            known = policies[request.policy]
        } else if let previous, request.generation == previous.generation, monotonicNanoseconds() < previous.until {
            known = previous.policies[request.policy]
        } else {
            throw LaunchFailure(.refused, errno: ESTALE, "policy \(request.policy) was replaced")
        }
        guard let known else { throw LaunchFailure(.refused, errno: ENOENT, "no policy \(request.policy)") }
        return known
    }

    /// What is made ahead is of this policy.
    func isCurrent(_ policy: PreparedPolicy) -> Bool { policies[policy.policy.name] === policy }
}
