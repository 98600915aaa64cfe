import SandboxModel

/// Limits that are never met or allow more than they seem to, because of other limits.
extension PolicyLint {
    mutating func checkLimits() {
        checkTimes()
        checkMemory()
        checkStreams()
        checkFileSize()
    }

    /// Where this file sets one of these keys: what it only inherits is another file's matter.
    private func place(_ keys: PolicyKey...) -> SourceLocation? {
        keys.compactMap { file.settings[$0]?.location }.first
    }

    private func shown(_ key: PolicyKey, _ amount: UInt64) -> String { "'\(key.rawValue)' (\(key.describe(amount)))" }

    private mutating func checkTimes() {
        guard let timeout = policy.amount(.timeout) else { return }
        if let idle = policy.amount(.idle), idle >= timeout, let place = place(.idle, .timeout) {
            warn(place, "\(shown(.idle, idle)) is never met: the timeout ends the run first")
        }
        let most = timeout.multipliedReportingOverflow(by: policy.amount(.cpus) ?? 1000)
        if let cpu = policy.amount(.cpuTime), !most.overflow, cpu >= most.partialValue / 1000,
            let place = place(.cpuTime, .timeout, .cpus)
        {
            warn(place, "\(shown(.cpuTime, cpu)) is never met: 'timeout' and 'cpus' allow no more")
        }
        if let grace = policy.amount(.grace), grace >= timeout, let place = place(.grace, .timeout) {
            let most = TimeSpan.describe(timeout + grace)
            warn(place, "\(shown(.grace, grace)) comes on top of 'limits.timeout': a run may last \(most)")
        }
    }

    private mutating func checkMemory() {
        guard let memory = policy.amount(.memory) else { return }
        if let swap = policy.amount(.swap), swap > 0, let place = place(.swap) {
            let most = ByteCount.describe(memory + swap)
            warn(place, "\(shown(.swap, swap)) comes on top of 'limits.memory': a run may use \(most)")
        }
        checkWorkspaceSize(memory)
        var isTooMuch = false
        for key in [PolicyKey.tmp, .shm] {
            guard let size = policy.amount(key), size > memory else { continue }
            isTooMuch = true
            guard let place = place(key, .memory) else { continue }
            warn(place, "'\(key.rawValue)' is more than 'limits.memory', in which it is counted")
        }
        let both = (policy.amount(.tmp) ?? 0) + (policy.amount(.shm) ?? 0)
        if !isTooMuch, both > memory, let place = place(.tmp, .shm, .memory) {
            warn(
                place,
                "'filesystem.tmp' and 'filesystem.shm' (\(ByteCount.describe(both)) together) are more than 'limits.memory', "
                    + "in which they are counted")
        }
    }

    /// Where a run may bring a directory of the host, the amount is that directory's too, and says nothing of memory.
    private mutating func checkWorkspaceSize(_ memory: UInt64) {
        guard let size = policy.amount(.workspaceSize), size > memory, !sizesDirectories,
            policy.word(.mode) != "read", let place = place(.workspaceSize, .memory)
        else { return }
        warn(
            place, "'workspace.size' is more than 'limits.memory', in which a workspace without a directory is counted")
    }

    private mutating func checkStreams() {
        guard let output = policy.amount(.output) else { return }
        for key in [PolicyKey.stdout, .stderr] {
            guard let amount = policy.amount(key), amount > output, let place = place(key, .output) else { continue }
            warn(place, "\(shown(key, amount)) is never met: 'limits.output' ends the run first")
        }
    }

    /// Nothing else that a run can write to is larger.
    private mutating func checkFileSize() {
        guard let workspace = policy.amount(.workspaceSize), let file = policy.amount(.fileSize) else { return }
        let most = max(workspace, policy.amount(.tmp) ?? 0, policy.amount(.shm) ?? 0)
        if file > most, let place = place(.workspaceSize, .fileSize) {
            warn(
                place,
                "\(shown(.fileSize, file)) is never met: no place has room for more than \(ByteCount.describe(most))")
        }
    }
}
